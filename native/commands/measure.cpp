// Photos through a model, answers into columns.
#include "commands/measure.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <map>

#include "commands/terminal.h"

namespace nevus {
namespace {

std::string lower(std::string text) {
  for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return text;
}

}  // namespace

LabelMeaning meaning_of(const std::vector<std::string>& labels, const ModelPackage& package) {
  LabelMeaning meaning;
  meaning.all_classes = true;
  for (const std::string& label : labels) {
    const auto it =
        std::find_if(package.classes.begin(), package.classes.end(), [&](const ModelClass& one) {
          return lower(one.id) == lower(label) || lower(one.name) == lower(label);
        });
    if (it == package.classes.end()) {
      meaning.all_classes = false;
      meaning.model_class.push_back(-1);
      meaning.malignant.push_back(is_malignant_label(label) ? 1 : 0);
    } else {
      meaning.model_class.push_back(static_cast<int>(it - package.classes.begin()));
      meaning.malignant.push_back(it->malignant ? 1 : 0);
    }
  }
  return meaning;
}

std::size_t Measured::malignant() const {
  return static_cast<std::size_t>(std::count(data.labels.begin(), data.labels.end(), 1));
}

Measured measure(const Session& session, const std::vector<Sample>& samples,
                 const LabelMeaning& meaning) {
  const ModelPackage& package = session.package();
  std::vector<std::filesystem::path> files;
  for (const Sample& sample : samples) files.push_back(sample.file);
  Measured out;
  std::map<std::string, int> groups;
  ProgressLine progress("photo", files.size());
  classify(session, files, [&](std::size_t i, const PhotoAnswer& answer) {
    if (!answer.error.empty()) {
      out.unreadable.push_back(files[i].string() + ": " + answer.error);
    } else if (answer.decision.probabilities.empty()) {
      out.unreadable.push_back(files[i].string() + ": the network's answer is not finite");
    } else {
      const auto label = static_cast<std::size_t>(samples[i].label);
      const auto& p = answer.decision.probabilities;
      out.index.push_back(i);
      out.data.scores.push_back(answer.decision.malignancy);
      out.data.labels.push_back(meaning.malignant[label]);
      out.data.groups.push_back(
          groups.emplace(samples[i].group, static_cast<int>(groups.size())).first->second);
      out.uncalibrated.push_back(malignancy(calibrated_softmax(answer.logits, 1), package.classes));
      out.probabilities.insert(out.probabilities.end(), p.begin(), p.end());
      out.truth.push_back(meaning.model_class[label]);
      out.answers.push_back(static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin()));
      if (answer.distance) out.distance.push_back(static_cast<double>(*answer.distance));
      if (answer.decision.outcome == Outcome::cannot_judge) ++out.cannot_judge;
    }
    progress.update(i + 1);
  });
  return out;
}

std::string joined(const std::vector<std::string>& labels, const std::vector<int>& malignant,
                   int wanted) {
  std::string text;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (malignant[i] == wanted) text += (text.empty() ? "" : ", ") + labels[i];
  return text.empty() ? "none" : text;
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "–";
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace nevus
