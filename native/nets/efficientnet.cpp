// EfficientNet-Lite in LibTorch.
#include "nets/efficientnet.h"

#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

constexpr double kNormEpsilon = 1e-3;  // TensorFlow's
constexpr int kStemChannels = 32;
constexpr int kHeadChannels = 1280;

struct Stage {
  int repeats, kernel, stride, expansion, channels;
};
// Table 1 of the paper; the first and last stage's repeats are not scaled in the Lite variants.
constexpr Stage kStages[] = {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},
                             {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192},
                             {1, 3, 1, 6, 320}};

// To a multiple of 8, never down by more than a tenth (round_filters of the reference code).
int scaled_channels(int channels, double width) {
  const double scaled = channels * width;
  int rounded = std::max(8, static_cast<int>(scaled + 4) / 8 * 8);
  if (rounded < 0.9 * scaled) {
    rounded += 8;
  }
  return rounded;
}

torch::nn::BatchNorm2d norm(int channels, const EfficientNetOptions& options) {
  return torch::nn::BatchNorm2d(
      torch::nn::BatchNorm2dOptions(channels).eps(kNormEpsilon).momentum(options.norm_momentum));
}

constexpr Clamp kRelu6{0, 6};

}  // namespace

const std::vector<EfficientNetVariant>& efficientnet_variants() {
  static const std::vector<EfficientNetVariant> variants{
      {"efficientnet-lite0", 1.0, 1.0, 224, 0.2}, {"efficientnet-lite1", 1.0, 1.1, 240, 0.2},
      {"efficientnet-lite2", 1.1, 1.2, 260, 0.3}, {"efficientnet-lite3", 1.2, 1.4, 280, 0.3},
      {"efficientnet-lite4", 1.4, 1.8, 300, 0.3},
  };
  return variants;
}

std::optional<EfficientNetVariant> find_efficientnet(const std::string& name) {
  for (const EfficientNetVariant& variant : efficientnet_variants()) {
    if (variant.name == name) {
      return variant;
    }
  }
  return std::nullopt;
}

PreprocessSpec efficientnet_input(const EfficientNetVariant& variant) {
  PreprocessSpec spec;
  spec.width = spec.height = variant.size;
  spec.mean.fill(127.0f / 255.0f);
  spec.std.fill(128.0f / 255.0f);
  return spec;
}

PaddedConvImpl::PaddedConvImpl(int in, int out, int kernel_size, int step, int group_count,
                               Padding padding)
    : in_channels(in),
      out_channels(out),
      kernel(kernel_size),
      stride(step),
      groups(group_count),
      padding_(padding) {
  weight = register_parameter("weight", torch::empty({out, in / groups, kernel, kernel}));
  // He et al., 2015, counted over the outputs: what the reference code draws.
  torch::nn::init::normal_(weight, 0.0, std::sqrt(2.0 / (kernel * kernel * out / groups)));
}

std::pair<int, int> PaddedConvImpl::pads(int length) const {
  if (padding_ == Padding::symmetric) {
    return {(kernel - 1) / 2, (kernel - 1) / 2};
  }
  const int steps = (length + stride - 1) / stride;
  const int total = std::max((steps - 1) * stride + kernel - length, 0);
  return {total / 2, total - total / 2};
}

torch::Tensor PaddedConvImpl::forward(const torch::Tensor& x) {
  const auto [top, bottom] = pads(static_cast<int>(x.size(2)));
  const auto [left, right] = pads(static_cast<int>(x.size(3)));
  if (top == bottom && left == right) {
    return torch::conv2d(x, weight, torch::Tensor(), stride, {top, left}, 1, groups);
  }
  const torch::Tensor padded = torch::constant_pad_nd(x, {left, right, top, bottom});
  return torch::conv2d(padded, weight, torch::Tensor(), stride, at::IntArrayRef({0, 0}), 1, groups);
}

DepthwiseKernel PaddedConvImpl::with_padding(const torch::Tensor& x) const {
  return {weight, stride, pads(static_cast<int>(x.size(2))), pads(static_cast<int>(x.size(3)))};
}

InvertedBottleneckImpl::InvertedBottleneckImpl(int in, int out, int kernel, int stride,
                                               int expansion, const EfficientNetOptions& options)
    : shortcut(stride == 1 && in == out) {
  const int inner = in * expansion;
  if (expansion != 1) {
    expand = register_module("_expand_conv", PaddedConv(in, inner, 1, 1, 1, options.padding));
    expand_norm = register_module("_bn0", norm(inner, options));
  }
  depthwise = register_module("_depthwise_conv",
                              PaddedConv(inner, inner, kernel, stride, inner, options.padding));
  depthwise_norm = register_module("_bn1", norm(inner, options));
  project = register_module("_project_conv", PaddedConv(inner, out, 1, 1, 1, options.padding));
  project_norm = register_module("_bn2", norm(out, options));
}

