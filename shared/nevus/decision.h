// Logits to one of three outcomes.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "nevus/package.h"
#include "nevus/quality.h"

namespace nevus {

/// There is never a fourth.
enum class Outcome { show_doctor, nothing_alarming, cannot_judge };

struct Decision {
  Outcome outcome = Outcome::cannot_judge;
  std::vector<double>
      probabilities;      ///< calibrated, one a class, sum 1; empty if logits were not finite
  double malignancy = 0;  ///< sum over the malignant classes, 0..1
  bool typical = true;    ///< within the package's typicality limit, or there is none
  /// Why the photo can't be judged, a sentence each; empty where it can.
  std::vector<std::string_view> reasons;
};

/// softmax(logits / temperature), in double, shifted by the maximum. Source: Guo et al., "On
/// Calibration of Modern Neural Networks", ICML 2017.
std::vector<double> calibrated_softmax(std::span<const float> logits, double temperature);

/// Sum of the malignant classes' probabilities, 0..1.
double malignancy(std::span<const double> probabilities, const std::vector<ModelClass>& classes);

/// A photo that can't be judged stays so, whatever the network says; logits that are not finite or
/// not one a class can't be judged either, nor can a photo farther from the training photos than
/// the package allows.
/// @param distance  the network's output of that name; a package with a typicality needs it
Decision decide(std::span<const float> logits, const ModelPackage& package, const Quality& quality,
                std::optional<float> distance = std::nullopt);

/// What people read of a photo beyond the typicality limit.
inline constexpr std::string_view kAtypicalSentence =
    "It does not look like the photos that this model learnt from.";
/// A stable word for files and tests: "show_doctor", "nothing_alarming", "cannot_judge".
std::string_view id(Outcome outcome);
/// Word for word what people read.
std::string_view sentence(Outcome outcome);

}  // namespace nevus
