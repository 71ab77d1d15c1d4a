// A kernel as 8-bit integers with a scale for each output channel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace nevus {

/// Symmetric: value = integers * scale of its output channel.
struct Int8Kernel {
  std::vector<std::int8_t> integers;  ///< -127..127, out * (values a channel)
  std::vector<float> scales;          ///< one an output channel, > 0

  /// In float32, one multiplication a value: bit for bit what ONNX's Cast and Mul (or
  /// DequantizeLinear) compute.
  std::vector<float> values() const;
};

/// Each channel's scale is the one found with the least squared error: from the channel's greatest
/// value downwards, each start refined by turns (round, then fit the scale by least squares). A few
/// large values are clipped where that serves the many (as in Nagel et al., "A White Paper on
/// Neural Network Quantization", 2021, 3.1).
/// @param weight  channels * k finite values; a channel of zeros gets scale 1
Int8Kernel quantize_kernel(std::span<const float> weight, int channels);

}  // namespace nevus
