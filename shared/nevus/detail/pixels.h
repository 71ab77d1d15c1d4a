// The one way from any photo to a square of RGB pixels; preprocessing and quality share it.
#pragma once

#include "nevus/image.h"

namespace nevus::detail {

/// Rounded v * a / 255 + 255 * (255 - a) / 255: a pixel value laid over white. Exact in integers.
constexpr std::uint8_t over_white(int value, int alpha) {
  return static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

/// The centred square of `image`, over white, as `side` x `side` RGB.
Image square_rgb(const ImageView& image, int side);

/// The whole image over white, as RGB of the same size.
Image to_rgb(const ImageView& image);

}  // namespace nevus::detail