torch::Tensor InvertedBottleneckImpl::forward(const torch::Tensor& x, double keep) {
  return finish(norm_clamp_depthwise(expand(x), expand_norm, kRelu6, depthwise->with_padding(x)), x,
                keep);
}

torch::Tensor InvertedBottleneckImpl::forward_unexpanded(const torch::Tensor& x,
                                                         torch::nn::BatchNorm2d& norm) {
  return finish(norm_clamp_depthwise(x, norm, kRelu6, depthwise->with_padding(x)), {}, 1);
}

torch::Tensor InvertedBottleneckImpl::finish(const torch::Tensor& x, const torch::Tensor& input,
                                             double keep) {
  const torch::Tensor y = project(norm_clamp(x, depthwise_norm, kRelu6));
  if (!shortcut || !is_training() || keep >= 1) {
    return norm_clamp(y, project_norm, {}, shortcut ? input : torch::Tensor());
  }
  // Stochastic depth (Huang et al., 2016), one draw a photo.
  const torch::Tensor alive = torch::rand({y.size(0), 1, 1, 1}, y.options()).add_(keep).floor_();
  return norm_clamp(y, project_norm, {}) * alive.div_(keep) + input;
}

EfficientNetImpl::EfficientNetImpl(const EfficientNetVariant& variant,
                                   const EfficientNetOptions& options)
    : dropout_(options.dropout), drop_connect_(options.drop_connect) {
  stem = register_module("_conv_stem", PaddedConv(3, kStemChannels, 3, 2, 1, options.padding));
  stem_norm = register_module("_bn0", norm(kStemChannels, options));
  blocks = register_module("_blocks", torch::nn::ModuleList());
  int in = kStemChannels;
  for (const Stage& stage : kStages) {
    const bool scaled = &stage != std::begin(kStages) && &stage != std::end(kStages) - 1;
    const int repeats =
        scaled ? static_cast<int>(std::ceil(stage.repeats * variant.depth)) : stage.repeats;
    const int out = scaled_channels(stage.channels, variant.width);
    for (int i = 0; i < repeats; ++i) {
      blocks->push_back(InvertedBottleneck(in, out, stage.kernel, i == 0 ? stage.stride : 1,
                                           stage.expansion, options));
      in = out;
    }
  }
  head = register_module("_conv_head", PaddedConv(in, kHeadChannels, 1, 1, 1, options.padding));
  head_norm = register_module("_bn1", norm(kHeadChannels, options));
  classifier = register_module("_fc", torch::nn::Linear(kHeadChannels, options.classes));
  // A small start: the first steps should not be thrown by a random head.
  torch::nn::init::normal_(classifier->weight, 0.0, 0.01);
  torch::nn::init::zeros_(classifier->bias);
}

torch::Tensor EfficientNetImpl::forward_features(torch::Tensor x) {
  const std::size_t count = blocks->size();
  const auto frozen = static_cast<std::size_t>(frozen_);
  const auto run = [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      auto& block = blocks->at<InvertedBottleneckImpl>(i);
      if (i == 0) {
        // The stem's norm is done together with the first block's depthwise convolution.
        x = block.forward_unexpanded(stem(x), stem_norm);
        continue;
      }
      const double drop = drop_connect_ * static_cast<double>(i) / static_cast<double>(count);
      x = block.forward(x, 1 - drop);
    }
    if (last == count) x = norm_clamp(head(x), head_norm, kRelu6);
  };
  if (frozen > 0) {
    const torch::NoGradGuard no_grad;
    run(0, frozen);
  }
  if (frozen < count) run(frozen, count);
  return x;
}

void EfficientNetImpl::freeze(int first) {
  frozen_ = std::clamp(first, 0, depth());
  for (const auto& entry : named_parameters()) {
    entry.value().set_requires_grad(depth_of(entry.key()) >= frozen_);
  }
  if (frozen_ > 0) {
    stem->eval();
    stem_norm->eval();
  }
  for (int i = 0; i < frozen_; ++i) blocks[static_cast<std::size_t>(i)]->eval();
  if (frozen_ == depth()) {
    head->eval();
    head_norm->eval();
  }
}

int EfficientNetImpl::depth_of(const std::string& name) const {
  if (name.rfind("_fc.", 0) == 0) return depth();
  if (name.rfind("_conv_head.", 0) == 0 || name.rfind("_bn1.", 0) == 0) return depth() - 1;
  if (name.rfind("_blocks.", 0) == 0) return std::stoi(name.substr(8));
  return 0;
}

torch::Tensor EfficientNetImpl::forward(const torch::Tensor& x) {
  const torch::Tensor pooled = embed(forward_features(x));
  return classifier(torch::dropout(pooled, dropout_, is_training()));
}

torch::Tensor EfficientNetImpl::cam(const torch::Tensor& features) {
  return torch::conv2d(features, classifier->weight.unsqueeze(-1).unsqueeze(-1));
}

}  // namespace nevus
