// Figures that depend on the order of scores: ROC AUC, average precision, operating points.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "metrics/metrics.h"

namespace nevus {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// One threshold: all photos that share a score, greatest score first.
struct Step {
  double score;
  std::int64_t positives, negatives;
};

std::vector<Step> steps_descending(std::span<const double> scores, std::span<const int> labels) {
  const std::size_t n = std::min(scores.size(), labels.size());
  std::vector<std::pair<double, int>> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = {scores[i], labels[i] != 0 ? 1 : 0};
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Step> steps;
  for (const auto& [score, label] : order) {
    if (steps.empty() || steps.back().score != score) steps.push_back({score, 0, 0});
    ++(label != 0 ? steps.back().positives : steps.back().negatives);
  }
  return steps;
}

bool any_nan(std::span<const double> scores) {
  return std::any_of(scores.begin(), scores.end(), [](double s) { return std::isnan(s); });
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNaN;
}

}  // namespace

double roc_auc(std::span<const double> scores, std::span<const int> labels) {
  if (any_nan(scores)) return kNaN;
  // Counted in halves, so that ties stay exact: at most 2 * n^2 / 4, far inside 53 bits.
  double twice_wins = 0;
  std::int64_t positives = 0, negatives = 0;
  for (const Step& step : steps_descending(scores, labels)) {
    // Positives seen so far beat these negatives; those of the same score tie with them.
    twice_wins +=
        static_cast<double>(step.negatives) * static_cast<double>(2 * positives + step.positives);
    positives += step.positives;
    negatives += step.negatives;
  }
  if (positives == 0 || negatives == 0) return kNaN;
  return twice_wins / 2 / static_cast<double>(positives) / static_cast<double>(negatives);
}

double average_precision(std::span<const double> scores, std::span<const int> labels) {
  if (any_nan(scores)) return kNaN;
  double sum = 0;
  std::int64_t positives = 0, seen = 0;
  for (const Step& step : steps_descending(scores, labels)) {
    positives += step.positives;
    seen += step.positives + step.negatives;
    sum += static_cast<double>(step.positives) * static_cast<double>(positives) /
           static_cast<double>(seen);
  }
  return positives > 0 && seen > positives ? sum / static_cast<double>(positives) : kNaN;
}

std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const int> labels) {
  const auto steps = steps_descending(scores, labels);
  std::int64_t all_positives = 0, all_negatives = 0;
  for (const Step& step : steps) {
    all_positives += step.positives;
    all_negatives += step.negatives;
  }
  std::vector<RocPoint> curve{{std::numeric_limits<double>::infinity(), 0, 0}};
  std::int64_t tp = 0, fp = 0;
  for (const Step& step : steps) {
    tp += step.positives;
    fp += step.negatives;
    curve.push_back({step.score, ratio(fp, all_negatives), ratio(tp, all_positives)});
  }
  return curve;
}

double Confusion::sensitivity() const {
  return ratio(tp, tp + fn);
}
double Confusion::specificity() const {
  return ratio(tn, tn + fp);
}
double Confusion::balanced_accuracy() const {
  return (sensitivity() + specificity()) / 2;
}
double Confusion::accuracy() const {
  return ratio(tp + tn, tp + fp + tn + fn);
}
double Confusion::ppv() const {
  return ratio(tp, tp + fp);
}
double Confusion::npv() const {
  return ratio(tn, tn + fn);
}

double ppv_at(double sensitivity, double specificity, double prevalence) {
  const double right = sensitivity * prevalence, wrong = (1 - specificity) * (1 - prevalence);
  return right + wrong > 0 ? right / (right + wrong) : kNaN;
}
double npv_at(double sensitivity, double specificity, double prevalence) {
  return ppv_at(specificity, sensitivity, 1 - prevalence);
}

Confusion confusion_at(std::span<const double> scores, std::span<const int> labels,
                       double threshold) {
  Confusion c;
  for (std::size_t i = 0; i < std::min(scores.size(), labels.size()); ++i) {
    const bool positive = scores[i] >= threshold;
    if (labels[i] != 0)
      ++(positive ? c.tp : c.fn);
    else
      ++(positive ? c.fp : c.tn);
  }
  return c;
}

double threshold_for_sensitivity(std::span<const double> scores, std::span<const int> labels,
                                 double sensitivity) {
  std::vector<double> malignant;
  for (std::size_t i = 0; i < std::min(scores.size(), labels.size()); ++i)
    if (labels[i] != 0) malignant.push_back(scores[i]);
  if (malignant.empty()) return 0.5;
  std::sort(malignant.begin(), malignant.end(), std::greater<>());
  // The k-th greatest score finds at least k malignant photos; the small term keeps 0.95 * 20 = 19
  // from becoming 20 through rounding.
  const double wanted = std::ceil(sensitivity * static_cast<double>(malignant.size()) - 1e-9);
  const auto k = std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), 1,
                                          static_cast<std::int64_t>(malignant.size()));
  return malignant[static_cast<std::size_t>(k - 1)];
}

}  // namespace nevus
