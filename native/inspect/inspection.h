// Looks at a whole set of labelled photos: what can be read, what is there twice, which photos show
// the same lesion, what speaks against training on it as it is.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "inspect/features.h"
#include "inspect/matching.h"

namespace nevus {

enum class Severity { fix, look, note };

/// A line of issues.csv.
struct Issue {
  Severity severity = Severity::note;
  std::string kind;       ///< "unreadable", "duplicate-across-splits", "contradicting-labels", …
  std::size_t photo = 0;  ///< index into the dataset's samples
  long other = -1;        ///< the other photo of a pair, or -1
  std::string detail;     ///< for people
};

struct Inspection {
  std::vector<PhotoFeatures> photos;  ///< of `readable`
  std::vector<std::size_t> readable;  ///< indices into the samples, ascending
  std::vector<PhotoPair> pairs;       ///< indices into `photos`
  std::vector<Issue> issues;          ///< the gravest first
  std::vector<std::string> groups;    ///< of each sample: photos that seem to show one lesion
  bool stopped = false;               ///< `progress` said so
};

/// @param progress  told the stage ("reading", "comparing") and how far it is; false stops
Inspection inspect(const Dataset& dataset, int threads,
                   const std::function<bool(const char*, std::size_t, std::size_t)>& progress = {});

}  // namespace nevus
