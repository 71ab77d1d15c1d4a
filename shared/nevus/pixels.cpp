// Cropping, alpha and resizing, in a way that gives the same bytes on every machine: integers only.
#include <algorithm>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "nevus/detail/pixels.h"
#include "nevus/preprocess.h"

namespace nevus::detail {
namespace {

bool is_opaque(const ImageView& image) {
  if (image.opaque) return true;
  // All pixels of a row and-ed as 32-bit words, which vectorises; alpha is each word's last byte.
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = image.data + static_cast<std::size_t>(y) * image.stride;
    std::uint32_t all = 0xffffffff;
    for (int x = 0; x < image.width; ++x) {
      std::uint32_t pixel;
      std::memcpy(&pixel, row + 4 * static_cast<std::size_t>(x), 4);
      all &= pixel;
    }
    std::uint8_t bytes[4];
    std::memcpy(bytes, &all, 4);
    if (bytes[3] != 255) return false;
  }
  return true;
}

ImageView crop(const ImageView& image, const Rect& rect) {
  ImageView view = image;
  view.data += static_cast<std::size_t>(rect.y) * image.stride +
               static_cast<std::size_t>(rect.x) * static_cast<std::size_t>(channels(image.format));
  view.width = rect.width;
  view.height = rect.height;
  return view;
}

/// The source pixels under one target pixel. Lengths are in 1/target of a source pixel, so that all
/// weights are whole numbers: an inner pixel weighs `target`, all together weigh `source`.
struct Span {
  std::size_t first, last;                  ///< inclusive
  std::uint32_t first_weight, last_weight;  ///< last_weight is 0 if first is last
};

Span span_of(std::uint64_t i, std::uint64_t source, std::uint64_t target) {
  const std::uint64_t begin = i * source, end = begin + source;
  Span span{static_cast<std::size_t>(begin / target), static_cast<std::size_t>((end - 1) / target),
            0, 0};
  span.first_weight = static_cast<std::uint32_t>(std::min(end, (span.first + 1) * target) - begin);
  if (span.last > span.first)
    span.last_weight = static_cast<std::uint32_t>(end - span.last * target);
  return span;
}

/// One target row from the sums of its columns; all channels of a pixel are added at once, which
/// vectorises.
template <std::size_t kChannels>
void average_across(const std::uint32_t* columns, std::size_t width, std::size_t target,
                    std::uint64_t area, std::uint8_t* out) {
  for (std::size_t j = 0; j < target; ++j, out += kChannels) {
    const Span across = span_of(j, width, target);
    std::uint64_t sums[kChannels] = {};
    for (std::size_t x = across.first + 1; x < across.last;) {
      // 256 columns of 255 * 2^16 still fit into 32 bits.
      const std::size_t end = std::min(across.last, x + 256);
      std::uint32_t part[kChannels] = {};
      for (; x < end; ++x) {
        for (std::size_t c = 0; c < kChannels; ++c) part[c] += columns[x * kChannels + c];
      }
      for (std::size_t c = 0; c < kChannels; ++c) sums[c] += part[c];
    }
    const std::uint32_t* first = columns + across.first * kChannels;
    const std::uint32_t* last = columns + across.last * kChannels;
    for (std::size_t c = 0; c < kChannels; ++c) {
      const std::uint64_t sum = sums[c] * target + std::uint64_t{first[c]} * across.first_weight +
                                std::uint64_t{last[c]} * across.last_weight;
      out[c] = static_cast<std::uint8_t>((sum + area / 2) / area);
    }
  }
}

/// Shrinks by exact area averaging: what cv::INTER_AREA approximates in float, here in whole
/// numbers and rounded once. Columns are summed first, a row at a time, which vectorises.
Image shrink(const ImageView& image, int width, int height) {
  const auto cn = static_cast<std::size_t>(channels(image.format));
  const auto source_width = static_cast<std::size_t>(image.width);
  const auto source_height = static_cast<std::size_t>(image.height);
  const auto columns_out = static_cast<std::size_t>(width);
  const auto rows_out = static_cast<std::size_t>(height);
  const std::size_t row_bytes = source_width * cn;
  const std::uint64_t area = std::uint64_t{source_width} * source_height;
  Image small(width, height, image.format);
  std::vector<std::uint32_t> columns(row_bytes);  // at most 255 * source_height
  std::vector<std::uint16_t> inner(row_bytes);
  const auto row = [&](std::size_t y) { return image.data + y * image.stride; };

  for (std::size_t i = 0; i < rows_out; ++i) {
    const Span down = span_of(i, source_height, rows_out);
    const std::uint8_t* first = row(down.first);
    const std::uint8_t* last = row(down.last);
    for (std::size_t x = 0; x < row_bytes; ++x) {
      columns[x] = first[x] * down.first_weight + last[x] * down.last_weight;
    }
    for (std::size_t y = down.first + 1; y < down.last;) {
      // 256 rows of 255 still fit into 16 bits.
      const std::size_t end = std::min(down.last, y + 256);
      std::fill(inner.begin(), inner.end(), std::uint16_t{0});
      for (; y < end; ++y) {
        const std::uint8_t* from = row(y);
        for (std::size_t x = 0; x < row_bytes; ++x) {
          inner[x] = static_cast<std::uint16_t>(inner[x] + from[x]);
        }
      }
      for (std::size_t x = 0; x < row_bytes; ++x) {
        columns[x] += inner[x] * static_cast<std::uint32_t>(rows_out);
      }
    }

    std::uint8_t* to = small.pixels.data() + i * columns_out * cn;
    switch (image.format) {
      case PixelFormat::gray:
        average_across<1>(columns.data(), source_width, columns_out, area, to);
        break;
      case PixelFormat::rgb:
        average_across<3>(columns.data(), source_width, columns_out, area, to);
        break;
      case PixelFormat::rgba:
        average_across<4>(columns.data(), source_width, columns_out, area, to);
        break;
    }
  }
  return small;
}

/// Enlarges a square bilinearly, by OpenCV's fixed-point variant, the same on every machine by
/// design.
Image enlarge(const ImageView& image, int side) {
  Image large(side, side, image.format);
  const int type = CV_8UC(channels(image.format));
  const cv::Mat from(image.height, image.width, type, const_cast<std::uint8_t*>(image.data),
                     image.stride);
  cv::Mat to(side, side, type, large.pixels.data());
  cv::resize(from, to, to.size(), 0, 0, cv::INTER_LINEAR_EXACT);
  return large;
}

}  // namespace

