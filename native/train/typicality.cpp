// A probabilistic-PCA Gaussian over embeddings.
#include "train/typicality.h"

#include <torch/types.h>

#include <algorithm>

namespace nevus {
namespace {

// Of the standardised dimensions' variance, which is 1: where the rest has next to none (fewer
// photos than dimensions), distances would explode.
constexpr double kLeastNoise = 0.01;
// A dimension that never changes says nothing.
constexpr double kLeastDeviation = 1e-3;

std::vector<float> floats(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

at::Tensor tensor_of(const std::vector<float>& values, std::int64_t columns) {
  return torch::tensor(values, torch::kFloat64).view({-1, columns});
}

}  // namespace

EmbeddingGaussian fit_gaussian(const at::Tensor& embeddings, int directions) {
  const at::Tensor x = embeddings.to(torch::kCPU, torch::kFloat64);
  const std::int64_t n = x.size(0), size = x.size(1);
  const at::Tensor mean = x.mean(0);
  const at::Tensor scale = 1 / x.std(0).clamp_min(kLeastDeviation);
  const at::Tensor centred = (x - mean) * scale;
  const at::Tensor covariance =
      centred.t().mm(centred) / static_cast<double>(std::max<std::int64_t>(1, n - 1));
  // Eigenvalues ascend.
  const auto [values, vectors] = at::linalg_eigh(covariance);
  const std::int64_t k = std::min<std::int64_t>({directions, size - 1, n - 1});
  const at::Tensor variance = values.slice(0, size - k, size).flip(0);
  const double noise = std::max(kLeastNoise, values.slice(0, 0, size - k).mean().item<double>());
  EmbeddingGaussian gaussian;
  gaussian.mean = floats(mean);
  gaussian.scale = floats(scale);
  gaussian.directions = floats(vectors.slice(1, size - k, size).flip(1).t());
  gaussian.inverse_noise = static_cast<float>(1 / noise);
  gaussian.gain = floats((1 / noise - 1 / variance.clamp_min(noise)).clamp_min(0));
  return gaussian;
}

at::Tensor distances(const EmbeddingGaussian& gaussian, const at::Tensor& embeddings) {
  const auto size = static_cast<std::int64_t>(gaussian.mean.size());
  const at::Tensor centred =
      (embeddings.to(torch::kCPU, torch::kFloat64) - tensor_of(gaussian.mean, size)) *
      tensor_of(gaussian.scale, size);
  const at::Tensor along = centred.mm(tensor_of(gaussian.directions, size).t());
  const at::Tensor gain = tensor_of(gaussian.gain, static_cast<std::int64_t>(gaussian.gain.size()));
  return centred.square().sum(1) * static_cast<double>(gaussian.inverse_noise) -
         (along.square() * gain).sum(1);
}

}  // namespace nevus
