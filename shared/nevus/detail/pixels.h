// The one way from any photo to a few RGB pixels; preprocessing, quality and
// outline share it.
#pragma once

#include "nevus/image.h"

namespace nevus::detail {

/// Rounded v * a / 255 + 255 * (255 - a) / 255: a pixel value laid over white. Exact in integers.
constexpr std::uint8_t over_white(int value, int alpha) {
  return static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

/// The centred square of `image`, over white, as `side` x `side` RGB.
Image square_rgb(const ImageView& image, int side);

/// The whole image over white, as RGB whose longer side is at most `longer` pixels; exact area
/// averages, so a turned or mirrored image gives the turned or mirrored result. Precondition: no
/// side is longer than 2^24 pixels.
Image reduced_rgb(const ImageView& image, int longer);

/// The whole image over white, as RGB of the same size.
Image to_rgb(const ImageView& image);

}  // namespace nevus::detail
