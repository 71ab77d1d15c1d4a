// Class activation map to a picture.
#include "nevus/heatmap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "nevus/detail/pixels.h"
#include "nevus/preprocess.h"

namespace nevus {
namespace {

/// One is 2^12: values and weights stay far from 32 bits' end.
constexpr int kShift = 12;
constexpr int kOne = 1 << kShift;

struct Tap {
  std::array<std::size_t, 4> index;
  std::array<int, 4> weight;  ///< sum kOne
};

/// Catmull-Rom weights (Keys, 1981, a = -1/2) of the four cells around each of `size` pixels'
/// centres; cells beyond the edge repeat it.
std::vector<Tap> taps(int cells, int size) {
  std::vector<Tap> result(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) {
    // (i + 1/2) * cells / size - 1/2, in 1/kOne
    const std::int64_t at = (std::int64_t{2 * i + 1} * cells * kOne / size - kOne) / 2 + kOne;
    const int first = static_cast<int>(at / kOne) - 1;  // + kOne above keeps the division positive
    const std::int64_t t = at % kOne;
    const std::int64_t t2 = t * t / kOne;
    const std::int64_t t3 = t2 * t / kOne;
    Tap& tap = result[static_cast<std::size_t>(i)];
    tap.weight[0] = static_cast<int>((-t3 + 2 * t2 - t) / 2);
    tap.weight[2] = static_cast<int>((-3 * t3 + 4 * t2 + t) / 2);
    tap.weight[3] = static_cast<int>((t3 - t2) / 2);
    tap.weight[1] = kOne - tap.weight[0] - tap.weight[2] - tap.weight[3];
    for (int k = 0; k < 4; ++k) {
      tap.index[static_cast<std::size_t>(k)] =
          static_cast<std::size_t>(std::clamp(first - 1 + k, 0, cells - 1));
    }
  }
  return result;
}

// Five points of matplotlib's perceptually uniform "inferno", from its violet (0.25) to its orange
// (0.75): readable by colour-blind people, and nothing in it is green.
constexpr std::array<std::array<int, 3>, 5> kRamp{
    {{87, 16, 110}, {138, 34, 106}, {188, 55, 84}, {227, 89, 51}, {249, 142, 9}}};
constexpr int kGreatestAlpha = 230;

}  // namespace

std::vector<float> malignancy_evidence(std::span<const float> cam, const ModelPackage& package) {
  const auto cells =
      static_cast<std::size_t>(package.cam_width) * static_cast<std::size_t>(package.cam_height);
  std::vector<float> evidence(cells, 0.0f);
  if (cam.size() != cells * package.classes.size()) return evidence;
  for (std::size_t i = 0; i < cells; ++i) {
    float malignant = -std::numeric_limits<float>::infinity();
    float benign = malignant;
    for (std::size_t c = 0; c < package.classes.size(); ++c) {
      float& greatest = package.classes[c].malignant ? malignant : benign;
      greatest = std::max(greatest, cam[c * cells + i]);
    }
    const float difference = malignant - benign;
    if (std::isfinite(difference)) evidence[i] = difference;
  }
  return evidence;
}

Image render_heatmap(std::span<const float> evidence, int cam_width, int cam_height, int size,
                     float full_scale) {
  Image overlay(size, size, PixelFormat::rgba);
  const auto columns = static_cast<std::size_t>(cam_width);
  const auto rows = static_cast<std::size_t>(cam_height);
  if (evidence.size() != columns * rows || evidence.empty()) return overlay;

  float greatest = full_scale;
  for (const float value : evidence) {
    if (std::isfinite(value)) greatest = std::max(greatest, value);
  }
  // Integers from here on: the same picture natively and in WebAssembly.
  std::vector<int> cells(evidence.size(), 0);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (!std::isfinite(evidence[i]) || !(greatest > 0)) continue;
    const double share = std::clamp(static_cast<double>(evidence[i]) / greatest, -1.0, 1.0);
    cells[i] = static_cast<int>(std::lround(share * kOne));
  }

  const std::vector<Tap> across = taps(cam_width, size);
  const std::vector<Tap> down = taps(cam_height, size);
  const auto side = static_cast<std::size_t>(size);
  std::vector<int> wide(rows * side);
  for (std::size_t y = 0; y < rows; ++y) {
    for (std::size_t x = 0; x < side; ++x) {
      int sum = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        sum += across[x].weight[k] * cells[y * columns + across[x].index[k]];
      }
      wide[y * side + x] = sum >> kShift;
    }
  }
  std::uint8_t* to = overlay.pixels.data();
  for (std::size_t y = 0; y < side; ++y) {
    for (std::size_t x = 0; x < side; ++x, to += 4) {
      int sum = 0;
      for (std::size_t k = 0; k < 4; ++k) {
        sum += down[y].weight[k] * wide[down[y].index[k] * side + x];
      }
      const int share = std::clamp(sum >> kShift, 0, kOne);
      const int at = share * static_cast<int>(kRamp.size() - 1);
      const auto point = static_cast<std::size_t>(std::min(at >> kShift, 3));
      const int t = at - (static_cast<int>(point) << kShift);
      for (std::size_t c = 0; c < 3; ++c) {
        to[c] = static_cast<std::uint8_t>(
            (kRamp[point][c] * (kOne - t) + kRamp[point + 1][c] * t + kOne / 2) >> kShift);
      }
      to[3] = static_cast<std::uint8_t>((share * kGreatestAlpha + kOne / 2) >> kShift);
    }
  }
  return overlay;
}

Image blend_heatmap(const ImageView& photo, const ImageView& overlay, double opacity) {
  Image blended = detail::to_rgb(photo);
  if (overlay.format != PixelFormat::rgba) return blended;
  const Rect square = center_square(photo.width, photo.height);
  cv::Mat laid;
  const cv::Mat given(overlay.height, overlay.width, CV_8UC4,
                      const_cast<std::uint8_t*>(overlay.data), overlay.stride);
  cv::resize(given, laid, cv::Size(square.width, square.height), 0, 0,
             overlay.width > square.width ? cv::INTER_AREA : cv::INTER_LINEAR_EXACT);

  const int strength = opacity > 0 ? static_cast<int>(std::min(opacity, 1.0) * 256 + 0.5) : 0;
  for (int y = 0; y < square.height; ++y) {
    const std::uint8_t* from = laid.ptr<std::uint8_t>(y);
    std::uint8_t* to = blended.pixels.data() + 3 * (static_cast<std::size_t>(square.y + y) *
                                                        static_cast<std::size_t>(photo.width) +
                                                    static_cast<std::size_t>(square.x));
    for (int x = 0; x < square.width; ++x, from += 4, to += 3) {
      const int alpha = from[3] * strength;  // one is 255 * 256
      for (int c = 0; c < 3; ++c) {
        to[c] =
            static_cast<std::uint8_t>((from[c] * alpha + to[c] * (65280 - alpha) + 32640) / 65280);
      }
    }
  }
  return blended;
}

}  // namespace nevus
