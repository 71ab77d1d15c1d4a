// Encoded photos as they come from cameras, and as they should not: bytes made on the spot.
#pragma once

#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "../../shared/encoded_jpeg.h"
#include "../../shared/pictures.h"
#include "nevus/image.h"

namespace nevus::test {

using Bytes = std::vector<std::uint8_t>;

/// Skin with a dark lesion off its centre: no two of its eight orientations are alike.
inline Image lopsided_photo(int width = 96, int height = 96) {
  Image image(width, height, PixelFormat::rgb);
  std::size_t at = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const double dx = x - width * 0.3, dy = y - height * 0.2;
      const bool inside = dx * dx + 3 * dy * dy < 0.05 * width * width;
      const int grain = (x * 7 + y * 13) % 9;
      const int rgb[3] = {(inside ? 70 : 210) + grain - x / 4, (inside ? 40 : 160) + grain,
                          (inside ? 35 : 140) + grain - y / 4};
      for (const int value : rgb)
        image.pixels[at++] = static_cast<std::uint8_t>(std::max(0, value));
    }
  return image;
}

inline cv::Mat bgr(const Image& image) {
  cv::Mat out;
  cv::cvtColor(
      cv::Mat(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data())),
      out, cv::COLOR_RGB2BGR);
  return out;
}

inline Bytes encode(const std::string& extension, const cv::Mat& mat,
                    const std::vector<int>& parameters = {}) {
  Bytes bytes;
  cv::imencode(extension, mat, bytes, parameters);
  return bytes;
}

inline Bytes jpeg(const Image& image, int quality = 98) {
  return encode(".jpg", bgr(image), {cv::IMWRITE_JPEG_QUALITY, quality});
}

/// A JPEG of four components, as printing software writes them.
inline Bytes cmyk_jpeg(int width = 64, int height = 64) {
  return encoded(uniform_picture(width, height, PixelFormat::rgba, 90), JCS_CMYK);
}

/// An EXIF segment that holds nothing but the orientation, put behind the start of the image.
inline Bytes with_orientation(const Bytes& jpeg_bytes, int orientation) {
  const std::uint8_t segment[] = {
      0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,  //
      'M',  'M',  0, 42, 0,   0,   0,   8,          //
      0,    1,                                      //
      0x01, 0x12, 0, 3,  0,   0,   0,   1,   0, static_cast<std::uint8_t>(orientation),
      0,    0,    0, 0,  0,   0};
  Bytes out(jpeg_bytes.begin(), jpeg_bytes.begin() + 2);
  out.insert(out.end(), std::begin(segment), std::end(segment));
  out.insert(out.end(), jpeg_bytes.begin() + 2, jpeg_bytes.end());
  return out;
}

/// The orientation that undoes another (a quarter turn is undone by the opposite one).
inline int inverse_orientation(int orientation) {
  return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
}

inline void append_u32(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// CRC-32 of PNG (ISO 3309), bit by bit.
inline std::uint32_t png_crc(const std::uint8_t* data, std::size_t size) {
  std::uint32_t crc = 0xffffffffu;
  for (std::size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xedb88320u : 0);
  }
  return ~crc;
}

inline Bytes png_chunk(const std::string& type, const Bytes& data) {
  Bytes out;
  append_u32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t start = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append_u32(out, png_crc(out.data() + start, out.size() - start));
  return out;
}

/// A PNG that declares a size and holds next to nothing.
inline Bytes hollow_png(std::uint32_t width, std::uint32_t height) {
  Bytes out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes header;
  append_u32(header, width);
  append_u32(header, height);
  header.insert(header.end(), {8, 2, 0, 0, 0});
  for (const Bytes& chunk :
       {png_chunk("IHDR", header), png_chunk("IDAT", {0x78, 0x9c, 0x03, 0, 0, 0, 0, 1}),
        png_chunk("IEND", {})})
    out.insert(out.end(), chunk.begin(), chunk.end());
  return out;
}

/// A PNG with an animation control chunk: APNG.
inline Bytes animated_png(const Image& image) {
  const Bytes still = encode(".png", bgr(image));
  Bytes control;
  append_u32(control, 2);  // frames
  append_u32(control, 0);  // for ever
  const Bytes chunk = png_chunk("acTL", control);
  constexpr std::size_t after_header = 8 + 25;
  Bytes out(still.begin(), still.begin() + after_header);
  out.insert(out.end(), chunk.begin(), chunk.end());
  out.insert(out.end(), still.begin() + after_header, still.end());
  return out;
}

/// A GIF of `frames` frames of one pixel.
inline Bytes gif(int frames) {
  Bytes out{'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255};
  for (int i = 0; i < frames; ++i)
    out.insert(out.end(), {0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0});
  out.push_back(0x3b);
  return out;
}

}  // namespace nevus::test
