// Inverted bottlenecks, one after another.
#include "nets/network.h"

#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "nets/turns.h"

namespace nevus {
namespace {

torch::nn::BatchNorm2d norm(int channels, const Architecture& architecture,
                            const NetworkOptions& options) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels)
                                    .eps(architecture.norm_epsilon)
                                    .momentum(options.norm_momentum));
}

// Activations that are a clamp are done together with the norm before them.
std::optional<Clamp> clamp_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return Clamp{};
    case Activation::relu:
      return Clamp{0, std::numeric_limits<float>::infinity()};
    case Activation::relu6:
      return Clamp{0, 6};
    case Activation::silu:
    case Activation::hard_swish:
      break;
  }
  return std::nullopt;
}

torch::Tensor norm_activate(const torch::Tensor& x, torch::nn::BatchNorm2d& norm,
                            Activation activation) {
  const auto clamp = clamp_of(activation);
  return clamp ? norm_clamp(x, norm, *clamp) : activate(norm_clamp(x, norm, {}), activation);
}

}  // namespace

torch::Tensor activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return torch::relu(x);
    case Activation::relu6:
      return torch::clamp(x, 0, 6);
    case Activation::silu:
      return torch::silu(x);
    case Activation::hard_swish:
      return torch::hardswish(x);
    case Activation::none:
      break;
  }
  return x;
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

SqueezeExcitationImpl::SqueezeExcitationImpl(int channels, int squeezed, bool hard_gate)
    : hard(hard_gate) {
  reduce = register_module("_se_reduce",
                           torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, squeezed, 1)));
  expand = register_module("_se_expand",
                           torch::nn::Conv2d(torch::nn::Conv2dOptions(squeezed, channels, 1)));
}

torch::Tensor SqueezeExcitationImpl::forward(const torch::Tensor& x) {
  const torch::Tensor inner = reduce(x.mean({2, 3}, true));
  const torch::Tensor gate = expand(hard ? torch::relu(inner) : torch::silu(inner));
  return x * (hard ? torch::hardsigmoid(gate) : torch::sigmoid(gate));
}

InvertedBottleneckImpl::InvertedBottleneckImpl(const BlockSpec& block,
                                               const Architecture& architecture,
                                               const NetworkOptions& options)
    : spec(block) {
  const Padding padding = architecture.padding;
  if (spec.inner != spec.in) {
    expand = register_module("_expand_conv", PaddedConv(spec.in, spec.inner, 1, 1, 1, padding));
    expand_norm = register_module("_bn0", norm(spec.inner, architecture, options));
  }
  depthwise = register_module("_depthwise_conv", PaddedConv(spec.inner, spec.inner, spec.kernel,
                                                            spec.stride, spec.inner, padding));
  depthwise_norm = register_module("_bn1", norm(spec.inner, architecture, options));
  if (spec.squeezed > 0) {
    squeeze = register_module("_se",
                              SqueezeExcitation(spec.inner, spec.squeezed, architecture.hard_gate));
  }
  project = register_module("_project_conv", PaddedConv(spec.inner, spec.out, 1, 1, 1, padding));
  project_norm = register_module("_bn2", norm(spec.out, architecture, options));
}

torch::Tensor InvertedBottleneckImpl::forward(const torch::Tensor& x, double keep) {
  if (!expand) return finish(depthwise(x), x, keep);
  const auto clamp = clamp_of(spec.activation);
  return finish(
      clamp ? norm_clamp_depthwise(expand(x), expand_norm, *clamp, depthwise->with_padding(x))
            : depthwise(norm_activate(expand(x), expand_norm, spec.activation)),
      x, keep);
}

torch::Tensor InvertedBottleneckImpl::forward_unexpanded(const torch::Tensor& x,
                                                         torch::nn::BatchNorm2d& norm,
                                                         Clamp clamp) {
  return finish(norm_clamp_depthwise(x, norm, clamp, depthwise->with_padding(x)), {}, 1);
}

torch::Tensor InvertedBottleneckImpl::finish(const torch::Tensor& x, const torch::Tensor& input,
                                             double keep) {
  torch::Tensor y = norm_activate(x, depthwise_norm, spec.activation);
  if (squeeze) y = squeeze(y);
  y = project(y);
  const bool shortcut = spec.shortcut() && input.defined();
  if (!shortcut || !is_training() || keep >= 1) {
    return norm_clamp(y, project_norm, {}, shortcut ? input : torch::Tensor());
  }
  // Stochastic depth (Huang et al., 2016), one draw a photo.
  const torch::Tensor alive = torch::rand({y.size(0), 1, 1, 1}, y.options()).add_(keep).floor_();
  return norm_clamp(y, project_norm, {}) * alive.div_(keep) + input;
}

