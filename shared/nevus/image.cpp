// Image storage and EXIF orientation.
#include "nevus/image.h"

#include <opencv2/core.hpp>

namespace nevus {

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
