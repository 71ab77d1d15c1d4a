// EfficientNet-Lite 0 to 4 in LibTorch. Structure: Tan & Le, "EfficientNet", ICML 2019, and the
// Lite variants of tensorflow/tpu (2020): no squeeze-and-excitation, ReLU6, stem and head not
// scaled.
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <optional>
#include <string>
#include <vector>

#include "nets/fused_norm.h"
#include "nevus/preprocess.h"

namespace nevus {

/// How an even stride pads: TensorFlow's "SAME" puts the odd pixel at the bottom and right;
/// PyTorch's habit is the same number on all sides. Weights go with the one they were trained in.
enum class Padding { tf_same, symmetric };

/// One line of the family's table.
struct EfficientNetVariant {
  std::string name;  ///< "efficientnet-lite0"
  double width;      ///< multiplies channels
  double depth;      ///< multiplies blocks
  int size;          ///< input, pixels
  double dropout;    ///< before the classifier, 0..1
};

/// The variants that this program knows.
const std::vector<EfficientNetVariant>& efficientnet_variants();
/// nullopt where the name is not one of them.
std::optional<EfficientNetVariant> find_efficientnet(const std::string& name);

/// Input rule of the published weights: (v - 127) / 128 on 0..255, v in R, G, B.
PreprocessSpec efficientnet_input(const EfficientNetVariant& variant);

struct EfficientNetOptions {
  int classes = 1000;
  double dropout = 0.2;  ///< before the classifier, 0..1
  double drop_connect =
      0.0;  ///< of the last block; earlier ones in proportion to their depth, 0..1
  /// Share of a batch's statistics in the running ones. 0.01 is the reference code's, for many
  /// thousand steps; fine-tuning has hundreds.
  double norm_momentum = 0.01;
  Padding padding = Padding::tf_same;
};

/// Convolution without bias, padded as told; weight [out, in / groups, k, k].
class PaddedConvImpl : public torch::nn::Module {
 public:
  PaddedConvImpl(int in, int out, int kernel, int stride, int groups, Padding padding);
  torch::Tensor forward(const torch::Tensor& x);

  /// Weight, stride and the padding that an input like `x` gets: for the fused operations.
  DepthwiseKernel with_padding(const torch::Tensor& x) const;

  /// Padding before and after an axis of `length` pixels.
  std::pair<int, int> pads(int length) const;

  torch::Tensor weight;
  const int in_channels, out_channels, kernel, stride, groups;

 private:
  const Padding padding_;
};
TORCH_MODULE(PaddedConv);

/// Mobile inverted bottleneck: expand 1x1, depthwise k x k, project 1x1, each with batch-norm.
class InvertedBottleneckImpl : public torch::nn::Module {
 public:
  InvertedBottleneckImpl(int in, int out, int kernel, int stride, int expansion,
                         const EfficientNetOptions& options);
  /// @param keep  chance that a block with a shortcut is not skipped in training, 0..1
  torch::Tensor forward(const torch::Tensor& x, double keep);
  /// Of a block with expansion 1 and no shortcut.
  /// @param x     what a convolution gave
  /// @param norm  that convolution's, not done yet; ReLU6 follows
  torch::Tensor forward_unexpanded(const torch::Tensor& x, torch::nn::BatchNorm2d& norm);

  PaddedConv expand{nullptr};  ///< empty where expansion is 1
  torch::nn::BatchNorm2d expand_norm{nullptr};
  PaddedConv depthwise{nullptr}, project{nullptr};
  torch::nn::BatchNorm2d depthwise_norm{nullptr}, project_norm{nullptr};
  const bool shortcut;

 private:
  // From the depthwise convolution's output on.
  torch::Tensor finish(const torch::Tensor& x, const torch::Tensor& input, double keep);
};
TORCH_MODULE(InvertedBottleneck);

/// Parameter names are those of the published PyTorch weights (`_blocks.3._expand_conv.weight`, …).
class EfficientNetImpl : public torch::nn::Module {
 public:
  EfficientNetImpl(const EfficientNetVariant& variant, const EfficientNetOptions& options);

  /// @param x  [N, 3, H, W], normalised
  /// @return [N, 1280, H/32, W/32], after the last ReLU6
  torch::Tensor forward_features(torch::Tensor x);
  /// @return logits [N, classes]
  torch::Tensor forward(const torch::Tensor& x);
  /// Class activation maps without bias (Zhou et al., 2016): their mean plus the bias is the
  /// logits.
  /// @param features  of forward_features(); @return [N, classes, H/32, W/32]
  torch::Tensor cam(const torch::Tensor& features);

  /// Mean over the map: [N, 1280, H/32, W/32] to [N, 1280].
  torch::Tensor embed(const torch::Tensor& features) { return features.mean({2, 3}); }

  /// Keeps the stem and the first blocks as they are, statistics included, until the next call: 0
  /// frees them all, depth() leaves the classifier alone to learn. To be called after train().
  void freeze(int blocks);
  /// Blocks, the stem counted with the first and the head with the last.
  int depth() const { return static_cast<int>(blocks->size()); }
  /// The block that a parameter or buffer belongs to, 0 to depth() - 1; depth(): the classifier.
  int depth_of(const std::string& name) const;

  PaddedConv stem{nullptr}, head{nullptr};
  torch::nn::BatchNorm2d stem_norm{nullptr}, head_norm{nullptr};
  torch::nn::ModuleList blocks{nullptr};  ///< of InvertedBottleneck
  torch::nn::Linear classifier{nullptr};

 private:
  double dropout_, drop_connect_;
  int frozen_ = 0;
};
TORCH_MODULE(EfficientNet);

}  // namespace nevus