NetworkImpl::NetworkImpl(Architecture chosen, const NetworkOptions& options)
    : architecture(std::move(chosen)),
      dropout_(options.dropout),
      drop_connect_(options.drop_connect) {
  const Padding padding = architecture.padding;
  stem = register_module("_conv_stem", PaddedConv(3, architecture.stem, 3, 2, 1, padding));
  stem_norm = register_module("_bn0", norm(architecture.stem, architecture, options));
  blocks = register_module("_blocks", torch::nn::ModuleList());
  for (const BlockSpec& block : architecture.blocks) {
    blocks->push_back(InvertedBottleneck(block, architecture, options));
  }
  const int last = architecture.blocks.back().out;
  head = register_module("_conv_head", PaddedConv(last, architecture.head, 1, 1, 1, padding));
  head_norm = register_module("_bn1", norm(architecture.head, architecture, options));
  if (architecture.hidden > 0) {
    hidden = register_module("_hidden", torch::nn::Conv2d(torch::nn::Conv2dOptions(
                                            architecture.head, architecture.hidden, 1)));
  }
  classifier = register_module("_fc", torch::nn::Linear(architecture.features(), options.classes));
  // A small start: the first steps should not be thrown by a random head.
  torch::nn::init::normal_(classifier->weight, 0.0, 0.01);
  torch::nn::init::zeros_(classifier->bias);
}

torch::Tensor NetworkImpl::run(torch::Tensor x, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    auto& block = blocks->at<InvertedBottleneckImpl>(i);
    if (i == 0) {
      const auto clamp = clamp_of(architecture.activation);
      if (clamp && !block.expand && !block.spec.shortcut()) {
        // The stem's norm is done together with the first block's depthwise convolution.
        x = block.forward_unexpanded(stem(x), stem_norm, *clamp);
        continue;
      }
      x = norm_activate(stem(x), stem_norm, architecture.activation);
    }
    const double drop =
        drop_connect_ * static_cast<double>(i) / static_cast<double>(blocks->size());
    x = block.forward(x, 1 - drop);
  }
  if (last == blocks->size()) {
    x = norm_activate(head(x), head_norm, architecture.activation);
    if (hidden) x = activate(hidden(x), architecture.activation);
  }
  return x;
}

torch::Tensor NetworkImpl::forward_features(torch::Tensor x) {
  if (turns_ == 1) return features_of(std::move(x));
  torch::Tensor sum;
  for (int i = 0; i < turns_; ++i) {
    const torch::Tensor back = turned_back(features_of(turned(x, turn(i))), turn(i));
    sum = sum.defined() ? sum + back : back;
  }
  return sum / turns_;
}

torch::Tensor NetworkImpl::features_of(torch::Tensor x) {
  const std::size_t count = blocks->size();
  const auto frozen = static_cast<std::size_t>(frozen_);
  if (frozen > 0) {
    const torch::NoGradGuard no_grad;
    x = run(x, 0, frozen);
  }
  return frozen < count ? run(x, frozen, count) : x;
}

torch::Tensor NetworkImpl::appearance(const torch::Tensor& x) {
  torch::Tensor sum;
  for (int i = 0; i < turns_; ++i) {
    const torch::Tensor seen = i == 0 ? x : turned(x, turn(i));
    const torch::Tensor mean = run(seen, 0, architecture.appearance_block() + 1).mean({2, 3});
    sum = sum.defined() ? sum + mean : mean;
  }
  return sum / turns_;
}

void NetworkImpl::freeze(int first) {
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
    if (hidden) hidden->eval();
  }
}

int NetworkImpl::depth_of(const std::string& name) const {
  if (name.rfind("_fc.", 0) == 0) return depth();
  if (name.rfind("_conv_head.", 0) == 0 || name.rfind("_bn1.", 0) == 0 ||
      name.rfind("_hidden.", 0) == 0)
    return depth() - 1;
  if (name.rfind("_blocks.", 0) == 0) return std::stoi(name.substr(8));
  return 0;
}

torch::Tensor NetworkImpl::forward(const torch::Tensor& x) {
  const torch::Tensor pooled = forward_features(x).mean({2, 3});
  return classifier(torch::dropout(pooled, dropout_, is_training()));
}

torch::Tensor NetworkImpl::cam(const torch::Tensor& features) {
  return torch::conv2d(features, classifier->weight.unsqueeze(-1).unsqueeze(-1));
}

}  // namespace nevus
