// The masks that people drew of HAM10000's lesions, beside their photos; for bench and test.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "image_io/photo.h"
#include "nevus/lesion.h"

namespace nevus::test {

struct Masked {
  std::string name;
  Image photo;
  cv::Mat1b mask;  ///< 255 inside
};

/// folder/masks/NAME.png in the order of names.
inline std::vector<std::filesystem::path> mask_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "masks"))
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// The mask and its photo, folder/images/NAME.jpg. What was squashed into a square for storage is
/// stretched back to 4:3. @throws std::runtime_error
inline Masked read_masked(const std::filesystem::path& file) {
  auto mask = read_photo(file);
  auto photo =
      read_photo(file.parent_path().parent_path() / "images" / (file.stem().string() + ".jpg"));
  if (!mask || !photo) throw std::runtime_error(file.string() + ": mask or photo can't be read");
  Masked one{file.stem().string(), *std::move(photo), {}};
  if (one.photo.width == one.photo.height) {
    Image wide(one.photo.width, one.photo.height * 3 / 4, PixelFormat::rgb);
    cv::Mat to(wide.height, wide.width, CV_8UC3, wide.pixels.data());
    cv::resize(cv::Mat(one.photo.height, one.photo.width, CV_8UC3, one.photo.pixels.data()), to,
               to.size(), 0, 0, cv::INTER_AREA);
    one.photo = std::move(wide);
  }
  one.mask.create(mask->height, mask->width);
  const auto cn = static_cast<std::size_t>(channels(mask->format));
  for (std::size_t i = 0; i < one.mask.total(); ++i)
    one.mask.data[i] = mask->pixels[i * cn] > 127 ? 255 : 0;
  return one;
}

inline double dice(const cv::Mat1b& a, const cv::Mat1b& b) {
  const int both = cv::countNonZero(a & b), sum = cv::countNonZero(a) + cv::countNonZero(b);
  return sum > 0 ? 2.0 * both / sum : 1;
}

/// The outline as a mask of `size`; empty where none was found.
inline cv::Mat1b filled(const Lesion& lesion, const Image& photo, cv::Size size) {
  cv::Mat1b out = cv::Mat1b::zeros(size);
  if (!lesion.found()) return out;
  std::vector<std::vector<cv::Point>> polygon(1);
  // in 1/16 of a pixel; a pixel's centre is a whole number for OpenCV
  for (const Point& p : lesion.outline)
    polygon[0].emplace_back(
        static_cast<int>(std::lround((p.x * out.cols / photo.width - 0.5) * 16)),
        static_cast<int>(std::lround((p.y * out.rows / photo.height - 0.5) * 16)));
  cv::fillPoly(out, polygon, 255, cv::LINE_8, 4);
  return out;
}

}  // namespace nevus::test
