// Training augmentation on 8-bit RGB pixels (flips, rotation, scale and aspect jitter, colour,
// resolution, hair-like lines, cut-out, JPEG): what a dermatoscope photo may look like without
// changing its diagnosis.
#pragma once

#include <cstdint>

#include "nevus/image.h"
#include "nevus/preprocess.h"

namespace nevus {

struct AugmentSpec {
  double min_scale = 0.5;     ///< smallest share of the image's area that is kept, 0.1..1
  double aspect = 4.0 / 3.0;  ///< width/height is multiplied by up to this, or divided by it
  double max_rotation = 180;  ///< degrees
  double color = 0.15;        ///< strength of brightness, contrast, saturation jitter, 0..1
  double hue = 0.02;          ///< turn of the hue circle, 0..0.5
  double blur = 0.2;          ///< share of photos that are softened (resolution jitter)
  double hair = 0;            ///< share of photos that get hair-like lines
  double cutout = 0;          ///< share that lose a rectangle (DeVries & Taylor, 2017)
  double jpeg = 0;            ///< share that go through a JPEG of quality 30 to 90
};

/// What of a photo training keeps: RGB, the shorter side at most half again the network's input
/// (area average), so that a view of 60 % of the area still has a pixel for each of its own.
Image training_copy(const ImageView& photo, const PreprocessSpec& input);

/// One augmented view, RGB, input.width x input.height. `seed` decides everything.
Image augment(const ImageView& photo, const PreprocessSpec& input, const AugmentSpec& spec,
              std::uint64_t seed);

}  // namespace nevus
