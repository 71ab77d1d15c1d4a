// Size, sharpness and exposure of a photo.
#include "nevus/quality.h"

#include <algorithm>
#include <cmath>

#include "nevus/detail/pixels.h"

namespace nevus {
namespace {

constexpr int kScale = 128;
constexpr int kLeastSide = 64;
constexpr double kLeastSharpness = 1.0;
constexpr double kLeastBrightness = 0.1;
constexpr double kGreatestBrightness = 0.97;
constexpr double kLeastContrast = 0.008;

double variance(std::int64_t sum, std::int64_t squares, std::int64_t n) {
  return (static_cast<double>(squares) -
          static_cast<double>(sum) * static_cast<double>(sum) / static_cast<double>(n)) /
         static_cast<double>(n);
}

}  // namespace

Quality assess_quality(const ImageView& image) {
  Quality quality;
  quality.width = image.width;
  quality.height = image.height;

  const Image square = detail::square_rgb(image, kScale);
  std::vector<int> gray(square.pixels.size() / 3);
  std::int64_t sum = 0, squares = 0, clipped = 0;
  for (std::size_t i = 0; i < gray.size(); ++i) {
    const std::uint8_t* rgb = square.pixels.data() + 3 * i;
    // ITU-R BT.601 luma, weights in 1/256
    gray[i] = (77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2] + 128) >> 8;
    sum += gray[i];
    squares += std::int64_t{gray[i]} * gray[i];
    const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
    clipped += high == 0 || low == 255;
  }
  const auto n = static_cast<std::int64_t>(gray.size());
  quality.brightness = static_cast<double>(sum) / static_cast<double>(n) / 255;
  quality.contrast = std::sqrt(std::max(0.0, variance(sum, squares, n))) / 255;
  quality.clipped = static_cast<double>(clipped) / static_cast<double>(n);

  std::int64_t edges = 0, edge_squares = 0;
  for (int y = 1; y < kScale - 1; ++y) {
    for (int x = 1; x < kScale - 1; ++x) {
      const int* g = gray.data() + y * kScale + x;
      const int laplacian = g[-kScale] + g[kScale] + g[-1] + g[1] - 4 * g[0];
      edges += laplacian;
      edge_squares += std::int64_t{laplacian} * laplacian;
    }
  }
  quality.sharpness = variance(edges, edge_squares, (kScale - 2) * (kScale - 2));

  if (std::min(image.width, image.height) < kLeastSide) {
    quality.issues.push_back(QualityIssue::too_small);
  }
  if (quality.brightness < kLeastBrightness) quality.issues.push_back(QualityIssue::too_dark);
  if (quality.brightness > kGreatestBrightness) quality.issues.push_back(QualityIssue::too_bright);
  if (quality.contrast < kLeastContrast) {
    quality.issues.push_back(QualityIssue::no_contrast);
  } else if (quality.sharpness < kLeastSharpness) {
    quality.issues.push_back(QualityIssue::too_blurred);
  }
  return quality;
}

std::string_view id(QualityIssue issue) {
  switch (issue) {
    case QualityIssue::too_small:
      return "too_small";
    case QualityIssue::too_blurred:
      return "too_blurred";
    case QualityIssue::too_dark:
      return "too_dark";
    case QualityIssue::too_bright:
      return "too_bright";
    case QualityIssue::no_contrast:
      break;
  }
  return "no_contrast";
}

std::string_view sentence(QualityIssue issue) {
  switch (issue) {
    case QualityIssue::too_small:
      return "The photo is too small.";
    case QualityIssue::too_blurred:
      return "The photo is too blurred.";
    case QualityIssue::too_dark:
      return "The photo is too dark.";
    case QualityIssue::too_bright:
      return "The photo is too bright.";
    case QualityIssue::no_contrast:
      break;
  }
  return "Nothing can be told apart in the photo.";
}

}  // namespace nevus
