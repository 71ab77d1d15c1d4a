// Builds the reports' HTML: numbers in C++, curves by uPlot in the reader's browser.
#include "report/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "files/atomic_file.h"
#include "report/html.h"

namespace nevus {
namespace {

using namespace html;
using nlohmann::json;

std::string text_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number(value.get<double>(), 4);
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// {"validation": {"auc": …, "auc_ci": [low, high]}} as rows with the interval beside its figure.
std::string metrics_table(const json& metrics) {
  std::string rows;
  if (!metrics.is_object()) return rows;
  for (const auto& [set, figures] : metrics.items()) {
    if (!figures.is_object()) continue;
    for (const auto& [key, value] : figures.items()) {
      if (key.size() > 3 && key.compare(key.size() - 3, 3, "_ci") == 0) continue;
      if (!value.is_number()) continue;
      std::string interval;
      const auto ci = figures.find(key + "_ci");
      if (ci != figures.end() && ci->is_array() && ci->size() == 2 && (*ci)[0].is_number() &&
          (*ci)[1].is_number())
        interval = number((*ci)[0].get<double>(), 4) + " to " + number((*ci)[1].get<double>(), 4);
      std::string name = key;
      std::replace(name.begin(), name.end(), '_', ' ');
      rows += "<tr><td>" + escaped(set) + "</td><td>" + escaped(name) + "</td><td class=\"n\">" +
              text_of(value) + "</td><td class=\"n\">" + interval + "</td></tr>\n";
    }
  }
  if (rows.empty()) return rows;
  return "<div class=\"scroll\"><table><tr><th>Set</th><th>Figure</th><th class=\"n\">Value</th>"
         "<th class=\"n\">95 % interval</th></tr>\n" +
         rows + "</table></div>\n";
}

}  // namespace

Result<bool> write_training_report(const std::filesystem::path& path,
                                   const TrainingReport& report) {
  json epochs = json::array(), train_loss = json::array(), val_loss = json::array(),
       train_auc = json::array(), val_auc = json::array(), rate = json::array(),
       speed = json::array(), wait = json::array();
  for (const EpochRecord& e : report.epochs) {
    rate.push_back(value_or_null(e.learning_rate));
    speed.push_back(value_or_null(e.images_per_second));
    wait.push_back(value_or_null(100 * e.data_wait));
    epochs.push_back(e.epoch);
    train_loss.push_back(value_or_null(e.train_loss));
    val_loss.push_back(value_or_null(e.val_loss));
    train_auc.push_back(value_or_null(e.train_auc));
    val_auc.push_back(value_or_null(e.val_auc));
  }
  const json lines = json::array({{{"name", "training"}, {"color", "--blue"}, {"dash", {5, 4}}},
                                  {{"name", "validation"}, {"color", "--orange"}}});
  const auto one_curve = [&](const char* name, const json& values) {
    return json{{"x", "epoch"},
                {"whole_x", true},
                {"lines", {{{"name", name}, {"color", "--blue"}}}},
                {"data", {epochs, values}}};
  };
  const auto curves = [&](const json& train, const json& val) {
    return json{
        {"x", "epoch"}, {"whole_x", true}, {"lines", lines}, {"data", {epochs, train, val}}};
  };

  std::string body = "<h1>" + escaped(report.title) +
                     "</h1>\n<p class=\"soft\">Training report · " +
                     escaped(report.package.architecture) + "</p>\n";
  body +=
      "<p class=\"notice\">Research and education; not a medical device and not a diagnosis.</p>\n";
  if (report.interrupted)
    body +=
        "<p class=\"notice\">The run was stopped before its last epoch; the best epoch until then "
        "was kept.</p>\n";
  body += "<h2>Curves</h2>\n<div class=\"charts\">\n" +
          chart("Area under the ROC curve", curves(train_auc, val_auc)) +
          chart("Loss", curves(train_loss, val_loss)) +
          chart("Learning rate at the epoch's end", one_curve("rate", rate)) +
          chart("Photos a second, training", one_curve("photos a second", speed)) +
          chart("Share of the time that the network waited for photos, %",
                one_curve("waiting, %", wait)) +
          "</div>\n";
  if (report.mixed)
    body +=
        "<p class=\"soft\">Training photos were mixed with each other, and their loss and AUC "
        "judge "
        "a mixture by the label of one of its photos: they look worse than they are, and can't be "
        "compared with those of validation.</p>\n";
  if (report.turns > 1)
    body +=
        "<p class=\"soft\">Each epoch was validated on photos as they are. The exported model "
        "judges a photo in " +
        std::to_string(report.turns) +
        " of its turns and mirror images, and the figures further down are its own.</p>\n";
  body +=
      "<h2>Epochs</h2>\n<div class=\"scroll\"><table><tr><th class=\"n\">Epoch</th><th "
      "class=\"n\">Training loss</th>"
      "<th class=\"n\">Validation loss</th><th class=\"n\">Training AUC</th><th "
      "class=\"n\">Validation AUC</th>"
      "<th class=\"n\">Seconds</th><th class=\"n\">Photos a second</th></tr>\n";
  for (const EpochRecord& e : report.epochs)
    body += std::string(e.epoch == report.best_epoch ? "<tr class=\"best\">" : "<tr>") +
            "<td class=\"n\">" + std::to_string(e.epoch) + "</td><td class=\"n\">" +
            number(e.train_loss, 4) + "</td><td class=\"n\">" + number(e.val_loss, 4) +
            "</td><td class=\"n\">" + number(e.train_auc, 4) + "</td><td class=\"n\">" +
            number(e.val_auc, 4) + "</td><td class=\"n\">" + number(e.seconds, 1) +
            "</td><td class=\"n\">" + number(e.images_per_second, 1) + "</td></tr>\n";
  body += "</table></div>\n<p class=\"soft\">Kept: epoch " + std::to_string(report.best_epoch) +
          ".</p>\n";

  const std::string metrics = metrics_table(report.package.metrics);
  if (!metrics.empty()) body += "<h2>Figures</h2>\n" + metrics;
  const OperatingPoint& op = report.package.operating_point;
  body +=
      "<h2>Operating point</h2>\n<p>“Show this to a doctor” from a probability of malignancy of " +
      number(100 * op.threshold, 1) + " % on. On " + std::to_string(op.n) +
      " validation photos this found " + number(100 * op.sensitivity, 1) +
      " % of the malignant lesions (sensitivity) and left " + number(100 * op.specificity, 1) +
      " % of the benign ones alone (specificity). Temperature: " +
      number(report.package.temperature, 3) + ".</p>\n";

  body +=
      "<h2>Photos</h2>\n<div class=\"scroll\"><table><tr><th>Class</th><th>Counts as</th><th "
      "class=\"n\">Training</th>"
      "<th class=\"n\">Validation</th></tr>\n";
  for (const ClassCount& c : report.classes)
    body += "<tr><td>" + escaped(c.name) + "</td><td>" + (c.malignant ? "malignant" : "benign") +
            "</td><td class=\"n\">" + std::to_string(c.train) + "</td><td class=\"n\">" +
            std::to_string(c.val) + "</td></tr>\n";
  body += "</table></div>\n";
  std::vector<Slice> slices;
  for (const ClassCount& c : report.classes)
    slices.push_back({c.name, static_cast<double>(c.train + c.val)});
  body += pie(slices);
  if (!report.examples.empty()) {
    body +=
        "<h2>As the network sees them</h2>\n<p class=\"soft\">Training photos, cut, turned and "
        "coloured at random; each epoch anew.</p>\n<div class=\"grid\">\n";
    for (const ReportExample& example : report.examples)
      body += "<figure>" + picture(example.jpeg, example.label) + "<figcaption>" +
              escaped(example.label) + "</figcaption></figure>\n";
    body += "</div>\n";
  }
  if (!report.warnings.empty()) {
    body += "<h2>Left out, and other remarks</h2>\n<ul>\n";
    const std::size_t shown = std::min<std::size_t>(report.warnings.size(), 50);
    for (std::size_t i = 0; i < shown; ++i)
      body += "<li>" + escaped(report.warnings[i]) + "</li>\n";
    if (shown < report.warnings.size())
      body += "<li>… and " + std::to_string(report.warnings.size() - shown) + " more</li>\n";
    body += "</ul>\n";
  }

  body += "<h2>Settings</h2>\n<p><code>" + escaped(report.command_line) +
          "</code></p>\n<div class=\"scroll\"><table>\n";
  for (const auto& [name, value] : report.settings)
    body += "<tr><th>" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>\n";
  body += "</table></div>\n<p class=\"soft\">SHA-256 of the network: <code>" +
          escaped(report.package.sha256) + "</code></p>\n";

  body += "<h2>Use and limits</h2>\n<p>" + escaped(report.package.intended_use) + "</p>\n<ul>\n";
  for (const std::string& limit : report.package.known_limits)
    body += "<li>" + escaped(limit) + "</li>\n";
  body += "</ul>\n<p class=\"soft\">Licence of the model: " + escaped(report.package.license) +
          "</p>\n";
  return write_whole(path, page(report.title + ": training report", body));
}

Result<bool> write_evaluation_report(const std::filesystem::path& path,
                                     const EvaluationReport& report) {
  const json unit = {0, 1};
  // A curve and the diagonal on one x axis: the diagonal is the x values themselves.
  const auto against_diagonal = [&](const std::vector<CurvePoint>& points, const char* x,
                                    const char* name, const char* diagonal, bool dots) {
    json xs = json::array(), ys = json::array(), same = json::array();
    const auto add = [&](double at, json value) {
      xs.push_back(at);
      ys.push_back(std::move(value));
      same.push_back(at);
    };
    if (points.empty() || points.front().x > 0) add(0, nullptr);
    for (const CurvePoint& point : points) add(point.x, point.y);
    if (points.empty() || points.back().x < 1) add(1, nullptr);
    return json{{"x", x},
                {"x_range", unit},
                {"y_range", unit},
                {"lines",
                 {{{"name", name}, {"color", "--orange"}, {"points", dots}},
                  {{"name", diagonal},
                   {"color", "--grey"},
                   {"width", 1},
                   {"dash", {4, 4}},
                   {"points", false}}}},
                {"data", {xs, ys, same}}};
  };
  const auto precision_recall = [&](const std::vector<CurvePoint>& points) {
    json xs = json::array(), ys = json::array();
    for (const CurvePoint& point : points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
    return json{{"x", "recall (sensitivity)"},
                {"x_range", unit},
                {"y_range", unit},
                {"lines", {{{"name", "precision"}, {"color", "--orange"}, {"points", false}}}},
                {"data", {xs, ys}}};
  };
  std::string body = "<h1>" + escaped(report.title) + "</h1>\n<p class=\"soft\">Evaluation on " +
                     escaped(report.data) + "</p>\n";
  body +=
      "<p class=\"notice\">Research and education; not a medical device and not a diagnosis.</p>\n";
  body +=
      "<h2>Figures</h2>\n<div class=\"scroll\"><table><tr><th>Figure</th><th class=\"n\">Value</th>"
      "<th class=\"n\">95 % interval</th></tr>\n";
  for (const ReportFigure& f : report.figures)
    body += "<tr><td>" + escaped(f.name) + "</td><td class=\"n\">" + number(f.value, 4) +
            "</td><td class=\"n\">" + number(f.low, 4) + " to " + number(f.high, 4) +
            "</td></tr>\n";
  body +=
      "</table></div>\n<h2>At the frozen operating point</h2>\n<p>Probability of malignancy ≥ " +
      number(report.threshold, 4) +
      ".</p>\n<div class=\"scroll\"><table><tr><th></th><th class=\"n\">Shown to a doctor</th>"
      "<th class=\"n\">Nothing alarming</th></tr>\n<tr><th>malignant</th><td class=\"n\">" +
      std::to_string(report.tp) + "</td><td class=\"n\">" + std::to_string(report.fn) +
      "</td></tr>\n<tr><th>benign</th><td class=\"n\">" + std::to_string(report.fp) +
      "</td><td class=\"n\">" + std::to_string(report.tn) + "</td></tr>\n</table></div>\n";
  body +=
      "<h2>Curves</h2>\n<div class=\"charts\">\n" +
      chart("ROC curve: sensitivity against false positive rate",
            against_diagonal(report.roc, "false positive rate", "sensitivity", "chance", false)) +
      chart("Precision and recall", precision_recall(report.precision_recall)) +
      chart("Reliability: what was said against what was true",
            against_diagonal(report.reliability, "mean probability of malignancy",
                             "share malignant", "perfect", true)) +
      chart("Reliability before temperature scaling",
            against_diagonal(report.reliability_before, "mean probability of malignancy",
                             "share malignant", "perfect", true)) +
      "</div>\n";
  if (!report.histograms.empty()) {
    body += "<h2>What was said, by truth</h2>\n<div class=\"charts\">\n";
    for (const Histogram& histogram : report.histograms) body += bars(histogram);
    body += "</div>\n";
  }
  if (!report.class_confusion.empty()) {
    body +=
        "<h2>Most probable class</h2>\n<p>A row a true class, a column an answer.</p>\n<div "
        "class=\"scroll\"><table class=\"confusion\"><tr><th></th>";
    for (const std::string& name : report.classes)
      body += "<th class=\"n\">" + escaped(name) + "</th>";
    body += "</tr>\n";
    for (std::size_t truth = 0; truth < report.class_confusion.size(); ++truth) {
      const auto& row = report.class_confusion[truth];
      const std::int64_t all =
          std::max<std::int64_t>(1, std::accumulate(row.begin(), row.end(), std::int64_t{0}));
      body += "<tr><th>" + escaped(report.classes[truth]) + "</th>";
      for (std::size_t answer = 0; answer < row.size(); ++answer)
        body += "<td class=\"n\" style=\"--share:" +
                number(100.0 * static_cast<double>(row[answer]) / static_cast<double>(all), 0) +
                "%\">" + std::to_string(row[answer]) + "</td>";
      body += "</tr>\n";
    }
    body += "</table></div>\n";
  }
  if (!report.subgroups.empty()) {
    body += "<h2>Subgroups</h2>\n<div class=\"scroll\"><table>\n";
    for (std::size_t i = 0; i < report.subgroups.size(); ++i) {
      body += "<tr>";
      for (std::size_t k = 0; k < report.subgroups[i].size(); ++k) {
        const std::string tag = i == 0 || k == 0 ? "th" : "td";
        body += "<" + tag + (k > 0 ? " class=\"n\"" : "") + ">" + escaped(report.subgroups[i][k]) +
                "</" + tag + ">";
      }
      body += "</tr>\n";
    }
    body += "</table></div>\n";
  }
  if (!report.typicality.empty())
    body += "<h2>Pictures of something else</h2>\n<p>" + escaped(report.typicality) + "</p>\n";
  for (const bool malignant : {true, false}) {
    std::string shown;
    for (const ReportMistake& one : report.mistakes) {
      if (one.malignant != malignant || one.photo.empty()) continue;
      shown += "<figure>" + picture(one.photo, "photo") + picture(one.heatmap, "heat-map") +
               "<figcaption>" + number(100 * one.probability, 1) + " % · " + escaped(one.name) +
               "</figcaption></figure>\n";
    }
    if (shown.empty()) continue;
    body += std::string("<h2>") +
            (malignant ? "Malignant, and not shown to a doctor" : "Benign, and shown to a doctor") +
            "</h2>\n<p class=\"soft\">The worst first, with the probability of malignancy that was "
            "said. Right: what spoke for malignancy.</p>\n<div class=\"pairs\">\n" +
            shown + "</div>\n";
  }
  if (!report.remarks.empty()) {
    body += "<h2>Remarks</h2>\n<ul>\n";
    for (const std::string& remark : report.remarks) body += "<li>" + escaped(remark) + "</li>\n";
    body += "</ul>\n";
  }
  body +=
      "<p class=\"soft\">SHA-256 of the network: <code>" + escaped(report.sha256) + "</code></p>\n";
  return write_whole(path, page(report.title + ": evaluation", body));
}

}  // namespace nevus
