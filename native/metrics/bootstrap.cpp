// Percentile intervals by stratified resampling; the same seed gives the same interval everywhere.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

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
  // Whole groups, benign and malignant ones apart.
  const std::size_t n = std::min(data.scores.size(), data.labels.size());
  std::vector<std::vector<std::size_t>> groups;
  if (data.groups.size() == n) {
    std::map<int, std::size_t> place;
    for (std::size_t i = 0; i < n; ++i) {
      const auto [at, fresh] = place.emplace(data.groups[i], groups.size());
      if (fresh) groups.emplace_back();
      groups[at->second].push_back(i);
    }
  } else {
    for (std::size_t i = 0; i < n; ++i) groups.push_back({i});
  }
  std::vector<std::size_t> strata[2];
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const bool malignant = std::any_of(groups[g].begin(), groups[g].end(),
                                       [&](std::size_t i) { return data.labels[i] != 0; });
    strata[malignant ? 1 : 0].push_back(g);
  }
  std::vector<double> scores;
  std::vector<int> labels;
  Random random{seed};
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(std::max(resamples, 0)));
  for (int r = 0; r < resamples; ++r) {
    scores.clear();
    labels.clear();
    for (const auto& members : strata)
      for (std::size_t k = 0; k < members.size(); ++k)
        for (const std::size_t i : groups[members[random.below(members.size())]]) {
          scores.push_back(data.scores[i]);
          labels.push_back(data.labels[i]);
        }
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
