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

constexpr double kPull = 1;  // of the biases towards 0, in photos of weight 1

// The biases that suit one temperature, and what the likelihood is then.
class BiasFit {
 public:
  BiasFit(std::span<const float> logits, std::span<const int> labels,
          std::span<const double> weights, int classes)
      : logits_(logits),
        labels_(labels),
        weights_(weights),
        c_(static_cast<std::size_t>(classes)) {}

  // Newton's method on a convex function; `bias` is the start and the result.
  double minimise(double temperature, std::vector<double>& bias) const {
    std::vector<double> gradient, hessian, step;
    double cost = evaluate(temperature, bias, &gradient, &hessian);
    for (int round = 0; round < 50; ++round) {
      step = solve(hessian, gradient);
      double slope = 0;
      for (std::size_t k = 0; k < c_; ++k) slope += gradient[k] * step[k];
      if (slope < 1e-12 * (1 + cost)) break;
      double length = 1, next = cost;
      std::vector<double> trial(c_);
      for (; length > 1e-6; length /= 2) {
        for (std::size_t k = 0; k < c_; ++k) trial[k] = bias[k] - length * step[k];
        next = evaluate(temperature, trial, nullptr, nullptr);
        if (next <= cost - 1e-4 * length * slope) break;
      }
      if (next >= cost) break;
      bias = trial;
      cost = evaluate(temperature, bias, &gradient, &hessian);
    }
    return cost;
  }

 private:
  double evaluate(double temperature, const std::vector<double>& bias,
                  std::vector<double>* gradient, std::vector<double>* hessian) const {
    double cost = 0;
    if (gradient != nullptr) gradient->assign(c_, 0);
    if (hessian != nullptr) hessian->assign(c_ * c_, 0);
    std::vector<double> p(c_);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      double top = -std::numeric_limits<double>::infinity(), total = 0;
      for (std::size_t k = 0; k < c_; ++k) {
        p[k] = static_cast<double>(logits_[i * c_ + k]) / temperature + bias[k];
        top = std::max(top, p[k]);
      }
      const auto own = static_cast<std::size_t>(labels_[i]);
      const double own_value = p[own] - top;
      for (double& value : p) total += value = std::exp(value - top);
      cost += weights_[i] * (std::log(total) - own_value);
      if (gradient == nullptr) continue;
      for (std::size_t k = 0; k < c_; ++k) {
        p[k] /= total;
        (*gradient)[k] += weights_[i] * (p[k] - (k == own ? 1.0 : 0.0));
      }
      for (std::size_t k = 0; k < c_; ++k)
        for (std::size_t j = 0; j < c_; ++j)
          (*hessian)[k * c_ + j] += weights_[i] * (k == j ? p[k] * (1 - p[k]) : -p[k] * p[j]);
    }
    for (std::size_t k = 0; k < c_; ++k) {
      cost += kPull / 2 * bias[k] * bias[k];
      if (gradient == nullptr) continue;
      (*gradient)[k] += kPull * bias[k];
      (*hessian)[k * c_ + k] += kPull;
    }
    return cost;
  }

  // a x = b for a positive definite a: Gaussian elimination needs no pivots.
  std::vector<double> solve(std::vector<double> a, std::vector<double> b) const {
    for (std::size_t k = 0; k < c_; ++k)
      for (std::size_t row = k + 1; row < c_; ++row) {
        const double factor = a[row * c_ + k] / a[k * c_ + k];
        for (std::size_t column = k; column < c_; ++column)
          a[row * c_ + column] -= factor * a[k * c_ + column];
        b[row] -= factor * b[k];
      }
    for (std::size_t k = c_; k-- > 0;) {
      for (std::size_t column = k + 1; column < c_; ++column)
        b[k] -= a[k * c_ + column] * b[column];
      b[k] /= a[k * c_ + k];
    }
    return b;
  }

  std::span<const float> logits_;
  std::span<const int> labels_;
  std::span<const double> weights_;
  std::size_t c_;
};

}  // namespace

Calibration fit_calibration(std::span<const float> logits, std::span<const int> labels,
                            std::span<const double> weights, int classes) {
  Calibration out;
  out.bias.assign(static_cast<std::size_t>(std::max(classes, 0)), 0.0);
  if (classes < 1 || labels.empty() || weights.size() != labels.size() ||
      logits.size() != labels.size() * static_cast<std::size_t>(classes))
    return out;
  const BiasFit fit(logits, labels, weights, classes);
  // The likelihood is convex in (1/T, bias), so at its best bias it has one minimum over log T:
  // golden-section search.
  const auto cost = [&](double log_t) { return fit.minimise(std::exp(log_t), out.bias); };
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.05), high = std::log(20.0);
  double a = high - golden * (high - low), b = low + golden * (high - low);
  double cost_a = cost(a), cost_b = cost(b);
  while (high - low > 1e-6) {
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
  out.temperature = std::clamp(std::exp((low + high) / 2), 0.05, 20.0);
  fit.minimise(out.temperature, out.bias);
  double mean = 0;
  for (const double value : out.bias) mean += value / static_cast<double>(classes);
  for (double& value : out.bias) value -= mean;
  return out;
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
