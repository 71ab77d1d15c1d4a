// Image storage and EXIF orientation.
#include "nevus/image.h"

#include <cassert>
#include <cstring>
#include <opencv2/core.hpp>

namespace nevus {
namespace {

// Sums of `factor` neighbouring pixels; the number of channels is known here, so that all of a
// pixel's are added at once.
template <std::size_t kChannels>
void means_across(const std::uint16_t* columns, int width, int factor, std::uint8_t* out) {
  const auto area = static_cast<std::uint32_t>(factor * factor);
  for (int x = 0; x < width; ++x, out += kChannels) {
    std::uint32_t sums[kChannels] = {};
    for (int i = 0; i < factor; ++i, columns += kChannels) {
      for (std::size_t c = 0; c < kChannels; ++c) sums[c] += columns[c];
    }
    for (std::size_t c = 0; c < kChannels; ++c)
      out[c] = static_cast<std::uint8_t>((sums[c] + area / 2) / area);
  }
}

}  // namespace

Image::Image(int width_, int height_, PixelFormat format_)
    : pixels(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) *
             static_cast<std::size_t>(channels(format_))),
      width(width_),
      height(height_),
      format(format_) {}

ImageView Image::view() const {
  return {pixels.data(), width, height,
          static_cast<std::size_t>(width) * static_cast<std::size_t>(channels(format)), format};
}

Image reduce(const ImageView& image, int factor) {
  assert(factor >= 1 && factor <= kMostReduction);
  Image small(image.width / factor, image.height / factor, image.format);
  const auto cn = static_cast<std::size_t>(channels(image.format));
  const std::size_t used = static_cast<std::size_t>(small.width * factor) * cn;
  if (factor == 1) {
    for (int y = 0; y < small.height; ++y) {
      const auto row = static_cast<std::size_t>(y);
      std::memcpy(small.pixels.data() + row * used, image.data + row * image.stride, used);
    }
    return small;
  }
  std::vector<std::uint16_t> columns(used);
  for (int y = 0; y < small.height; ++y) {
    std::fill(columns.begin(), columns.end(), std::uint16_t{0});
    for (int i = 0; i < factor; ++i) {
      const std::uint8_t* row =
          image.data + static_cast<std::size_t>(y * factor + i) * image.stride;
      std::uint16_t* to = columns.data();
      for (std::size_t x = 0; x < used; ++x) to[x] = static_cast<std::uint16_t>(to[x] + row[x]);
    }
    std::uint8_t* out = small.pixels.data() +
                        static_cast<std::size_t>(y) * static_cast<std::size_t>(small.width) * cn;
    switch (image.format) {
      case PixelFormat::gray:
        means_across<1>(columns.data(), small.width, factor, out);
        break;
      case PixelFormat::rgb:
        means_across<3>(columns.data(), small.width, factor, out);
        break;
      case PixelFormat::rgba:
        means_across<4>(columns.data(), small.width, factor, out);
        break;
    }
  }
  return small;
}

Image apply_orientation(const ImageView& image, int orientation) {
  const bool swaps = orientation >= 5 && orientation <= 8;
  Image upright(swaps ? image.height : image.width, swaps ? image.width : image.height,
                image.format);
  const int type = CV_8UC(channels(image.format));
  const cv::Mat from(image.height, image.width, type, const_cast<std::uint8_t*>(image.data),
                     image.stride);
  cv::Mat to(upright.height, upright.width, type, upright.pixels.data());

  if (swaps) {
    cv::transpose(from, to);
  } else {
    from.copyTo(to);
  }
  // cv::flip: 0 top to bottom, 1 left to right, -1 both. Row and column 0 of the stored image lie
  // where CIPA DC-008, table 5, says.
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(to, to, 1);
      break;
    case 3:
    case 7:
      cv::flip(to, to, -1);
      break;
    case 4:
    case 8:
      cv::flip(to, to, 0);
      break;
    default:
      break;
  }
  return upright;
}

}  // namespace nevus
