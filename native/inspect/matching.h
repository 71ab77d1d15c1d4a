// Pairs of photos that show the same picture or the same lesion.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "inspect/features.h"

namespace nevus {

enum class Likeness {
  same_pixels,   ///< the same picture, byte for byte or pixel for pixel
  same_picture,  ///< the same picture stored again: another size, compression, flip or quarter turn
  same_lesion,   ///< another photo that shows the same structures
};

struct PhotoPair {
  std::size_t first = 0, second = 0;  ///< first < second
  Likeness likeness = Likeness::same_pixels;
  double score = 1;  ///< correlation of the pictures, 0..1; for same_lesion the matching structures
};

/// @param progress  told how many photos have been compared; false ends the search early
/// @return sorted by first, second; a pair once
std::vector<PhotoPair> find_pairs(const std::vector<PhotoFeatures>& photos, int threads,
                                  const std::function<bool(std::size_t)>& progress = {});

/// Structures (ORB keypoints) of two photos that one affine map brings together; 0 where there is
/// no plausible one. RANSAC (Fischler & Bolles, 1981).
int common_structures(const PhotoFeatures& a, const PhotoFeatures& b);

/// From so many on two photos count as showing one lesion.
inline constexpr int kSameLesionStructures = 9;

}  // namespace nevus
