// The learning-rate range test.
#include <torch/utils.h>

#include "train/training.h"

namespace nevus {

Result<std::vector<RateTrial>> Training::find_rate() {
  constexpr double kFrom = 1e-6, kTo = 1.0, kSmooth = 0.98;
  constexpr int kSteps = 120;
  net_->train();
  net_->freeze(recipe_.freeze);
  std::vector<std::size_t> order;
  while (order.size() < static_cast<std::size_t>(kSteps) * photos_of_step()) {
    const auto more = epoch_order();
    order.insert(order.end(), more.begin(), more.end());
    ++state_.epoch;
  }
  order.resize(static_cast<std::size_t>(kSteps) * photos_of_step());
  const LoaderSpec spec = loading(true);
  Loader loader(photos_.train, plan(order), spec, mix({options_.seed, kAugmentSeed}), unreadable());
  std::vector<RateTrial> trials;
  double average = 0, least = INFINITY;
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < kSteps && !stop_; ++i) {
    torch::manual_seed(mix({options_.seed, kStepSeed, static_cast<std::uint64_t>(i)}));
    const double rate = kFrom * std::pow(kTo / kFrom, i / (kSteps - 1.0));
    const double before = state_.loss_sum;
    const std::size_t seen_before = state_.labels.size();
    optimizer_->zero_grad();
    for (int part = 0; part < recipe_.accumulate; ++part) {
      const auto batch = loader.next();
      if (batch && batch->indices.size() > 1)
        accumulate(*batch, static_cast<double>(photos_of_step()));
    }
    const auto seen = static_cast<double>(state_.labels.size() - seen_before);
    if (seen == 0) continue;
    set_rates(rate);
    sum_gradients();
    optimizer_->step();
    const double loss = (state_.loss_sum - before) / seen;
    average = kSmooth * average + (1 - kSmooth) * loss;
    const double smoothed = average / (1 - std::pow(kSmooth, i + 1));
    trials.push_back({rate, smoothed});
    report_progress(false, i + 1, kSteps, state_.labels.size(), start);
    least = std::min(least, smoothed);
    if (!std::isfinite(loss) || smoothed > 4 * least) break;
  }
  return trials;
}

double steepest_rate(const std::vector<RateTrial>& trials) {
  if (trials.size() < 10) return NAN;
  double best = NAN, steepest = 0;
  // Over a few steps, so that a single batch doesn't decide.
  constexpr std::size_t kSpan = 4;
  for (std::size_t i = kSpan; i + kSpan < trials.size(); ++i) {
    const double slope = (trials[i + kSpan].loss - trials[i - kSpan].loss) /
                         std::log(trials[i + kSpan].rate / trials[i - kSpan].rate);
    if (slope < steepest) {
      steepest = slope;
      best = trials[i].rate;
    }
  }
  return best;
}

}  // namespace nevus
