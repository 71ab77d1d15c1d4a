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

}  // namespace nevus
