// The networks that this program knows, as data: blocks, widths, activations. No LibTorch here.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "nevus/preprocess.h"

namespace nevus {

/// How an even stride pads: TensorFlow's "SAME" puts the odd pixel at the bottom and right;
/// PyTorch's habit is the same number on all sides. Weights go with the one they were trained in.
enum class Padding { tf_same, symmetric };

/// relu6: Howard et al., 2017; silu ("swish"): Ramachandran et al., 2017; hard_swish: Howard et
/// al., "Searching for MobileNetV3", 2019.
enum class Activation { none, relu, relu6, silu, hard_swish };

/// Inverted bottleneck: expand 1x1, depthwise k x k, squeeze and excite, project 1x1.
struct BlockSpec {
  int in, out, inner;  ///< channels; inner = in: no expansion
  int kernel, stride;
  int squeezed;  ///< channels of squeeze-and-excitation (Hu et al., 2018); 0: none
  Activation activation;

  bool shortcut() const { return stride == 1 && in == out; }
};

struct Architecture {
  std::string name;  ///< "efficientnet-lite0"
  int size;          ///< input, pixels
  double dropout;    ///< before the classifier, as published, 0..1
  std::array<float, 3> mean, std;
  Padding padding;
  double norm_epsilon;
  int stem;
  Activation activation;  ///< of stem and head
  std::vector<BlockSpec> blocks;
  bool hard_gate;  ///< squeeze-and-excitation as in MobileNetV3: ReLU inside, hard sigmoid at the
                   ///< end
  int head;
  /// MobileNetV3's layer between the head and the classifier; 0: none. Published networks have it
  /// after pooling; here it works on each cell of the map before it, so that maps still average to
  /// the logits. The parameters are the same.
  int hidden;

  /// The last block that shrinks the map. Behind it the network speaks of its classes alone; here
  /// natural pictures are still far from lesions (measured: docs/typicality.md).
  std::size_t appearance_block() const;
  int features() const { return hidden > 0 ? hidden : head; }
};

/// EfficientNet-Lite 0 to 4, EfficientNet-B 0 to 7, MobileNetV3 small and large.
const std::vector<Architecture>& architectures();
/// nullopt where the name is not one of them.
std::optional<Architecture> find_architecture(const std::string& name);
/// All names, for people.
std::string architecture_names();

/// Input rule of the published weights.
PreprocessSpec network_input(const Architecture& architecture);

/// Channels after scaling by `width`: a multiple of 8, never less than nine tenths of the exact
/// number (round_filters in the reference code of Tan & Le, 2019).
int scaled_channels(int channels, double width);

}  // namespace nevus
