// What a model says of labelled photos: `evaluate` and `compare` count from this.
#pragma once

#include <string>
#include <vector>

#include "commands/classify.h"
#include "data/dataset.h"
#include "metrics/metrics.h"

namespace nevus {

/// What each label of the data means to a model.
struct LabelMeaning {
  std::vector<int> malignant;    ///< 1 or 0 a label
  std::vector<int> model_class;  ///< index, or -1 where the model has no such class
  bool all_classes = false;      ///< every label is a class of the model
};
/// By the classes' ids and names, case-insensitively; else by is_malignant_label().
LabelMeaning meaning_of(const std::vector<std::string>& labels, const ModelPackage& package);

/// Answers for the photos that could be read, in the samples' order.
struct Measured {
  std::vector<std::size_t> index;       ///< into the samples
  Scored data;                          ///< calibrated probability of malignancy
  std::vector<double> uncalibrated;     ///< the same at temperature 1
  std::vector<double> probabilities;    ///< n * classes of the model
  std::vector<int> truth;               ///< class of the model, or -1
  std::vector<int> answers;             ///< most probable class
  std::vector<double> distance;         ///< n, or empty where the package has no typicality
  std::size_t cannot_judge = 0;         ///< photos that the page would not judge
  std::vector<std::string> unreadable;  ///< "file: reason"

  std::size_t malignant() const;
  std::size_t benign() const { return data.labels.size() - malignant(); }
  /// The photos for which `wanted` holds.
  template <typename Wanted>
  Measured only(const Wanted& wanted) const {
    Measured out;
    const std::size_t classes = truth.empty() ? 0 : probabilities.size() / truth.size();
    for (std::size_t i = 0; i < index.size(); ++i) {
      if (!wanted(index[i])) continue;
      out.index.push_back(index[i]);
      out.data.scores.push_back(data.scores[i]);
      out.data.labels.push_back(data.labels[i]);
      out.data.groups.push_back(data.groups[i]);
      out.uncalibrated.push_back(uncalibrated[i]);
      for (std::size_t c = 0; c < classes; ++c)
        out.probabilities.push_back(probabilities[i * classes + c]);
      out.truth.push_back(truth[i]);
      out.answers.push_back(answers[i]);
      if (!distance.empty()) out.distance.push_back(distance[i]);
    }
    return out;
  }
};

/// Classifies them all, with a progress line. Unreadable ones are left out and listed.
Measured measure(const Session& session, const std::vector<Sample>& samples,
                 const LabelMeaning& meaning);

/// Labels that count as malignant (wanted = 1) or benign (0), for people.
std::string joined(const std::vector<std::string>& labels, const std::vector<int>& malignant,
                   int wanted);
/// A figure in text; a dash where it doesn't exist.
std::string fixed(double value, int decimals);

}  // namespace nevus
