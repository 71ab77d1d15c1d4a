// The networks of architecture.h in LibTorch.
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <string>
#include <utility>

#include "nets/architecture.h"
#include "nets/fused_norm.h"

namespace nevus {

struct NetworkOptions {
  int classes = 1000;
  double dropout = 0.2;  ///< before the classifier, 0..1
  double drop_connect =
      0.0;  ///< of the last block; earlier ones in proportion to their depth, 0..1
  /// Share of a batch's statistics in the running ones. 0.01 is the reference code's, for many
  /// thousand steps; fine-tuning has hundreds.
  double norm_momentum = 0.01;
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

/// Squeeze and excitation (Hu et al., 2018): x times a gate a channel, from the map's averages.
class SqueezeExcitationImpl : public torch::nn::Module {
 public:
  SqueezeExcitationImpl(int channels, int squeezed, bool hard);
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d reduce{nullptr}, expand{nullptr};  ///< 1x1, with bias
  const bool hard;  ///< ReLU and hard sigmoid (MobileNetV3) instead of SiLU and sigmoid
};
TORCH_MODULE(SqueezeExcitation);

/// Mobile inverted bottleneck: expand 1x1, depthwise k x k, project 1x1, each with batch-norm.
class InvertedBottleneckImpl : public torch::nn::Module {
 public:
  InvertedBottleneckImpl(const BlockSpec& spec, const Architecture& architecture,
                         const NetworkOptions& options);
  /// @param keep  chance that a block with a shortcut is not skipped in training, 0..1
  torch::Tensor forward(const torch::Tensor& x, double keep);
  /// Of a block without expansion and shortcut.
  /// @param x     what a convolution gave
  /// @param norm  that convolution's, not done yet; `clamp` follows
  torch::Tensor forward_unexpanded(const torch::Tensor& x, torch::nn::BatchNorm2d& norm,
                                   Clamp clamp);

  const BlockSpec spec;
  PaddedConv expand{nullptr};  ///< empty without expansion
  torch::nn::BatchNorm2d expand_norm{nullptr};
  PaddedConv depthwise{nullptr}, project{nullptr};
  torch::nn::BatchNorm2d depthwise_norm{nullptr}, project_norm{nullptr};
  SqueezeExcitation squeeze{nullptr};  ///< empty where the block has none

 private:
  // From the depthwise convolution's output on.
  torch::Tensor finish(const torch::Tensor& x, const torch::Tensor& input, double keep);
};
TORCH_MODULE(InvertedBottleneck);

/// An activation by itself.
torch::Tensor activate(const torch::Tensor& x, Activation activation);

/// Parameter names are those of the published PyTorch weights of EfficientNet-Lite
/// (`_blocks.3._expand_conv.weight`, …); weights.h knows the other habits.
class NetworkImpl : public torch::nn::Module {
 public:
  NetworkImpl(Architecture architecture, const NetworkOptions& options);

  /// @param x  [N, 3, H, W], normalised
  /// @return [N, F, H/32, W/32], after the last activation; F = features()
  torch::Tensor forward_features(torch::Tensor x);
  /// @return logits [N, classes]
  torch::Tensor forward(const torch::Tensor& x);
  /// Class activation maps without bias (Zhou et al., 2016): their mean plus the bias is the
  /// logits.
  /// @param features  of forward_features(); @return [N, classes, H/32, W/32]
  torch::Tensor cam(const torch::Tensor& features);

  /// What the photo looks like, whatever it means: the map after architecture.appearance_block(),
  /// averaged. @param x  as in forward_features(); @return [N, channels of that block]
  torch::Tensor appearance(const torch::Tensor& x);

  /// In how many of its turns() a photo is judged from now on, 1 to 8: features, turned back, and
  /// appearance are their means, and so are logits and maps, which are linear in the features
  /// (test-time augmentation).
  void judge_in(int turns) { turns_ = turns; }
  int turns() const { return turns_; }

  /// Keeps the stem and the first blocks as they are, statistics included, until the next call: 0
  /// frees them all, depth() leaves the classifier alone to learn. To be called after train().
  void freeze(int blocks);
  /// Blocks, the stem counted with the first and the head with the last.
  int depth() const { return static_cast<int>(blocks->size()); }
  /// The block that a parameter or buffer belongs to, 0 to depth() - 1; depth(): the classifier.
  int depth_of(const std::string& name) const;

  const Architecture architecture;
  PaddedConv stem{nullptr}, head{nullptr};
  torch::nn::BatchNorm2d stem_norm{nullptr}, head_norm{nullptr};
  torch::nn::ModuleList blocks{nullptr};  ///< of InvertedBottleneck
  torch::nn::Conv2d hidden{nullptr};      ///< 1x1; empty where the architecture has none
  torch::nn::Linear classifier{nullptr};

 private:
  torch::Tensor features_of(torch::Tensor x);
  // Blocks `first` to `last` - 1, with the stem before the first and the head after the last.
  torch::Tensor run(torch::Tensor x, std::size_t first, std::size_t last);

  double dropout_, drop_connect_;
  int frozen_ = 0, turns_ = 1;
};
TORCH_MODULE(Network);

}  // namespace nevus
