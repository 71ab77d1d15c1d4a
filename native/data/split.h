// Stratified group split: no lesion on both sides, class shares kept.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"

namespace nevus {

struct Split {
  std::vector<std::size_t> train;  ///< indices into the samples given, ascending
  std::vector<std::size_t> val;
};

/// Puts whole groups into validation until each class holds about `val_share` of its photos
/// there. The same samples and seed give the same split on every machine.
/// @param val_share  0.05 to 0.5
Split stratified_group_split(const std::vector<Sample>& samples, double val_share,
                             std::uint64_t seed);

/// Cuts the photos into `folds` parts of about the same size and class shares, whole groups in one
/// (the greedy rule of scikit-learn's StratifiedGroupKFold: largest groups first, each to the part
/// that it unbalances least). The same samples and seed give the same folds on every machine.
/// @param folds  2 to the number of groups
/// @return       for each sample its fold, 0 to folds - 1
std::vector<int> stratified_group_folds(const std::vector<Sample>& samples, int folds,
                                        std::uint64_t seed);

}  // namespace nevus