Image to_rgb(const ImageView& image) {
  Image rgb(image.width, image.height, PixelFormat::rgb);
  std::uint8_t* to = rgb.pixels.data();
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* from = image.data + static_cast<std::size_t>(y) * image.stride;
    switch (image.format) {
      case PixelFormat::gray:
        for (int x = 0; x < image.width; ++x, to += 3) to[0] = to[1] = to[2] = from[x];
        break;
      case PixelFormat::rgb:
        std::memcpy(to, from, static_cast<std::size_t>(image.width) * 3);
        to += static_cast<std::size_t>(image.width) * 3;
        break;
      case PixelFormat::rgba:
        for (int x = 0; x < image.width; ++x, from += 4, to += 3) {
          for (int c = 0; c < 3; ++c) to[c] = over_white(from[c], from[3]);
        }
        break;
    }
  }
  return rgb;
}

Image square_rgb(const ImageView& image, int side) {
  ImageView square = crop(image, center_square(image.width, image.height));
  Image flat;
  if (square.format == PixelFormat::rgba && !is_opaque(square)) {
    flat = to_rgb(square);
    square = flat.view();
  }
  if (square.width == side) return to_rgb(square);
  // Opaque RGBA is resized with its alpha: cheaper than converting a large photo first, and every
  // channel is treated alone, so the result is that of RGB.
  return to_rgb((square.width > side ? shrink(square, side, side) : enlarge(square, side)).view());
}

Image reduced_rgb(const ImageView& image, int longer) {
  const std::int64_t side = std::max(image.width, image.height);
  if (side <= longer) return to_rgb(image);
  const auto scaled = [&](int length) {
    return static_cast<int>(
        std::max<std::int64_t>(1, (std::int64_t{length} * longer + side / 2) / side));
  };
  if (image.format == PixelFormat::rgba && !is_opaque(image)) {
    const Image flat = to_rgb(image);
    return shrink(flat.view(), scaled(image.width), scaled(image.height));
  }
  return to_rgb(shrink(image, scaled(image.width), scaled(image.height)).view());
}

}  // namespace nevus::detail
