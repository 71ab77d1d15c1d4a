// Do probabilities mean what they say: calibration error, and the temperature that repairs it.
#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/metrics.h"

namespace nevus {

double expected_calibration_error(std::span<const double> scores, std::span<const int> labels,
                                  int bins) {
  const std::size_t n = std::min(scores.size(), labels.size());
  if (n == 0 || bins < 1) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> gap(static_cast<std::size_t>(bins), 0.0);  // sum of (score - label)
  for (std::size_t i = 0; i < n; ++i) {
    const int bin = std::clamp(static_cast<int>(scores[i] * bins), 0, bins - 1);
    gap[static_cast<std::size_t>(bin)] += scores[i] - (labels[i] != 0 ? 1.0 : 0.0);
  }
  double sum = 0;
  for (const double g : gap) sum += std::abs(g);
  return sum / static_cast<double>(n);
}

namespace {

double negative_log_likelihood(std::span<const float> logits, std::span<const int> labels,
                               int classes, double temperature) {
  double sum = 0;
  const auto c = static_cast<std::size_t>(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.subspan(i * c, c);
    const double top = *std::max_element(row.begin(), row.end());
    double total = 0;
    for (const float logit : row)
      total += std::exp((static_cast<double>(logit) - top) / temperature);
    const double own = row[static_cast<std::size_t>(labels[i])];
    sum += std::log(total) - (own - top) / temperature;
  }
  return sum;
}

}  // namespace

double fit_temperature(std::span<const float> logits, std::span<const int> labels, int classes) {
  if (classes < 1 || labels.empty() ||
      logits.size() != labels.size() * static_cast<std::size_t>(classes))
    return 1;
  // The likelihood is convex in 1/T, hence has one minimum in log T: golden-section search.
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.05), high = std::log(20.0);
  const auto cost = [&](double log_t) {
    return negative_log_likelihood(logits, labels, classes, std::exp(log_t));
  };
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double cost_a = cost(a), cost_b = cost(b);
  while (high - low > 1e-7) {
    if (cost_a <= cost_b) {
      high = b;
      b = a;
      cost_b = cost_a;
      a = high - golden * (high - low);
      cost_a = cost(a);
    } else {
      low = a;
      a = b;
      cost_a = cost_b;
      b = low + golden * (high - low);
      cost_b = cost(b);
    }
  }
  return std::clamp(std::exp((low + high) / 2), 0.05, 20.0);
}

std::vector<ReliabilityBin> reliability_bins(std::span<const double> scores,
                                             std::span<const int> labels, int bins) {
  std::vector<ReliabilityBin> all(static_cast<std::size_t>(std::max(bins, 1)));
  const int last = static_cast<int>(all.size()) - 1;
  for (std::size_t i = 0; i < std::min(scores.size(), labels.size()); ++i) {
    const int bin = std::clamp(static_cast<int>(scores[i] * (last + 1)), 0, last);
    ReliabilityBin& one = all[static_cast<std::size_t>(bin)];
    one.mean_score += scores[i];
    one.rate += labels[i] != 0 ? 1 : 0;
    ++one.n;
  }
  std::vector<ReliabilityBin> filled;
  for (ReliabilityBin& one : all) {
    if (one.n == 0) continue;
    one.mean_score /= static_cast<double>(one.n);
    one.rate /= static_cast<double>(one.n);
    filled.push_back(one);
  }
  return filled;
}

}  // namespace nevus
