// Folds one after another; what counts is read back from the files that they left.
#include "train/cross_validation.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "data/csv.h"
#include "metrics/metrics.h"
#include "nevus/package.h"
#include "train/run_folder.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

Result<std::string> text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Error{path.string() + ": can't be read", ""};
  return text;
}

// The answers of a fold, or of all of them.
struct Answers {
  std::vector<double> malignancy, probabilities;
  std::vector<int> labels, malignant;
  std::vector<int> groups;  // a number a lesion

  void append(const Answers& other) {
    const auto add = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    add(malignancy, other.malignancy);
    add(probabilities, other.probabilities);
    add(labels, other.labels);
    add(malignant, other.malignant);
    add(groups, other.groups);
  }
};

Result<Answers> answers_of(const fs::path& path, const ModelPackage& package,
                           std::map<std::string, int>& groups) {
  const auto text = text_of(path);
  if (!text) return text.error();
  const auto csv = parse_csv(*text);
  if (!csv) return Error{path.string() + ": " + csv.error().message, ""};
  std::map<std::string, int> classes;
  for (std::size_t i = 0; i < package.classes.size(); ++i) {
    classes[package.classes[i].id] = static_cast<int>(i);
  }
  Answers answers;
  constexpr std::size_t kGroup = 1, kLabel = 2, kMalignancy = 3, kFirstClass = 4;
  for (const CsvRow& line : csv->rows) {
    const std::vector<std::string>& row = line.fields;
    const auto found =
        row.size() == kFirstClass + classes.size() ? classes.find(row[kLabel]) : classes.end();
    if (found == classes.end()) return Error{path.string() + ": not a file of this fold", ""};
    answers.labels.push_back(found->second);
    answers.groups.push_back(
        groups.emplace(row[kGroup], static_cast<int>(groups.size())).first->second);
    answers.malignant.push_back(
        package.classes[static_cast<std::size_t>(found->second)].malignant ? 1 : 0);
    answers.malignancy.push_back(std::strtod(row[kMalignancy].c_str(), nullptr));
    for (std::size_t k = kFirstClass; k < row.size(); ++k) {
      answers.probabilities.push_back(std::strtod(row[k].c_str(), nullptr));
    }
  }
  return answers;
}

using Statistic = std::function<double(std::span<const double>, std::span<const int>)>;

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace

Result<CrossValidation> cross_validate(const TrainOptions& options, TrainObserver& observer,
                                       const std::atomic<bool>& stop) {
  CrossValidation result;
  std::vector<Answers> folds;
  Answers all;
  std::string table;
  std::map<std::string, int> groups;
  int classes = 0;
  for (int fold = 1; fold <= options.folds; ++fold) {
    TrainOptions own = options;
    own.fold = fold;
    own.out = options.out / ("fold-" + std::to_string(fold));
    if (own.cache == "auto") own.cache = RunFolder(options.out).cache().string();
    const RunFolder folder(own.out);
    const std::string which =
        "fold " + std::to_string(fold) + " of " + std::to_string(options.folds);
    std::error_code ignored;
    if (options.resume && fs::exists(folder.description(), ignored)) {
      observer.note(which + ": finished before");
    } else {
      observer.note(which);
      const auto outcome = train(own, observer, stop);
      if (!outcome) return Error{which + ": " + outcome.error().message, outcome.error().field};
      if (outcome->stopped) {
        result.stopped = true;
        return result;
      }
    }
    const auto json = text_of(folder.description());
    if (!json) return json.error();
    const auto package = parse_package_json(*json);
    if (!package) return Error{folder.description().string() + ": " + package.error().message, ""};
    classes = static_cast<int>(package->classes.size());
    auto answers = answers_of(folder.validation(), *package, groups);
    if (!answers) return answers.error();
    all.append(*answers);
    folds.push_back(std::move(*answers));
    const auto text = text_of(folder.validation());
    if (!text) return text.error();
    table += fold == 1 ? *text : text->substr(text->find('\n') + 1);
  }

  result.photos = all.labels.size();
  const auto add = [&](const std::string& name, const std::function<double(const Answers&)>& of) {
    FoldedFigure figure;
    figure.name = name;
    for (const Answers& one : folds) figure.folds.push_back(of(one));
    double sum = 0, squares = 0;
    const auto n = static_cast<double>(folds.size());
    for (const double value : figure.folds) sum += value;
    figure.mean = sum / n;
    for (const double value : figure.folds) {
      squares += (value - figure.mean) * (value - figure.mean);
    }
    figure.deviation = n > 1 ? std::sqrt(squares / (n - 1)) : 0;
    figure.pooled = of(all);
    figure.low = figure.high = NAN;
    result.figures.push_back(figure);
  };
  add("auc", [](const Answers& a) { return roc_auc(a.malignancy, a.malignant); });
  const Interval interval = bootstrap_interval(
      {all.malignancy, all.malignant, all.groups},
      [](std::span<const double> s, std::span<const int> l) { return roc_auc(s, l); });
  result.figures.back().low = interval.low;
  result.figures.back().high = interval.high;
  add("average_precision",
      [](const Answers& a) { return average_precision(a.malignancy, a.malignant); });
  add("ece",
      [](const Answers& a) { return expected_calibration_error(a.malignancy, a.malignant); });
  add("balanced_accuracy", [classes](const Answers& a) {
    return balanced_accuracy(a.probabilities, a.labels, classes);
  });
  if (classes > 2) {
    add("macro_auc",
        [classes](const Answers& a) { return macro_auc(a.probabilities, a.labels, classes); });
  }

  nlohmann::json json{{"folds", options.folds}, {"n", result.photos}, {"seed", options.seed}};
  for (const FoldedFigure& figure : result.figures) {
    nlohmann::json& entry = json[figure.name];
    for (const double value : figure.folds) entry["folds"].push_back(number(value));
    entry["mean"] = number(figure.mean);
    entry["standard_deviation"] = number(figure.deviation);
    entry["pooled"] = number(figure.pooled);
    if (std::isfinite(figure.low)) entry["pooled_ci"] = {figure.low, figure.high};
  }
  const RunFolder folder(options.out);
  const auto write = [&](const fs::path& path, const std::string& text) {
    return folder.write(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  auto written = write(folder.validation(), table);
  if (!written) return written.error();
  written = write(options.out / "cross-validation.json", json.dump(2) + "\n");
  if (!written) return written.error();
  if (options.cache == "auto") {
    std::error_code ignored;
    fs::remove(folder.cache(), ignored);
  }
  return result;
}

}  // namespace nevus
