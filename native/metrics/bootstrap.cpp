// Percentile intervals by stratified resampling; the same seed gives the same interval everywhere.
#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/metrics.h"

namespace nevus {
namespace {

// SplitMix64 (Steele et al., 2014): the standard library's distributions differ between libraries.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Photos are few against 2^32: the bias of this mapping is below 1e-5.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(((next() >> 32) * n) >> 32); }
};

// Linear interpolation between order statistics (type 7 of Hyndman & Fan, 1996).
double quantile(const std::vector<double>& sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto i = static_cast<std::size_t>(position);
  if (i + 1 >= sorted.size()) return sorted.back();
  return sorted[i] + (position - static_cast<double>(i)) * (sorted[i + 1] - sorted[i]);
}

}  // namespace

Interval bootstrap_interval(
    const Scored& data,
    const std::function<double(std::span<const double>, std::span<const int>)>& statistic,
    int resamples, std::uint64_t seed) {
  std::vector<double> by_class[2];
  for (std::size_t i = 0; i < std::min(data.scores.size(), data.labels.size()); ++i)
    by_class[data.labels[i] != 0 ? 1 : 0].push_back(data.scores[i]);
  const std::size_t n = by_class[0].size() + by_class[1].size();
  std::vector<double> scores(n);
  std::vector<int> labels(n, 0);
  std::fill(labels.begin() + static_cast<std::ptrdiff_t>(by_class[0].size()), labels.end(), 1);
  Random random{seed};
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(std::max(resamples, 0)));
  for (int r = 0; r < resamples; ++r) {
    std::size_t at = 0;
    for (const auto& members : by_class)
      for (std::size_t i = 0; i < members.size(); ++i)
        scores[at++] = members[random.below(members.size())];
    const double value = statistic(scores, labels);
    if (!std::isnan(value)) values.push_back(value);
  }
  if (values.empty()) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan};
  }
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.025), quantile(values, 0.975)};
}

}  // namespace nevus
