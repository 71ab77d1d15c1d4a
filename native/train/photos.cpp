// The list of photos, cut into training and validation.
#include "train/photos.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "data/split.h"
#include "train/random.h"

namespace nevus {
namespace {

constexpr std::uint64_t kSplitSeed = 4;  // see training.h for the other purposes
constexpr std::uint64_t kTrialSeed = 6;

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

// The network's classes and what the data's labels mean. Returns for each of `names` its number
// among Photos::labels.
Result<std::vector<int>> read_labels(const std::vector<std::string>& names,
                                     const TrainOptions& options, Photos& photos) {
  std::vector<int> meaning(names.size());
  for (const bool open : {false, true}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::vector<std::string> parts = classes_of_label(names[i]);
      if ((parts.size() > 1) != open) continue;
      meaning[i] = static_cast<int>(photos.labels.size());
      photos.labels.push_back(names[i]);
      if (!open) {
        const auto named = [&](const std::vector<std::string>& labels) {
          return std::find(labels.begin(), labels.end(), names[i]) != labels.end();
        };
        photos.possible.push_back({meaning[i]});
        photos.classes.push_back(names[i]);
        photos.malignant.push_back(named(options.malignant) ||
                                   (is_malignant_label(names[i]) && !named(options.benign)));
        continue;
      }
      std::vector<int> possible;
      for (const std::string& part : parts) {
        const auto found = std::find(photos.classes.begin(), photos.classes.end(), part);
        if (found == photos.classes.end())
          return Error{"the label '" + names[i] + "' names '" + part + "', which no photo has", ""};
        possible.push_back(static_cast<int>(found - photos.classes.begin()));
      }
      const auto bad = std::count_if(possible.begin(), possible.end(), [&](int c) {
        return photos.malignant[static_cast<std::size_t>(c)];
      });
      if (bad != 0 && bad != static_cast<std::ptrdiff_t>(possible.size()))
        return Error{"the label '" + names[i] + "' leaves open whether a photo is malignant", ""};
      photos.malignant.push_back(bad != 0);
      photos.possible.push_back(std::move(possible));
    }
  }
  return meaning;
}

// Each source gives validation photos: those that it marks, else a share of each label.
void cut_validation(const TrainOptions& options, Photos& photos) {
  std::set<int> given;
  for (const Sample& sample : photos.val) given.insert(sample.source);
  std::map<int, std::vector<Sample>> by_source;
  for (Sample& sample : photos.train) by_source[sample.source].push_back(std::move(sample));
  photos.train.clear();
  for (auto& [source, samples] : by_source) {
    Split split;
    if (given.count(source) == 0) {
      split = stratified_group_split(samples, options.recipe.val_share,
                                     mix({options.seed, kSplitSeed}));
    } else {
      split.train.resize(samples.size());
      std::iota(split.train.begin(), split.train.end(), std::size_t{0});
    }
    for (const std::size_t i : split.train) photos.train.push_back(samples[i]);
    for (const std::size_t i : split.val) photos.val.push_back(samples[i]);
  }
  // Sources may share lesions.
  drop_groups(photos.train, groups_of(photos.val));
}

// About `share` of each label's photos, two at least, in their order.
void keep_some(std::vector<Sample>& samples, double share, std::uint64_t seed) {
  if (share >= 1) return;
  std::map<int, std::vector<std::size_t>> by_label;
  for (std::size_t i = 0; i < samples.size(); ++i) by_label[samples[i].label].push_back(i);
  std::vector<std::size_t> kept;
  for (auto& [label, members] : by_label) {
    shuffle(members, mix({seed, kTrialSeed, static_cast<std::uint64_t>(label)}));
    const auto wanted = static_cast<std::size_t>(share * static_cast<double>(members.size()) + 0.5);
    members.resize(std::min(members.size(), std::max<std::size_t>(2, wanted)));
    kept.insert(kept.end(), members.begin(), members.end());
  }
  std::sort(kept.begin(), kept.end());
  std::vector<Sample> some;
  for (const std::size_t i : kept) some.push_back(std::move(samples[i]));
  samples = std::move(some);
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
  auto dataset = load_dataset(options.data, options.groups);
  if (!dataset) {
    return dataset.error();
  }
  for (const std::string& warning : dataset->warnings) {
    observer.warn(warning);
  }
  const std::string source = data_text(options);
  Photos photos;
  photos.hash = dataset_hash(*dataset);
  const auto meaning = read_labels(dataset->classes, options, photos);
  if (!meaning) return Error{source + ": " + meaning.error().message, ""};
  for (Sample& sample : dataset->samples)
    sample.label = (*meaning)[static_cast<std::size_t>(sample.label)];
  if (options.folds > 0 && photos.labels.size() > photos.classes.size()) {
    return Error{source + ": cross-validation needs one class for each photo, '" +
                     photos.labels.back() + "' leaves several open",
                 ""};
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
  } else {
    cut_validation(options, photos);
  }
  if (options.photos > 0) {
    const auto all = static_cast<double>(photos.train.size());
    keep_some(photos.train, static_cast<double>(options.photos) / all, options.seed);
    keep_some(photos.val, static_cast<double>(options.photos) / all, options.seed);
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
