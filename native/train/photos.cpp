// The list of photos, cut into training and validation.
#include "train/photos.h"

#include <algorithm>
#include <set>

#include "data/split.h"
#include "train/random.h"

namespace nevus {
namespace {

constexpr std::uint64_t kSplitSeed = 4;  // see training.h for the other purposes

std::set<std::string> groups_of(const std::vector<Sample>& samples) {
  std::set<std::string> groups;
  for (const Sample& sample : samples) {
    groups.insert(sample.group);
  }
  return groups;
}

// Takes out the photos whose lesion is in `groups`; says how many.
std::size_t drop_groups(std::vector<Sample>& samples, const std::set<std::string>& groups) {
  const std::size_t before = samples.size();
  samples.erase(std::remove_if(samples.begin(), samples.end(),
                               [&](const Sample& s) { return groups.count(s.group) != 0; }),
                samples.end());
  return before - samples.size();
}

}  // namespace

std::pair<std::size_t, std::size_t> Photos::kinds(const std::vector<Sample>& samples) const {
  std::size_t bad = 0;
  for (const Sample& sample : samples) {
    bad += malignant[static_cast<std::size_t>(sample.label)] ? 1u : 0u;
  }
  return {samples.size() - bad, bad};
}

std::string data_text(const TrainOptions& options) {
  std::string text;
  for (const Source& source : options.data)
    text += (text.empty() ? "" : " + ") + source.path.string();
  return text;
}

Result<Photos> choose_photos(const TrainOptions& options, TrainObserver& observer) {
  const auto dataset = load_dataset(options.data, options.groups);
  if (!dataset) {
    return dataset.error();
  }
  for (const std::string& warning : dataset->warnings) {
    observer.warn(warning);
  }
  const std::string source = data_text(options);
  Photos photos;
  photos.classes = dataset->classes;
  photos.hash = dataset_hash(*dataset);
  for (const std::string& label : photos.classes) {
    const auto named = [&](const std::vector<std::string>& labels) {
      return std::find(labels.begin(), labels.end(), label) != labels.end();
    };
    photos.malignant.push_back(named(options.malignant) ||
                               (is_malignant_label(label) && !named(options.benign)));
  }
  if (std::count(photos.malignant.begin(), photos.malignant.end(), true) == 0) {
    return Error{source + ": none of its classes counts as malignant; name them with --malignant",
                 ""};
  }
  if (std::count(photos.malignant.begin(), photos.malignant.end(), false) == 0) {
    return Error{source + ": all of its classes count as malignant", ""};
  }

  const std::vector<Sample> test = dataset->of_split("test");
  photos.test = test.size();
  photos.val = dataset->of_split("val");
  photos.given_val = !photos.val.empty();
  photos.train = dataset->of_split("train");
  const std::vector<Sample> unmarked = dataset->of_split("");
  photos.train.insert(photos.train.end(), unmarked.begin(), unmarked.end());
  const std::size_t others =
      dataset->samples.size() - photos.train.size() - photos.val.size() - photos.test;
  if (others != 0) {
    observer.warn(source + ": " + std::to_string(others) +
                  " photos belong to a split other than train, val and test: left out");
  }
  if (photos.train.empty()) {
    return Error{source + ": no photo is left to train on", ""};
  }

  if (dataset->has_groups) {
    const std::set<std::string> tested = groups_of(test);
    if (!options.keep_test_groups) {
      photos.dropped = drop_groups(photos.train, tested) + drop_groups(photos.val, tested);
      if (photos.dropped != 0) {
        observer.warn(source + ": " + std::to_string(photos.dropped) +
                      " photos show a lesion that is also in the test split: left out of training "
                      "(--keep-test-groups keeps them)");
      }
    }
    if (photos.given_val && options.folds == 0) {
      const std::size_t shared = drop_groups(photos.train, groups_of(photos.val));
      if (shared != 0) {
        observer.warn(source + ": " + std::to_string(shared) +
                      " training photos show a lesion that is also in the validation split: left "
                      "out");
      }
    }
  }
  if (options.folds > 0) {
    photos.train.insert(photos.train.end(), photos.val.begin(), photos.val.end());
    photos.val.clear();
    const std::vector<int> fold =
        stratified_group_folds(photos.train, options.folds, mix({options.seed, kSplitSeed}));
    std::vector<Sample> train;
    for (std::size_t i = 0; i < fold.size(); ++i) {
      (fold[i] + 1 == options.fold ? photos.val : train).push_back(std::move(photos.train[i]));
    }
    photos.train = std::move(train);
  } else if (!photos.given_val) {
    const Split split = stratified_group_split(photos.train, options.recipe.val_share,
                                               mix({options.seed, kSplitSeed}));
    std::vector<Sample> train;
    for (const std::size_t i : split.train) train.push_back(photos.train[i]);
    for (const std::size_t i : split.val) photos.val.push_back(photos.train[i]);
    photos.train = std::move(train);
  }
  for (const auto& [samples, use] :
       {std::pair{&photos.train, "training"}, std::pair{&photos.val, "validation"}}) {
    const auto [benign, malignant] = photos.kinds(*samples);
    if (benign == 0 || malignant == 0) {
      return Error{source + ": no " + (benign == 0 ? "benign" : "malignant") +
                       " photo is left for " + use + "; both kinds are needed",
                   ""};
    }
  }
  return photos;
}

}  // namespace nevus
