// Scales of least squared error.
#include "onnx/quantize.h"

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

constexpr double kGreatest = 127;
// Where the search starts, as shares of the scale that clips nothing: beyond a half, 8 bits gain
// nothing by clipping more.
constexpr double kLeastShare = 0.5;
constexpr int kStarts = 10;
constexpr int kTurns = 3;

double rounded(float value, float scale) {
  return std::clamp(std::nearbyint(static_cast<double>(value) / scale), -kGreatest, kGreatest);
}

struct Fit {
  double error = 0;        // squared, with the scale that was given
  float better_scale = 0;  // least squares for the same integers
};

Fit fit(std::span<const float> channel, float scale) {
  double squares = 0, product = 0;
  Fit out;
  for (const float value : channel) {
    const double q = rounded(value, scale);
    const double lost = value - static_cast<double>(static_cast<float>(q) * scale);
    out.error += lost * lost;
    squares += q * q;
    product += q * value;
  }
  out.better_scale = squares > 0 ? static_cast<float>(product / squares) : scale;
  return out;
}

float best_scale(std::span<const float> channel) {
  float greatest = 0;
  for (const float value : channel) greatest = std::max(greatest, std::abs(value));
  const double whole = greatest / kGreatest;
  // So small that its share of a float vanishes: as good as zeros.
  if (!(static_cast<float>(whole * kLeastShare) > 0)) return 1;
  auto best = static_cast<float>(whole);
  double least = fit(channel, best).error;
  for (int start = 0; start < kStarts; ++start) {
    auto scale =
        static_cast<float>(whole * (1 - (1 - kLeastShare) * start / static_cast<double>(kStarts)));
    for (int turn = 0; turn < kTurns && scale > 0; ++turn) {
      const Fit found = fit(channel, scale);
      if (found.error < least) {
        least = found.error;
        best = scale;
      }
      if (found.better_scale == scale) break;
      scale = found.better_scale;
    }
  }
  return best;
}

}  // namespace

std::vector<float> Int8Kernel::values() const {
  std::vector<float> out(integers.size());
  const std::size_t size = scales.empty() ? 0 : integers.size() / scales.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(integers[i]) * scales[i / size];
  }
  return out;
}

Int8Kernel quantize_kernel(std::span<const float> weight, int channels) {
  Int8Kernel out;
  const std::size_t size = weight.size() / static_cast<std::size_t>(std::max(1, channels));
  out.integers.reserve(weight.size());
  for (int channel = 0; channel < channels; ++channel) {
    const auto values = weight.subspan(static_cast<std::size_t>(channel) * size, size);
    const float scale = best_scale(values);
    out.scales.push_back(scale);
    for (const float value : values) {
      out.integers.push_back(static_cast<std::int8_t>(rounded(value, scale)));
    }
  }
  return out;
}

}  // namespace nevus
