// The training loss and what goes into it.
#include "train/loss.h"

#include <cmath>

namespace nevus {

torch::Tensor allowed_cross_entropy(const torch::Tensor& logits, const torch::Tensor& allowed,
                                    double smoothing) {
  const torch::Tensor log_p = torch::log_softmax(logits, 1);
  // log sum_allowed p; minus infinity takes the others out.
  const torch::Tensor own = torch::logsumexp(log_p + torch::log(allowed), 1);
  return -(1 - smoothing) * own - smoothing * log_p.mean(1);
}

torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& taught) {
  return -(taught * torch::log_softmax(logits, 1)).sum(1);
}

Mix mix_batch(torch::Tensor& images, double mixup, double cutmix) {
  Mix mix;
  if (mixup <= 0 && cutmix <= 0) return mix;
  const bool paste = cutmix > 0 && (mixup <= 0 || torch::rand({1}).item<float>() < 0.5f);
  const double a = paste ? cutmix : mixup;
  // Beta(a, a) from two gammas.
  const torch::Tensor gammas = torch::_standard_gamma(torch::full({2}, a, torch::kFloat64));
  const auto first = gammas[0].item<double>(), second = gammas[1].item<double>();
  const double share = first + second > 0 ? first / (first + second) : 0.5;
  mix.order = torch::randperm(images.size(0), torch::kLong).to(images.device());
  if (!paste) {
    mix.share = share;
    images = images * share + images.index_select(0, mix.order) * (1 - share);
    return mix;
  }
  const std::int64_t height = images.size(2), width = images.size(3);
  const double side = std::sqrt(1 - share);
  const auto h = static_cast<std::int64_t>(side * static_cast<double>(height));
  const auto w = static_cast<std::int64_t>(side * static_cast<double>(width));
  const torch::Tensor place = torch::rand({2}, torch::kFloat64);
  const auto top =
      static_cast<std::int64_t>(place[0].item<double>() * static_cast<double>(height - h + 1));
  const auto left =
      static_cast<std::int64_t>(place[1].item<double>() * static_cast<double>(width - w + 1));
  if (h > 0 && w > 0) {
    const torch::Tensor patch =
        images.index_select(0, mix.order).slice(2, top, top + h).slice(3, left, left + w);
    images.slice(2, top, top + h).slice(3, left, left + w).copy_(patch);
  }
  mix.share = 1 - static_cast<double>(h * w) / static_cast<double>(height * width);
  return mix;
}

std::vector<double> class_weights(const std::vector<std::size_t>& counts, double power) {
  std::vector<double> weights(counts.size(), 1.0);
  double photos = 0, sum = 0;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const auto n = static_cast<double>(counts[c]);
    weights[c] = n > 0 ? std::pow(n, -power) : 0;
    photos += n;
    sum += n * weights[c];
  }
  for (double& weight : weights) weight *= sum > 0 ? photos / sum : 1;
  return weights;
}

}  // namespace nevus
