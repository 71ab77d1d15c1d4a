// Can this photo be judged at all? Size, sharpness and exposure, measured on the square that the
// network sees.
#pragma once

#include <string_view>
#include <vector>

#include "nevus/image.h"

namespace nevus {

enum class QualityIssue { too_small, too_blurred, too_dark, too_bright, no_contrast };

struct Quality {
  int width = 0;  ///< the photo's, pixels
  int height = 0;
  /// Mean squared Laplacian over mean squared gradient of grey values at a fixed scale, the
  /// rounding's share taken off: how fine the details are, whatever their contrast. 0 (nothing but
  /// haze) to 16. After the Laplacian focus measures in Pertuz et al., "Analysis of focus measure
  /// operators", 2013.
  double sharpness = 0;
  double brightness = 0;             ///< mean grey value, 0 (black) to 1 (white)
  double contrast = 0;               ///< standard deviation of grey values, 0 to 0.5
  double clipped = 0;                ///< share of pixels at 0 or 255 in every channel, 0 to 1
  std::vector<QualityIssue> issues;  ///< empty: good enough to be judged

  bool judgeable() const { return issues.empty(); }
};

Quality assess_quality(const ImageView& image);

/// A stable word for files and tests ("too_blurred").
std::string_view id(QualityIssue issue);
/// The reason in plain words ("The photo is too blurred.").
std::string_view sentence(QualityIssue issue);

}  // namespace nevus
