// Figures over several classes.
#include <algorithm>
#include <cmath>

#include "metrics/metrics.h"

namespace nevus {

double macro_auc(std::span<const double> probabilities, std::span<const int> labels, int classes) {
  const auto c = static_cast<std::size_t>(classes);
  double sum = 0;
  int counted = 0;
  std::vector<double> scores(labels.size());
  std::vector<int> own(labels.size());
  for (std::size_t k = 0; k < c; ++k) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      scores[i] = probabilities[i * c + k];
      own[i] = labels[i] == static_cast<int>(k) ? 1 : 0;
    }
    const double auc = roc_auc(scores, own);
    if (std::isnan(auc)) continue;
    sum += auc;
    ++counted;
  }
  return counted == 0 ? NAN : sum / counted;
}

double balanced_accuracy(std::span<const double> probabilities, std::span<const int> labels,
                         int classes) {
  const auto c = static_cast<std::size_t>(classes);
  std::vector<double> photos(c, 0.0), right(c, 0.0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = probabilities.subspan(i * c, c);
    const auto named = std::max_element(row.begin(), row.end()) - row.begin();
    const auto label = static_cast<std::size_t>(labels[i]);
    photos[label] += 1;
    if (named == labels[i]) right[label] += 1;
  }
  double sum = 0;
  int counted = 0;
  for (std::size_t k = 0; k < c; ++k) {
    if (photos[k] == 0) continue;
    sum += right[k] / photos[k];
    ++counted;
  }
  return counted == 0 ? NAN : sum / counted;
}

}  // namespace nevus
