// Class activation map to a picture: which part of the photo spoke for malignancy.
#pragma once

#include <span>
#include <vector>

#include "nevus/image.h"
#include "nevus/package.h"

namespace nevus {

/// Evidence for malignancy at each cell: the greatest malignant class map minus the greatest benign
/// one. Source of CAM: Zhou et al., "Learning Deep Features for Discriminative Localization", 2016.
/// @param cam  C * cam_height * cam_width values, class by class
/// @return cam_height * cam_width values, any sign
std::vector<float> malignancy_evidence(std::span<const float> cam, const ModelPackage& package);

/// A straight-alpha RGBA overlay for the square crop: colour runs with the evidence (a
/// perceptually uniform, colour-blind safe ramp without green), alpha from 0 (no evidence) up.
/// Evidence <= 0 is transparent; values are scaled by the greatest one, at least `full_scale`, so
/// that a photo with next to no evidence does not light up.
/// @return RGBA, size x size
Image render_heatmap(std::span<const float> evidence, int cam_width, int cam_height, int size,
                     float full_scale = 1.0f);

/// Lays `overlay` over the centre square of `photo` with `opacity` 0..1. @return RGB, the photo's
/// size
Image blend_heatmap(const ImageView& photo, const ImageView& overlay, double opacity);

}  // namespace nevus
