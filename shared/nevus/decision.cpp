// Logits to one of three outcomes.
#include "nevus/decision.h"

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

constexpr std::string_view kNoAnswerSentence = "The network gave no usable answer.";

}  // namespace

std::vector<double> calibrated_softmax(std::span<const float> logits, double temperature) {
  std::vector<double> probabilities(logits.size());
  if (logits.empty()) return probabilities;
  const double greatest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    probabilities[i] = std::exp((logits[i] - greatest) / temperature);
    sum += probabilities[i];
  }
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

double malignancy(std::span<const double> probabilities, const std::vector<ModelClass>& classes) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(probabilities.size(), classes.size()); ++i) {
    if (classes[i].malignant) sum += probabilities[i];
  }
  return std::clamp(sum, 0.0, 1.0);
}

Decision decide(std::span<const float> logits, const ModelPackage& package, const Quality& quality,
                std::optional<float> distance) {
  Decision decision;
  for (const QualityIssue issue : quality.issues) decision.reasons.push_back(sentence(issue));
  if (package.typicality) {
    // Not ">", so that a missing or NaN distance counts as too far.
    decision.typical = distance && *distance <= package.typicality->limit;
    if (!decision.typical) decision.reasons.push_back(kAtypicalSentence);
  }
  const auto finite = [](double value) { return std::isfinite(value); };
  if (logits.size() != package.classes.size() ||
      !std::all_of(logits.begin(), logits.end(), finite)) {
    decision.reasons.push_back(kNoAnswerSentence);
    return decision;
  }
  std::vector<double> probabilities = calibrated_softmax(logits, package.temperature);
  if (!std::all_of(probabilities.begin(), probabilities.end(), finite)) {
    decision.reasons.push_back(kNoAnswerSentence);
    return decision;
  }
  decision.probabilities = std::move(probabilities);
  decision.malignancy = malignancy(decision.probabilities, package.classes);
  if (!quality.judgeable() || !decision.typical) return decision;
  // Not "<" means the doctor: should the threshold ever be NaN, this errs on the careful side.
  const bool below = decision.malignancy < package.operating_point.threshold;
  decision.outcome = below ? Outcome::nothing_alarming : Outcome::show_doctor;
  return decision;
}

std::string_view id(Outcome outcome) {
  switch (outcome) {
    case Outcome::show_doctor:
      return "show_doctor";
    case Outcome::nothing_alarming:
      return "nothing_alarming";
    case Outcome::cannot_judge:
      break;
  }
  return "cannot_judge";
}

std::string_view sentence(Outcome outcome) {
  switch (outcome) {
    case Outcome::show_doctor:
      return "Show this to a doctor";
    case Outcome::nothing_alarming:
      return "Nothing alarming found, which does not rule out cancer";
    case Outcome::cannot_judge:
      break;
  }
  return "This photo can't be judged";
}

}  // namespace nevus
