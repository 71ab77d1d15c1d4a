// The self-test's input: a coarse grid of random skin colours with a darker middle, smoothly
// enlarged; integer arithmetic only, so the same bytes on every machine.
#include "nevus/self_test.h"

#include <algorithm>
#include <array>

namespace nevus {
namespace {

constexpr int kGrid = 9;

/// PCG-XSH-RR 64/32 (O'Neill, 2014, pcg-random.org), stream 54.
class Pcg32 {
 public:
  explicit Pcg32(std::uint32_t seed) {
    next();
    state_ += seed;
    next();
  }
  std::uint32_t next() {
    const std::uint64_t old = state_;
    state_ = old * 6364136223846793005u + (54u << 1 | 1u);
    const auto shifted = static_cast<std::uint32_t>(((old >> 18) ^ old) >> 27);
    const auto rotation = static_cast<std::uint32_t>(old >> 59);
    return shifted >> rotation | shifted << ((32 - rotation) & 31);
  }
  /// 0 .. bound-1; the slight modulo bias is harmless here.
  int below(std::uint32_t bound) { return static_cast<int>(next() % bound); }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace

Image self_test_image(std::uint32_t seed, const PreprocessSpec& spec) {
  Pcg32 random(seed);
  std::array<std::array<std::array<int, 3>, kGrid>, kGrid> grid;
  for (int y = 0; y < kGrid; ++y) {
    for (int x = 0; x < kGrid; ++x) {
      int red = 150 + random.below(96);
      int green = red - 20 - random.below(50);
      int blue = green - 5 - random.below(45);
      const bool middle = (x - 4) * (x - 4) + (y - 4) * (y - 4) <= 5;
      if (middle) {
        red = red * 3 / 5;
        green = green / 2;
        blue = blue / 2;
      }
      grid[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)] = {red, green, blue};
    }
  }

  // Bilinear, positions and weights in 1/256 of a grid cell; the grid's corners lie on the image's.
  Image image(spec.width, spec.height, PixelFormat::rgb);
  std::uint8_t* to = image.pixels.data();
  for (int y = 0; y < spec.height; ++y) {
    const int v = y * (kGrid - 1) * 256 / std::max(1, spec.height - 1);
    const auto row = static_cast<std::size_t>(std::min(v >> 8, kGrid - 2));
    const int fv = v - static_cast<int>(row) * 256;
    for (int x = 0; x < spec.width; ++x) {
      const int u = x * (kGrid - 1) * 256 / std::max(1, spec.width - 1);
      const auto column = static_cast<std::size_t>(std::min(u >> 8, kGrid - 2));
      const int fu = u - static_cast<int>(column) * 256;
      for (std::size_t c = 0; c < 3; ++c) {
        const int top = grid[row][column][c] * (256 - fu) + grid[row][column + 1][c] * fu;
        const int bottom =
            grid[row + 1][column][c] * (256 - fu) + grid[row + 1][column + 1][c] * fu;
        *to++ = static_cast<std::uint8_t>((top * (256 - fv) + bottom * fv + (1 << 15)) >> 16);
      }
    }
  }
  return image;
}

}  // namespace nevus
