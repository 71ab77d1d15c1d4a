// Size, sharpness and exposure of a photo.
#include "nevus/quality.h"

#include <algorithm>
#include <cmath>

#include "nevus/detail/pixels.h"

namespace nevus {
namespace {

/// Everything is measured on the centred square at this many pixels a side: every photo that is
/// accepted is shrunk to it, so that a large photo isn't called sharper than a small one.
constexpr int kScale = 128;
constexpr int kLeastSide = 64;  // smaller than any photo the models saw (150)

// Measured on 3,297 (kaggle), 1,491 (bcn) and 10 (photos) dermoscopy photos, and on the same under
// a Gaussian blur of sigma 6 at 256 pixels a side; tests/shared/quality_data_test.cpp repeats it:
//                      least   0.5 %   median  greatest
//   sharpness          0.27    0.38    2.8     11
//   the same, blurred  0       0       0.04    0.14
//   brightness         0.13    0.20    0.54    0.85
//   contrast           0.023   0.032   0.10    0.39
constexpr double kLeastSharpness = 0.2;
constexpr double kLeastBrightness = 0.1;
constexpr double kGreatestBrightness = 0.95;
constexpr double kLeastContrast = 0.012;

// What rounding three channels to 8 bits (variance 1/12 each) alone adds to the squared Laplacian
// (weights' squares sum to 20) of their weighted sum; without taking it off, a flat blurred photo
// would look sharp.
constexpr double kRoundingNoise = 20.0 / 12 * (77 * 77 + 150 * 150 + 29 * 29) / (256.0 * 256.0);

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

  // Integer sums up to the last step: the same values natively and in WebAssembly.
  const Image square = detail::square_rgb(image, kScale);
  std::vector<int> gray(square.pixels.size() / 3);  // 1/256 of a grey level
  std::int64_t sum = 0, squares = 0, clipped = 0;
  for (std::size_t i = 0; i < gray.size(); ++i) {
    const std::uint8_t* rgb = square.pixels.data() + 3 * i;
    gray[i] = 77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2];  // ITU-R BT.601 luma
    sum += gray[i];
    squares += std::int64_t{gray[i]} * gray[i];
    const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
    clipped += high == 0 || low == 255;
  }
  constexpr double kWhite = 255.0 * 256.0;
  const auto n = static_cast<std::int64_t>(gray.size());
  quality.brightness = static_cast<double>(sum) / static_cast<double>(n) / kWhite;
  quality.contrast = std::sqrt(std::max(0.0, variance(sum, squares, n))) / kWhite;
  quality.clipped = static_cast<double>(clipped) / static_cast<double>(n);

  std::int64_t curvature = 0, slope = 0;
  for (int y = 1; y < kScale - 1; ++y) {
    for (int x = 1; x < kScale - 1; ++x) {
      const int* g = gray.data() + y * kScale + x;
      const std::int64_t laplacian = g[-kScale] + g[kScale] + g[-1] + g[1] - 4 * g[0];
      const std::int64_t across = g[1] - g[-1], down = g[kScale] - g[-kScale];
      curvature += laplacian * laplacian;
      slope += across * across + down * down;
    }
  }
  constexpr double kUnit = (kScale - 2) * (kScale - 2) * 256.0 * 256.0;
  const double laplacian = std::max(0.0, static_cast<double>(curvature) / kUnit - kRoundingNoise);
  const double gradient = static_cast<double>(slope) / (4 * kUnit);
  // + 1: on next to nothing but noise, the ratio must not explode.
  quality.sharpness = laplacian / (gradient + 1);

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
