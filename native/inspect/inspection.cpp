// From photos to issues and groups.
#include "inspect/inspection.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <numeric>
#include <opencv2/core/utility.hpp>
#include <optional>
#include <thread>

namespace nevus {
namespace {

// Sets of photos that belong together (union-find with path halving).
class Sets {
 public:
  explicit Sets(std::size_t n) : parent_(n) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The smaller index leads: names don't depend on the order of joining.
  void join(std::size_t a, std::size_t b) {
    a = find(a), b = find(b);
    if (a != b) parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parent_;
};

const char* words(Likeness likeness) {
  switch (likeness) {
    case Likeness::same_pixels:
      return "the same picture";
    case Likeness::same_picture:
      return "the same picture, stored again";
    case Likeness::same_lesion:
      break;
  }
  return "seems to show the same lesion";
}

void add_pair_issues(const Dataset& dataset, Inspection& result) {
  for (const PhotoPair& pair : result.pairs) {
    const std::size_t a = result.readable[pair.first], b = result.readable[pair.second];
    const Sample &first = dataset.samples[a], &second = dataset.samples[b];
    const bool copy = pair.likeness != Likeness::same_lesion;
    std::string detail = words(pair.likeness);
    char text[64];
    if (copy) {
      std::snprintf(text, sizeof text, " (correlation %.3f)", pair.score);
    } else {
      std::snprintf(text, sizeof text, " (%.0f structures match)", pair.score);
    }
    detail += text;
    if (first.label != second.label) {
      result.issues.push_back(
          {Severity::fix, copy ? "contradicting-labels" : "contradicting-lesion", a,
           static_cast<long>(b),
           detail + ", labelled " + dataset.classes[static_cast<std::size_t>(first.label)] +
               " and " + dataset.classes[static_cast<std::size_t>(second.label)]});
    }
    if (first.split != second.split) {
      result.issues.push_back({Severity::fix,
                               copy ? "duplicate-across-splits" : "lesion-across-splits", a,
                               static_cast<long>(b),
                               detail + ", in " + (first.split.empty() ? "no split" : first.split) +
                                   " and " + (second.split.empty() ? "no split" : second.split)});
    } else if (copy) {
      result.issues.push_back({Severity::look, "duplicate", a, static_cast<long>(b), detail});
    } else {
      result.issues.push_back({Severity::note, "same-lesion", a, static_cast<long>(b), detail});
    }
  }
}

}  // namespace

Inspection inspect(const Dataset& dataset, int threads,
                   const std::function<bool(const char*, std::size_t, std::size_t)>& progress) {
  cv::setNumThreads(1);  // each of ours takes a photo; OpenCV's own would only get in their way
  Inspection result;
  const std::size_t n = dataset.samples.size();
  std::vector<std::optional<PhotoFeatures>> found(n);
  std::vector<std::string> reasons(n);
  std::atomic<std::size_t> next{0}, done{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::vector<std::thread> workers;
  for (int t = 0; t < std::max(1, threads); ++t) {
    workers.emplace_back([&] {
      FeatureExtractor extractor;
      for (std::size_t i = next++; i < n && !stop; i = next++) {
        try {
          auto features = extractor.extract(dataset.samples[i].file);
          if (features) {
            found[i] = std::move(*features);
          } else {
            reasons[i] = features.error().message;
          }
        } catch (const std::exception& error) {  // memory, or OpenCV on an odd picture
          reasons[i] = error.what();
        }
        const std::size_t finished = ++done;
        if (progress && finished % 16 == 0) {
          const std::lock_guard lock(mutex);
          if (!progress("reading", finished, n)) stop = true;
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  if (stop) {
    result.stopped = true;
    return result;
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (found[i]) {
      result.readable.push_back(i);
      result.photos.push_back(std::move(*found[i]));
    } else {
      result.issues.push_back({Severity::fix, "unreadable", i, -1, reasons[i]});
    }
  }

  result.pairs = find_pairs(result.photos, threads, [&](std::size_t count) {
    if (progress && !progress("comparing", count, result.photos.size())) stop = true;
    return !stop.load();
  });
  if (stop) {
    result.stopped = true;
    return result;
  }
  add_pair_issues(dataset, result);
  for (std::size_t i = 0; i < result.photos.size(); ++i) {
    for (const QualityIssue issue : result.photos[i].quality.issues) {
      result.issues.push_back({Severity::note, std::string(id(issue)), result.readable[i], -1,
                               std::string(sentence(issue))});
    }
  }
  std::stable_sort(result.issues.begin(), result.issues.end(),
                   [](const Issue& a, const Issue& b) { return a.severity < b.severity; });

  Sets sets(n);
  for (const PhotoPair& pair : result.pairs) {
    sets.join(result.readable[pair.first], result.readable[pair.second]);
  }
  // What the data says of lesions counts as well.
  if (dataset.has_groups) {
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < n; ++i) {
      const auto [entry, is_new] = first.emplace(dataset.samples[i].group, i);
      if (!is_new) sets.join(entry->second, i);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "g%06zu", sets.find(i));
    result.groups.push_back(name);
  }
  return result;
}

}  // namespace nevus
