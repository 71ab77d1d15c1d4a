// Pictures made of integers alone: the same bytes on every machine.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nevus/image.h"

namespace nevus::test {

/// A linear congruential generator (Numerical Recipes), its high byte.
class Noise {
 public:
  explicit Noise(std::uint32_t seed) : state_(seed) {}
  std::uint8_t next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<std::uint8_t>(state_ >> 24);
  }

 private:
  std::uint32_t state_;
};

/// Every byte random; with alpha, that too.
inline Image noise_picture(int width, int height, PixelFormat format, std::uint32_t seed = 1) {
  Image image(width, height, format);
  Noise noise(seed);
  for (auto& byte : image.pixels) byte = noise.next();
  return image;
}

inline Image uniform_picture(int width, int height, PixelFormat format, std::uint8_t value) {
  Image image(width, height, format);
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

/// Pinkish skin with a darker round lesion with a sharp, knobbly edge and a little grain.
inline Image lesion_picture(int width, int height, PixelFormat format = PixelFormat::rgb) {
  Image image(width, height, format);
  Noise noise(7);
  const int side = std::min(width, height);
  std::size_t at = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::int64_t dx = 2 * x - width, dy = 2 * y - height;
      const std::int64_t radius = side / 2 + (((x / 5) * 7 + (y / 5) * 3) % 11 - 5) * side / 100;
      const bool inside = dx * dx + dy * dy < radius * radius;
      const int grain = noise.next() % 16 - 8;
      const int rgb[3] = {(inside ? 110 : 215) + grain, (inside ? 70 : 165) + grain,
                          (inside ? 60 : 145) + grain};
      for (int c = 0; c < channels(format); ++c) {
        image.pixels[at++] = c == 3 ? std::uint8_t{255} : static_cast<std::uint8_t>(rgb[c]);
      }
    }
  }
  return image;
}

/// A copy with other channels: rgb gets an opaque alpha, or loses it.
inline Image with_format(const Image& from, PixelFormat format) {
  Image to(from.width, from.height, format);
  const auto cn_from = static_cast<std::size_t>(channels(from.format));
  const auto cn_to = static_cast<std::size_t>(channels(format));
  const std::size_t pixels = from.pixels.size() / cn_from;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < cn_to; ++c) {
      to.pixels[i * cn_to + c] =
          c == 3 ? std::uint8_t{255} : from.pixels[i * cn_from + std::min(c, cn_from - 1)];
    }
  }
  return to;
}

}  // namespace nevus::test
