// How far a photo is from what the network learnt from: a Gaussian over its appearance.
#pragma once

#include <vector>

namespace at {
class Tensor;
}

namespace nevus {

/// The covariance is that of probabilistic PCA (Tipping & Bishop, "Probabilistic Principal
/// Component Analysis", 1999): k directions with variances of their own, one variance for all the
/// others. So the squared Mahalanobis distance of an embedding x, with z = (x - mean) * scale, is
///   |z|^2 * inverse_noise - sum_k gain_k * (direction_k . z)^2.
struct EmbeddingGaussian {
  std::vector<float> mean;        ///< F
  std::vector<float> scale;       ///< F, 1 / standard deviation: no dimension counts for its size
  std::vector<float> directions;  ///< k * F, orthonormal
  std::vector<float> gain;        ///< k, inverse_noise - 1 / variance, >= 0
  float inverse_noise = 1;        ///< 1 / variance of the rest
};

/// @param embeddings  [n, F], n >= 2
/// @param directions  at most; fewer where there are fewer photos
EmbeddingGaussian fit_gaussian(const at::Tensor& embeddings, int directions);

/// Squared Mahalanobis distances [n] of embeddings [n, F].
at::Tensor distances(const EmbeddingGaussian& gaussian, const at::Tensor& embeddings);

}  // namespace nevus
