// Variance and covariance of AUCs without assumptions on the scores' distribution.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "metrics/metrics.h"

namespace nevus {
namespace {

// Ranks from 1; ties share the mean of theirs.
std::vector<double> midranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (std::size_t k = i; k < end; ++k)
      ranks[order[k]] = static_cast<double>(i + end - 1) / 2 + 1;
    i = end;
  }
  return ranks;
}

// Of each malignant photo the share of benign ones that it beats, of each benign photo the share
// of malignant ones that beat it; ties count half.
struct Components {
  std::vector<double> malignant, benign;
  double auc = std::numeric_limits<double>::quiet_NaN();
};

Components components(std::span<const double> scores, std::span<const int> labels) {
  Components out;
  std::vector<double> malignant, benign;
  for (std::size_t i = 0; i < std::min(scores.size(), labels.size()); ++i) {
    if (std::isnan(scores[i])) return out;
    (labels[i] != 0 ? malignant : benign).push_back(scores[i]);
  }
  if (malignant.empty() || benign.empty()) return out;
  const auto m = static_cast<double>(malignant.size()), n = static_cast<double>(benign.size());
  std::vector<double> all = malignant;
  all.insert(all.end(), benign.begin(), benign.end());
  const auto among_all = midranks(all), among_malignant = midranks(malignant),
             among_benign = midranks(benign);
  double sum = 0;
  for (std::size_t i = 0; i < malignant.size(); ++i) {
    out.malignant.push_back((among_all[i] - among_malignant[i]) / n);
    sum += out.malignant.back();
  }
  for (std::size_t i = 0; i < benign.size(); ++i)
    out.benign.push_back(1 - (among_all[malignant.size() + i] - among_benign[i]) / m);
  out.auc = sum / m;
  return out;
}

// Of the sample: divided by n - 1. 0 for a single value.
double covariance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2) return 0;
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / (n - 1);
}

double covariance(const Components& a, const Components& b) {
  return covariance(a.malignant, b.malignant) / static_cast<double>(a.malignant.size()) +
         covariance(a.benign, b.benign) / static_cast<double>(a.benign.size());
}

constexpr double kNormal95 = 1.959963984540054;  // 97.5 % quantile of the standard normal

}  // namespace

AucEstimate delong_auc(std::span<const double> scores, std::span<const int> labels) {
  const Components one = components(scores, labels);
  AucEstimate out;
  out.auc = one.auc;
  if (std::isnan(one.auc)) {
    out.standard_error = out.interval.low = out.interval.high = one.auc;
    return out;
  }
  out.standard_error = std::sqrt(covariance(one, one));
  out.interval = {std::max(0.0, out.auc - kNormal95 * out.standard_error),
                  std::min(1.0, out.auc + kNormal95 * out.standard_error)};
  return out;
}

AucDifference delong_test(std::span<const double> a, std::span<const double> b,
                          std::span<const int> labels) {
  const Components first = components(a, labels), second = components(b, labels);
  AucDifference out;
  out.difference = first.auc - second.auc;
  if (std::isnan(out.difference)) {
    out.standard_error = out.z = out.p = out.interval.low = out.interval.high = out.difference;
    return out;
  }
  const double variance =
      covariance(first, first) + covariance(second, second) - 2 * covariance(first, second);
  out.standard_error = std::sqrt(std::max(0.0, variance));
  out.interval = {out.difference - kNormal95 * out.standard_error,
                  out.difference + kNormal95 * out.standard_error};
  if (out.standard_error > 0) {
    out.z = out.difference / out.standard_error;
    out.p = std::erfc(std::abs(out.z) / std::sqrt(2.0));
  } else {  // the same ranking twice, or two that are perfect
    out.z = 0;
    out.p = 1;
  }
  return out;
}

double mcnemar_test(std::int64_t first_only, std::int64_t second_only) {
  const std::int64_t n = first_only + second_only;
  if (n == 0) return 1;
  // Exact: twice the lower tail of Binomial(n, 1/2), from logarithms of factorials.
  double tail = 0;
  const std::int64_t least = std::min(first_only, second_only);
  for (std::int64_t k = 0; k <= least; ++k)
    tail += std::exp(
        std::lgamma(static_cast<double>(n) + 1) - std::lgamma(static_cast<double>(k) + 1) -
        std::lgamma(static_cast<double>(n - k) + 1) - static_cast<double>(n) * std::log(2.0));
  return std::min(1.0, 2 * tail);
}

}  // namespace nevus
