// The model card's tables, as HTML fragments.
#include "site/model_card.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <optional>

namespace nevus {
namespace {

using nlohmann::json;

std::string number(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

struct Figure {
  std::string_view key, name, meaning;
  bool percent;
};

constexpr std::array kFigures{
    Figure{"auc", "Area under the ROC curve", "1 would be perfect order, 0.5 is chance", false},
    Figure{"average_precision", "Average precision", "area under precision against recall", false},
    Figure{"sensitivity", "Sensitivity", "malignant photos that it flags", true},
    Figure{"specificity", "Specificity", "benign photos that it does not flag", true},
    Figure{"balanced_accuracy", "Balanced accuracy", "mean of the two", true},
    Figure{"ece", "Calibration error (ECE)", "how far stated probabilities are off, on average",
           true},
};

std::string shown(double value, bool percent) {
  return percent ? number(100 * value, 1) + " %" : number(value, 3);
}

std::optional<double> finite(const json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::string interval(const json& set, const Figure& figure) {
  const auto found = set.find(std::string(figure.key) + "_ci");
  if (found == set.end() || !found->is_array() || found->size() != 2) return "not stated";
  if (!(*found)[0].is_number() || !(*found)[1].is_number()) return "not stated";
  return shown((*found)[0].get<double>(), figure.percent) + " to " +
         shown((*found)[1].get<double>(), figure.percent);
}

std::string metrics_html(const json& metrics) {
  std::string html;
  if (metrics.is_object()) {
    for (const auto& [name, set] : metrics.items()) {
      if (!set.is_object()) continue;
      std::string rows;
      for (const Figure& figure : kFigures) {
        const auto value = finite(set, std::string(figure.key));
        if (!value) continue;
        rows += "<tr><th scope=\"row\">" + std::string(figure.name) + "<small>" +
                std::string(figure.meaning) + "</small></th><td>" + shown(*value, figure.percent) +
                "</td><td>" + interval(set, figure) + "</td></tr>\n";
      }
      if (rows.empty()) continue;
      std::string caption = "Measured on: " + escape_html(name);
      if (const auto n = finite(set, "n")) caption += ", " + number(*n, 0) + " photos";
      html += "<table><caption>" + caption +
              "</caption><thead><tr><th scope=\"col\">Figure</th><th scope=\"col\">Value</th>"
              "<th scope=\"col\">95 % interval</th></tr></thead><tbody>\n" +
              rows + "</tbody></table>\n";
    }
  }
  return html.empty() ? "<p>The package states no figures.</p>" : html;
}

std::string training_html(const json& training) {
  std::string html;
  const auto row = [&html](std::string_view name, const std::string& value) {
    html += "<dt>" + std::string(name) + "</dt><dd>" + escape_html(value) + "</dd>\n";
  };
  if (!training.is_object()) return html;
  if (const auto found = training.find("command_line");
      found != training.end() && found->is_string())
    row("Command", found->get<std::string>());
  if (const auto found = training.find("seed"); found != training.end() && found->is_number())
    row("Seed", found->dump());
  if (const auto found = training.find("versions"); found != training.end() && found->is_object()) {
    std::string versions;
    for (const auto& [name, version] : found->items()) {
      if (!versions.empty()) versions += ", ";
      versions += name + " " + (version.is_string() ? version.get<std::string>() : version.dump());
    }
    row("Versions", versions);
  }
  return html;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::map<std::string, std::string> model_card(const ModelPackage& package) {
  std::string classes;
  for (const ModelClass& entry : package.classes) {
    classes += "<tr><th scope=\"row\">" + escape_html(entry.name) + "</th><td>" +
               (entry.malignant ? "malignant" : "not malignant") + "</td></tr>\n";
  }
  std::string limits;
  for (const std::string& limit : package.known_limits)
    limits += "<li>" + escape_html(limit) + "</li>\n";
  if (limits.empty()) limits = "<li>The package states none; there are always some.</li>";

  const OperatingPoint& point = package.operating_point;
  const std::string operating_point =
      "<p>From a probability of malignancy of <strong>" + number(100 * point.threshold, 1) +
      " %</strong> on, the answer is <q>Show this to a doctor</q>. On " + std::to_string(point.n) +
      " validation photos that threshold flagged <strong>" + number(100 * point.sensitivity, 1) +
      " %</strong> of the malignant ones (it missed " + number(100 * (1 - point.sensitivity), 1) +
      " %) and left <strong>" + number(100 * point.specificity, 1) +
      " %</strong> of the benign ones unflagged.</p>";

  return {{"@NEVUS_CARD_NAME@", escape_html(package.name)},
          {"@NEVUS_CARD_ARCHITECTURE@", escape_html(package.architecture)},
          {"@NEVUS_CARD_INPUT@", std::to_string(package.input.width) + " × " +
                                     std::to_string(package.input.height) + " pixels"},
          {"@NEVUS_CARD_SHA256@", escape_html(package.sha256)},
          {"@NEVUS_CARD_CLASSES@", classes},
          {"@NEVUS_CARD_OPERATING_POINT@", operating_point},
          {"@NEVUS_CARD_METRICS@", metrics_html(package.metrics)},
          {"@NEVUS_CARD_TRAINING@", training_html(package.training)},
          {"@NEVUS_CARD_LICENSE@", escape_html(package.license)},
          {"@NEVUS_CARD_INTENDED_USE@", escape_html(package.intended_use)},
          {"@NEVUS_CARD_LIMITS@", limits}};
}

}  // namespace nevus
