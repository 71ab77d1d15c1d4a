// Cropping, alpha and resizing, in a way that gives the same bytes natively and in WebAssembly.
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "nevus/detail/pixels.h"
#include "nevus/preprocess.h"

namespace nevus::detail {
namespace {

bool is_opaque(const ImageView& image) {
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t* row = image.data + static_cast<std::size_t>(y) * image.stride;
    std::uint8_t all = 255;
    for (int x = 0; x < image.width; ++x) all &= row[4 * x + 3];
    if (all != 255) return false;
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

cv::Mat as_mat(const ImageView& view) {
  return {view.height, view.width, CV_8UC(channels(view.format)),
          const_cast<std::uint8_t*>(view.data), view.stride};
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

  // Opaque RGBA is resized with its alpha, which costs less than converting a large photo first;
  // every channel is treated alone, so the result is that of RGB. INTER_LINEAR_EXACT is OpenCV's
  // fixed-point variant, the same on every machine by design.
  cv::Mat resized;
  cv::resize(as_mat(square), resized, cv::Size(side, side), 0, 0,
             square.width > side ? cv::INTER_AREA : cv::INTER_LINEAR_EXACT);
  return to_rgb({resized.data, side, side, resized.step[0], square.format});
}

}  // namespace nevus::detail
