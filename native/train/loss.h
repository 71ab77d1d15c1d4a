// The training loss: cross-entropy for photos whose class is known, whose kind alone is known, or
// which are mixed.
#pragma once

#include <torch/types.h>

namespace nevus {

/// Per photo: -log of the probability that lies on the classes it may have, smoothed (Szegedy et
/// al., 2016): (1 - s) * -log sum_allowed p + s * mean over all classes of -log p. For one allowed
/// class that is cross-entropy with label smoothing.
/// @param logits   [N, C]
/// @param allowed  [N, C], 1 where the photo may be of the class, else 0; one at least a row
/// @return [N]
torch::Tensor allowed_cross_entropy(const torch::Tensor& logits, const torch::Tensor& allowed,
                                    double smoothing);

/// Cross-entropy to a teacher's answers: sum over the classes of -q log p (Hinton, Vinyals & Dean,
/// 2015, at a temperature of 1).
/// @param logits  [N, C]
/// @param taught  [N, C], probabilities; no gradient flows into them
/// @return [N]
torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& taught);

/// One batch mixed with itself in another order: x = share * x + (1 - share) * x[order] (mixup,
/// Zhang et al., 2018), or the rectangle of x[order] pasted in (CutMix, Yun et al., 2019).
struct Mix {
  torch::Tensor order;  ///< [N] indices; undefined: not mixed
  double share = 1;     ///< of the own photo, 0..1
};

/// Mixes `images` [N, 3, H, W] in place. `mixup`, `cutmix`: parameters of Beta(a, a), 0: off; where
/// both are on, one of them is drawn. Draws from LibTorch's generator.
Mix mix_batch(torch::Tensor& images, double mixup, double cutmix);

/// Weights whose mean over the photos is 1: class c gets n_c^-power, scaled (power 1: every class
/// weighs the same in sum; 0: every photo).
std::vector<double> class_weights(const std::vector<std::size_t>& counts, double power);

}  // namespace nevus
