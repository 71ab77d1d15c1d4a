// Decoded pixels: a view on somebody's memory, and an owning image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nevus {

/// 8 bits a channel, sRGB values as stored, interleaved; the value is the number of channels.
/// `rgba` has straight (not premultiplied) alpha.
enum class PixelFormat : std::uint8_t { gray = 1, rgb = 3, rgba = 4 };

constexpr int channels(PixelFormat format) {
  return static_cast<int>(format);
}

/// Pixels that somebody else owns, rows from the top; upright (orientation is the decoder's work).
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width = 0;           ///< pixels, >= 1
  int height = 0;          ///< pixels, >= 1
  std::size_t stride = 0;  ///< bytes from a row to the next, >= width * channels(format)
  PixelFormat format = PixelFormat::rgb;
  bool opaque = false;  ///< of rgba: every alpha is known to be 255, and need not be looked at
};

/// Pixels without gaps between rows.
struct Image {
  std::vector<std::uint8_t> pixels;
  int width = 0;
  int height = 0;
  PixelFormat format = PixelFormat::rgb;

  Image() = default;
  Image(int width, int height, PixelFormat format);
  ImageView view() const;
  bool empty() const { return pixels.empty(); }
};

/// Greatest factor of reduce().
inline constexpr int kMostReduction = 16;

/// Each pixel the mean of a square of `factor` x `factor` pixels, rounded, channel by channel; what
/// is left over at the right and at the bottom is dropped. Quick, for showing.
/// @param factor  1 to kMostReduction, at most the shorter side
Image reduce(const ImageView& image, int factor);

/// Turns a decoded image upright.
/// @param orientation  EXIF orientation, 1 to 8 (CIPA DC-008, tag 0x0112); others count as 1
Image apply_orientation(const ImageView& image, int orientation);

}  // namespace nevus
