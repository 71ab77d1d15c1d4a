// How far a photo is from what the network learnt from: a Gaussian over embeddings.
#pragma once

#include <vector>

namespace at {
class Tensor;
}

namespace nevus {

/// The covariance is that of probabilistic PCA (Tipping & Bishop, "Probabilistic Principal
/// Component Analysis", 1999): k directions with variances of their own, one variance for all the
/// others. So the squared Mahalanobis distance of an embedding x is
///   |x - mean|^2 * inverse_noise - sum_k gain_k * (direction_k . (x - mean))^2.
struct EmbeddingGaussian {
  std::vector<float> mean;        ///< F
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
