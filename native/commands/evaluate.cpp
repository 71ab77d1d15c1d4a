// nevus evaluate: how good is an exported model on labelled photos, with intervals.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "commands/classify.h"
#include "commands/commands.h"
#include "commands/terminal.h"
#include "data/dataset.h"
#include "metrics/metrics.h"
#include "report/report.h"

namespace nevus {
namespace {

struct EvaluateOptions {
  std::string model, data, split, json, report;
  DatasetOptions dataset;
  std::vector<std::string> where;
  int resamples = 2000;
  std::uint64_t seed = 1;
};

std::string lower(std::string text) {
  for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return text;
}

// What each label text of the data means to this model.
struct Mapping {
  std::vector<int> malignant;    // 1 or 0 a label
  std::vector<int> model_class;  // index, or -1 where the model has no such class
  bool all_classes = false;      // every label is a class of the model
};

Mapping map_labels(const std::vector<std::string>& labels, const ModelPackage& package) {
  Mapping mapping;
  mapping.all_classes = true;
  for (const std::string& label : labels) {
    const auto it =
        std::find_if(package.classes.begin(), package.classes.end(), [&](const ModelClass& one) {
          return lower(one.id) == lower(label) || lower(one.name) == lower(label);
        });
    if (it == package.classes.end()) {
      mapping.all_classes = false;
      mapping.model_class.push_back(-1);
      mapping.malignant.push_back(is_malignant_label(label) ? 1 : 0);
    } else {
      mapping.model_class.push_back(static_cast<int>(it - package.classes.begin()));
      mapping.malignant.push_back(it->malignant ? 1 : 0);
    }
  }
  return mapping;
}

std::string joined(const std::vector<std::string>& labels, const std::vector<int>& malignant,
                   int wanted) {
  std::string text;
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (malignant[i] == wanted) text += (text.empty() ? "" : ", ") + labels[i];
  return text.empty() ? "none" : text;
}

struct Figure {
  std::string key, name;
  double value;
  Interval interval;
};

std::vector<Figure> figures(const Scored& data, double threshold, const EvaluateOptions& options) {
  using Scores = std::span<const double>;
  using Labels = std::span<const int>;
  const std::vector<std::tuple<std::string, std::string, std::function<double(Scores, Labels)>>>
      all{{"auc", "AUC", [](Scores s, Labels l) { return roc_auc(s, l); }},
          {"average_precision", "average precision",
           [](Scores s, Labels l) { return average_precision(s, l); }},
          {"sensitivity", "sensitivity",
           [&](Scores s, Labels l) { return confusion_at(s, l, threshold).sensitivity(); }},
          {"specificity", "specificity",
           [&](Scores s, Labels l) { return confusion_at(s, l, threshold).specificity(); }},
          {"balanced_accuracy", "balanced accuracy",
           [&](Scores s, Labels l) { return confusion_at(s, l, threshold).balanced_accuracy(); }},
          {"accuracy", "accuracy",
           [&](Scores s, Labels l) { return confusion_at(s, l, threshold).accuracy(); }},
          {"ece", "calibration error (ECE)",
           [](Scores s, Labels l) { return expected_calibration_error(s, l); }}};
  std::vector<Figure> out;
  for (const auto& [key, name, statistic] : all)
    out.push_back({key, name, statistic(data.scores, data.labels),
                   bootstrap_interval(data, statistic, options.resamples, options.seed)});
  return out;
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "–";
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// Argmax against the truth, where the data is labelled with the model's own classes (three or
// more).
struct ClassFigures {
  std::vector<std::vector<std::int64_t>> confusion;  // [truth][answer]
  std::vector<double> recall;
  double macro_recall = 0;
};

ClassFigures class_figures(const std::vector<int>& truth, const std::vector<int>& answer,
                           std::size_t classes) {
  ClassFigures out;
  out.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  for (std::size_t i = 0; i < truth.size(); ++i)
    ++out.confusion[static_cast<std::size_t>(truth[i])][static_cast<std::size_t>(answer[i])];
  std::size_t present = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    std::int64_t all = 0;
    for (const std::int64_t n : out.confusion[c]) all += n;
    out.recall.push_back(
        all > 0 ? static_cast<double>(out.confusion[c][c]) / static_cast<double>(all) : NAN);
    if (all > 0) {
      out.macro_recall += out.recall.back();
      ++present;
    }
  }
  out.macro_recall /= static_cast<double>(std::max<std::size_t>(1, present));
  return out;
}

int run_evaluate(EvaluateOptions options) {
  for (const std::string& condition : options.where) {
    const auto equals = condition.find('=');
    if (equals == std::string::npos || equals == 0) {
      print_error("--where " + condition + ": must be COLUMN=VALUE");
      return 1;
    }
    options.dataset.where[condition.substr(0, equals)] = condition.substr(equals + 1);
  }
  const auto dataset = load_dataset(options.data, options.dataset);
  if (!dataset) {
    print_error(dataset.error().message);
    return 1;
  }
  print_warnings(options.data, dataset->warnings);
  std::vector<Sample> samples = dataset->samples;
  std::string of = "all photos";
  const bool has_splits =
      std::any_of(samples.begin(), samples.end(), [](const Sample& s) { return !s.split.empty(); });
  if (!options.split.empty()) {
    samples = dataset->of_split(options.split);
    of = "split '" + options.split + "'";
    if (samples.empty()) {
      print_error(options.data + ": no photos of split '" + options.split + "'");
      return 1;
    }
  } else if (has_splits) {
    std::fprintf(
        stderr,
        "note: %s has splits; without --split all of them are measured, training photos too\n",
        printable(options.data).c_str());
  }

  const auto session = Session::open(options.model, session_threads(samples.size()));
  if (!session) {
    print_error(session.error().message);
    return 1;
  }
  const ModelPackage& package = session->package();
  const Mapping mapping = map_labels(dataset->classes, package);

  std::vector<std::filesystem::path> files;
  for (const Sample& sample : samples) files.push_back(sample.file);
  Scored data;
  std::vector<int> truth, answers;  // model classes
  std::size_t cannot_judge = 0;
  std::vector<std::string> unreadable;
  {
    ProgressLine progress("photo", files.size());
    classify(*session, files, [&](std::size_t i, const PhotoAnswer& answer) {
      if (!answer.error.empty()) {
        unreadable.push_back(files[i].string() + ": " + answer.error);
      } else if (answer.decision.probabilities.empty()) {
        unreadable.push_back(files[i].string() + ": the network's answer is not finite");
      } else {
        const auto label = static_cast<std::size_t>(samples[i].label);
        data.scores.push_back(answer.decision.malignancy);
        data.labels.push_back(mapping.malignant[label]);
        const auto& p = answer.decision.probabilities;
        truth.push_back(mapping.model_class[label]);
        answers.push_back(static_cast<int>(std::max_element(p.begin(), p.end()) - p.begin()));
        if (!answer.quality.judgeable()) ++cannot_judge;
      }
      progress.update(i + 1);
    });
  }
  for (const std::string& one : unreadable)
    std::fprintf(stderr, "warning: left out: %s\n", printable(one).c_str());
  const auto malignant =
      static_cast<std::size_t>(std::count(data.labels.begin(), data.labels.end(), 1));
  const std::size_t benign = data.labels.size() - malignant;
  if (malignant == 0 || benign == 0) {
    print_error(options.data + ": " + of + " has " + std::to_string(malignant) + " malignant and " +
                std::to_string(benign) +
                " benign photos that can be read; both kinds are needed (counted as malignant: " +
                joined(dataset->classes, mapping.malignant, 1) + ")");
    return 1;
  }

  const double threshold = package.operating_point.threshold;
  const Confusion confusion = confusion_at(data.scores, data.labels, threshold);
  const auto all = figures(data, threshold, options);
  const bool many_classes = package.classes.size() > 2 && mapping.all_classes;
  std::optional<ClassFigures> per_class;
  if (many_classes) per_class = class_figures(truth, answers, package.classes.size());

  std::printf("%s on %s, %s: %zu photos (%zu malignant: %s; %zu benign: %s)\n\n",
              printable(package.name).c_str(), printable(options.data).c_str(), of.c_str(),
              data.labels.size(), malignant, joined(dataset->classes, mapping.malignant, 1).c_str(),
              benign, joined(dataset->classes, mapping.malignant, 0).c_str());
  std::vector<std::vector<std::string>> table{{"figure", "value", "95 % interval"}};
  for (const Figure& f : all)
    table.push_back(
        {f.name, fixed(f.value, 4), fixed(f.interval.low, 4) + " to " + fixed(f.interval.high, 4)});
  std::fputs(format_table(table).c_str(), stdout);
  std::printf("\nAt the frozen operating point, probability of malignancy >= %s:\n",
              fixed(threshold, 4).c_str());
  std::fputs(
      format_table({{"", "shown to a doctor", "nothing alarming"},
                    {"malignant", std::to_string(confusion.tp), std::to_string(confusion.fn)},
                    {"benign", std::to_string(confusion.fp), std::to_string(confusion.tn)}})
          .c_str(),
      stdout);
  if (per_class) {
    std::printf("\nMost probable class (rows: truth):\n");
    std::vector<std::vector<std::string>> rows{{""}};
    for (const ModelClass& one : package.classes) rows[0].push_back(one.id);
    rows[0].push_back("recall");
    for (std::size_t c = 0; c < package.classes.size(); ++c) {
      rows.push_back({package.classes[c].id});
      for (const std::int64_t n : per_class->confusion[c]) rows.back().push_back(std::to_string(n));
      rows.back().push_back(fixed(per_class->recall[c], 4));
    }
    std::fputs(format_table(rows).c_str(), stdout);
    std::printf("Mean recall over classes: %s\n", fixed(per_class->macro_recall, 4).c_str());
  }
  if (cannot_judge > 0)
    std::printf(
        "\n%zu of these photos would be answered \"%s\" in the page; they are counted above all "
        "the same.\n",
        cannot_judge, std::string(sentence(Outcome::cannot_judge)).c_str());
  if (!unreadable.empty())
    std::printf("\n%zu photos could not be read and are left out.\n", unreadable.size());
  std::printf("\n%s\n", std::string(kNotice).c_str());

  if (!options.json.empty()) {
    nlohmann::json out{
        {"model", package.name},
        {"sha256", package.sha256},
        {"data", options.data},
        {"data_hash", dataset_hash(*dataset)},
        {"split", options.split},
        {"where", options.dataset.where},
        {"n", data.labels.size()},
        {"n_malignant", malignant},
        {"n_benign", benign},
        {"n_unreadable", unreadable.size()},
        {"n_cannot_judge", cannot_judge},
        {"threshold", threshold},
        {"confusion",
         {{"tp", confusion.tp}, {"fp", confusion.fp}, {"tn", confusion.tn}, {"fn", confusion.fn}}},
        {"resamples", options.resamples},
        {"seed", options.seed}};
    for (const Figure& f : all) {
      out[f.key] = f.value;
      out[f.key + "_ci"] = {f.interval.low, f.interval.high};
    }
    if (per_class) {
      out["class_confusion"] = per_class->confusion;
      out["macro_recall"] = per_class->macro_recall;
      for (std::size_t c = 0; c < package.classes.size(); ++c)
        out["class_recall"][package.classes[c].id] = per_class->recall[c];
    }
    std::ofstream file(options.json, std::ios::binary | std::ios::trunc);
    file << out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    file.close();
    if (!file) {
      print_error(options.json + ": can't be written");
      return 1;
    }
  }
  if (!options.report.empty()) {
    EvaluationReport report;
    report.title = package.name;
    report.data = options.data + ", " + of;
    for (const auto& [column, value] : options.dataset.where)
      report.data += ", " + column + "=" + value;
    report.data += ": " + std::to_string(malignant) + " malignant and " + std::to_string(benign) +
                   " benign photos";
    for (const Figure& f : all)
      report.figures.push_back({f.name, f.value, f.interval.low, f.interval.high});
    report.threshold = threshold;
    report.tp = static_cast<std::size_t>(confusion.tp);
    report.fn = static_cast<std::size_t>(confusion.fn);
    report.fp = static_cast<std::size_t>(confusion.fp);
    report.tn = static_cast<std::size_t>(confusion.tn);
    for (const RocPoint& point : roc_curve(data.scores, data.labels))
      report.roc.push_back({point.false_positive_rate, point.true_positive_rate});
    for (const ReliabilityBin& bin : reliability_bins(data.scores, data.labels))
      report.reliability.push_back({bin.mean_score, bin.rate});
    report.remarks = dataset->warnings;
    for (const std::string& one : unreadable) report.remarks.push_back("left out: " + one);
    report.sha256 = package.sha256;
    const auto written = write_evaluation_report(options.report, report);
    if (!written) {
      print_error(written.error().message);
      return 1;
    }
  }
  return 0;
}

}  // namespace

void add_evaluate_command(CLI::App& app, int& status) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command =
      app.add_subcommand("evaluate", "Measure an exported model on labelled photos");
  command->add_option("model", options->model, "A model.onnx")->required();
  command
      ->add_option("data", options->data,
                   "A folder per class, train/val/test folders of such, or a CSV")
      ->required();
  command->add_option("--split", options->split, "Only this split: train, val or test");
  command->add_option("--report", options->report,
                      "Also write an HTML report with ROC curve and reliability diagram");
  command->add_option("--json", options->json, "Also write the figures to this file");
  command
      ->add_option("--where", options->where, "Only rows with COLUMN=VALUE (CSV); may be repeated")
      ->allow_extra_args(false);
  command->add_option("--image-column", options->dataset.image_column)->capture_default_str();
  command->add_option("--label-column", options->dataset.label_column)->capture_default_str();
  command->add_option("--group-column", options->dataset.group_column,
                      "Default: group, else lesion_id");
  command->add_option("--split-column", options->dataset.split_column)->capture_default_str();
  command->add_option("--resamples", options->resamples, "Bootstrap resamples behind the intervals")
      ->check(CLI::Range(100, 100000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of the bootstrap")->capture_default_str();
  command->callback([options, &status] { status = run_evaluate(*options); });
}

}  // namespace nevus
