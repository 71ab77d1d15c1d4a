// Pixels to the network's input: centre square crop, resize, normalise. Integer up to the last
// step and a table after it, so that native and WebAssembly builds give the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "nevus/image.h"

namespace nevus {

/// The model package's preprocessing rule. Resize is exact area averaging, rounded once, when
/// shrinking and bilinear when growing; the crop is the largest centred square.
struct PreprocessSpec {
  int width = 224;                                    ///< network input, pixels, 32 to 1024
  int height = 224;                                   ///< = width (square)
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};  ///< R, G, B in 0..1 units
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};   ///< R, G, B in 0..1 units, > 0

  bool operator==(const PreprocessSpec&) const = default;
};

struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
};

/// Pixels that the judged square of a photo keeps a side at least when the photo is decoded smaller
/// (jpeg_reduction): twice the network's input, and 640 for the eyes and for the outline.
int needed_side(const PreprocessSpec& spec);

/// The largest centred square of an image (left/top rounded down).
Rect center_square(int width, int height);

/// Crop and resize. Transparent pixels are laid over white, greyscale is copied to three channels.
/// @return RGB, spec.width x spec.height
Image crop_and_resize(const ImageView& image, const PreprocessSpec& spec);

/// (value / 255 - mean) / std, channel by channel.
/// @param image  RGB, spec.width x spec.height
/// @param out    3 * height * width floats, planar: R plane, G plane, B plane (NCHW with N = 1)
void normalize(const ImageView& image, const PreprocessSpec& spec, std::span<float> out);

/// crop_and_resize, then normalize.
void preprocess(const ImageView& image, const PreprocessSpec& spec, std::span<float> out);

}  // namespace nevus
