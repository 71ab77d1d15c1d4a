// Centre square crop, resize, normalise.
#include "nevus/preprocess.h"

#include <algorithm>
#include <cassert>
#include <opencv2/imgproc.hpp>

#include "nevus/detail/pixels.h"

namespace nevus {

int needed_side(const PreprocessSpec& spec) {
  return std::max(640, 2 * std::max(spec.width, spec.height));
}

Rect center_square(int width, int height) {
  const int side = std::min(width, height);
  return {(width - side) / 2, (height - side) / 2, side, side};
}

Image crop_and_resize(const ImageView& image, const PreprocessSpec& spec) {
  return detail::square_rgb(image, spec.width);
}

void normalize(const ImageView& image, const PreprocessSpec& spec, std::span<float> out) {
  const auto plane = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  assert(image.format == PixelFormat::rgb && out.size() == 3 * plane);

  std::array<std::array<float, 256>, 3> table;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t value = 0; value < 256; ++value) {
      table[c][value] =
          static_cast<float>((static_cast<double>(value) / 255.0 - spec.mean[c]) / spec.std[c]);
    }
  }
  float* red = out.data();
  float* green = red + plane;
  float* blue = green + plane;
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = image.data + static_cast<std::size_t>(y) * image.stride;
    for (int x = 0; x < image.width; ++x, row += 3) {
      *red++ = table[0][row[0]];
      *green++ = table[1][row[1]];
      *blue++ = table[2][row[2]];
    }
  }
}

void preprocess(const ImageView& image, const PreprocessSpec& spec, std::span<float> out) {
  normalize(crop_and_resize(image, spec).view(), spec, out);
}

}  // namespace nevus
