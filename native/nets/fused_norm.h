// Batch-norm with its activation, alone or together with the depthwise convolution that follows, as
// one differentiable operation on a CPU: nothing but the convolutions' own outputs is kept for the
// way back. Everywhere else (CUDA, odd shapes) the same is done by LibTorch's operations.
#pragma once

#include <torch/nn/modules/batchnorm.h>

#include <functional>
#include <limits>
#include <span>
#include <utility>

namespace nevus {

/// Bounds of a clamp. ReLU6: {0, 6}; none: the default.
struct Clamp {
  float low = -std::numeric_limits<float>::infinity();
  float high = std::numeric_limits<float>::infinity();
};

/// A depthwise convolution's weight [C, 1, k, k] and how it is padded.
struct DepthwiseKernel {
  torch::Tensor weight;
  int stride = 1;
  std::pair<int, int> rows, columns;  ///< zeros before and after
};

/// clamp(norm(x)) + skip, in training mode with the batch's statistics, which also move the running
/// ones (Ioffe & Szegedy, 2015).
/// @param x     [N, C, H, W]
/// @param skip  as x; undefined: none
torch::Tensor norm_clamp(const torch::Tensor& x, torch::nn::BatchNorm2d& norm, Clamp clamp,
                         const torch::Tensor& skip = {});

/// depthwise(clamp(norm(x))).
torch::Tensor norm_clamp_depthwise(const torch::Tensor& x, torch::nn::BatchNorm2d& norm,
                                   Clamp clamp, const DepthwiseKernel& kernel);

/// Adds the values up over all processes of a distributed training.
using SumOverProcesses = std::function<void(std::span<double>)>;
/// From now on statistics are those of all processes' batches together (CPU only); an empty
/// function ends that.
void synchronise_norms(SumOverProcesses sum);

}  // namespace nevus
