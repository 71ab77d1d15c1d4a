// Writes ONNX files: a small graph builder over protobuf's wire format. IR version 8, opset 13,
// weights as float32; storage.h makes them smaller. Knows nothing of LibTorch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nevus {

/// Convolution with folded batch-norm; all attributes are written out (no auto_pad).
struct ConvSpec {
  int in_channels = 0, out_channels = 0, kernel = 1, stride = 1, groups = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  std::vector<float> weight;  ///< out * in/groups * k * k
  std::vector<float> bias;    ///< out, or empty
};

class OnnxGraph {
 public:
  OnnxGraph();
  ~OnnxGraph();

  /// Declares the graph's input float32 [N, shape...]; returns its name.
  std::string input(const std::string& name, const std::vector<std::int64_t>& shape);
  std::string conv(const std::string& x, const ConvSpec& conv, const std::string& name);
  std::string clip(const std::string& x, float low, float high);  ///< relu6 = clip(0, 6)
  std::string relu(const std::string& x);
  std::string sigmoid(const std::string& x);
  std::string hard_sigmoid(const std::string& x);  ///< clip(x / 6 + 1/2, 0, 1)
  std::string add(const std::string& a, const std::string& b);
  std::string multiply(const std::string& a, const std::string& b);
  std::string add_bias(const std::string& x, const std::vector<float>& bias,
                       const std::string& name);
  std::string global_average_pool(const std::string& x);
  std::string flatten(const std::string& x);
  std::string transpose(const std::string& x);  ///< rows and columns of [N, C, H, W]
  /// @param axes  of [N, C, H, W], whose order is reversed @param sizes  of these axes
  std::string reverse(const std::string& x, const std::vector<std::int64_t>& axes,
                      const std::vector<std::int64_t>& sizes);
  std::string concatenate(const std::vector<std::string>& parts);   ///< along N
  std::vector<std::string> split(const std::string& x, int parts);  ///< the same, undone
  std::string identity(const std::string& x, const std::string& name);
  /// Declares an output float32 [N, shape...]; `value` must be its name.
  void output(const std::string& value, const std::vector<std::int64_t>& shape);

  /// The serialised ModelProto, without metadata.
  std::vector<std::uint8_t> serialize() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nevus
