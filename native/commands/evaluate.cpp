// nevus evaluate: how good is an exported model on labelled photos, with intervals.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <set>

#include "commands/classify.h"
#include "commands/commands.h"
#include "commands/data_options.h"
#include "commands/measure.h"
#include "commands/terminal.h"
#include "data/dataset.h"
#include "files/atomic_file.h"
#include "image_io/photo.h"
#include "metrics/metrics.h"
#include "report/report.h"
#include "runtime/model_file.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMistakes = 12;  // of each kind, in the report
constexpr int kMistakeSize = 192;      // pixels
constexpr int kMistakeQuality = 82;    // libjpeg's scale
constexpr double kHeat = 0.55;         // opacity

struct EvaluateOptions {
  std::string model, split, json, report, ood, ood_half = "all", record;
  DataArguments data;
  std::vector<std::string> by;
  std::optional<double> prevalence;
  bool unseen = false;
  int resamples = 2000;
  std::uint64_t seed = 1;
};

struct Figure {
  std::string key, name;
  double value;
  Interval interval;
};

using Scores = std::span<const double>;
using Labels = std::span<const int>;
using Statistic = std::function<double(Scores, Labels)>;

std::vector<Figure> figures(const Measured& measured, double threshold,
                            const EvaluateOptions& options) {
  const auto at = [threshold](Scores s, Labels l) { return confusion_at(s, l, threshold); };
  std::vector<std::tuple<std::string, std::string, Statistic>> all{
      {"auc", "AUC", [](Scores s, Labels l) { return roc_auc(s, l); }},
      {"average_precision", "average precision",
       [](Scores s, Labels l) { return average_precision(s, l); }},
      {"sensitivity", "sensitivity", [at](Scores s, Labels l) { return at(s, l).sensitivity(); }},
      {"specificity", "specificity", [at](Scores s, Labels l) { return at(s, l).specificity(); }},
      {"ppv", "positive predictive value", [at](Scores s, Labels l) { return at(s, l).ppv(); }},
      {"npv", "negative predictive value", [at](Scores s, Labels l) { return at(s, l).npv(); }}};
  if (options.prevalence) {
    const double prevalence = *options.prevalence;
    const std::string where = " at prevalence " + fixed(prevalence, 3);
    all.push_back({"ppv_at_prevalence", "positive predictive value" + where,
                   [at, prevalence](Scores s, Labels l) {
                     const Confusion c = at(s, l);
                     return ppv_at(c.sensitivity(), c.specificity(), prevalence);
                   }});
    all.push_back({"npv_at_prevalence", "negative predictive value" + where,
                   [at, prevalence](Scores s, Labels l) {
                     const Confusion c = at(s, l);
                     return npv_at(c.sensitivity(), c.specificity(), prevalence);
                   }});
  }
  all.push_back({"balanced_accuracy", "balanced accuracy",
                 [at](Scores s, Labels l) { return at(s, l).balanced_accuracy(); }});
  all.push_back({"accuracy", "accuracy", [at](Scores s, Labels l) { return at(s, l).accuracy(); }});
  const Statistic ece = [](Scores s, Labels l) { return expected_calibration_error(s, l); };
  all.push_back({"ece", "calibration error (ECE)", ece});
  std::vector<Figure> out;
  for (const auto& [key, name, statistic] : all)
    out.push_back({key, name, statistic(measured.data.scores, measured.data.labels),
                   bootstrap_interval(measured.data, statistic, options.resamples, options.seed)});
  const Scored raw{measured.uncalibrated, measured.data.labels, measured.data.groups};
  out.push_back({"ece_uncalibrated", "… before temperature scaling", ece(raw.scores, raw.labels),
                 bootstrap_interval(raw, ece, options.resamples, options.seed)});
  return out;
}

// Argmax against the truth, where the data is labelled with the model's own classes (three or
// more).
struct ClassFigures {
  std::vector<std::vector<std::int64_t>> confusion;  // [truth][answer]
  std::vector<double> recall;
  std::vector<Figure> auc;  ///< each class against the rest
  Figure macro_recall, macro_auc;
  std::optional<Figure> equal_recall;  ///< where the package says how common the classes were

  std::vector<const Figure*> all() const {
    std::vector<const Figure*> figures{&macro_recall, &macro_auc};
    if (equal_recall) figures.push_back(&*equal_recall);
    return figures;
  }
};

// How common each class was among the validation lesions; empty where the package doesn't say.
std::vector<double> class_shares(const ModelPackage& package) {
  std::vector<double> shares;
  if (!package.training.is_object()) return shares;
  const auto found = package.training.find("class_shares");
  if (found == package.training.end() || !found->is_object()) return shares;
  for (const ModelClass& one : package.classes) {
    const auto share = found->find(one.id);
    if (share == found->end() || !share->is_number() || !(share->get<double>() > 0)) return {};
    shares.push_back(share->get<double>());
  }
  return shares;
}

ClassFigures class_figures(const Measured& measured, const ModelPackage& package,
                           const EvaluateOptions& options) {
  const std::size_t classes = package.classes.size();
  ClassFigures out;
  out.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  for (std::size_t i = 0; i < measured.truth.size(); ++i)
    ++out.confusion[static_cast<std::size_t>(measured.truth[i])]
                   [static_cast<std::size_t>(measured.answers[i])];
  for (std::size_t c = 0; c < classes; ++c) {
    std::int64_t all = 0;
    for (const std::int64_t n : out.confusion[c]) all += n;
    out.recall.push_back(
        all > 0 ? static_cast<double>(out.confusion[c][c]) / static_cast<double>(all) : NAN);
  }
  // The bootstrap draws photos by their number, and the figures look their rows up.
  Scored numbers{{}, measured.data.labels, measured.data.groups};
  for (std::size_t i = 0; i < measured.truth.size(); ++i)
    numbers.scores.push_back(static_cast<double>(i));
  const auto figure = [&](const char* key, const char* name, const auto& of) {
    const Statistic statistic = [&](Scores drawn, Labels) {
      std::vector<double> probabilities;
      std::vector<int> truth;
      for (const double number : drawn) {
        const auto i = static_cast<std::size_t>(number);
        const double* row = measured.probabilities.data() + i * classes;
        probabilities.insert(probabilities.end(), row, row + classes);
        truth.push_back(measured.truth[i]);
      }
      return of(probabilities, truth, static_cast<int>(classes));
    };
    return Figure{key, name, statistic(numbers.scores, numbers.labels),
                  bootstrap_interval(numbers, statistic, options.resamples, options.seed)};
  };
  out.macro_recall = figure("macro_recall", "mean recall over the classes",
                            [](auto& p, auto& t, int n) { return balanced_accuracy(p, t, n); });
  for (std::size_t c = 0; c < classes; ++c) {
    Scored own{{}, {}, measured.data.groups};
    for (std::size_t i = 0; i < measured.truth.size(); ++i) {
      own.scores.push_back(measured.probabilities[i * classes + c]);
      own.labels.push_back(measured.truth[i] == static_cast<int>(c) ? 1 : 0);
    }
    const double value = roc_auc(own.scores, own.labels);
    out.auc.push_back({"class_auc", "", value,
                       std::isnan(value)
                           ? Interval{NAN, NAN}
                           : bootstrap_interval(own, roc_auc, options.resamples, options.seed)});
  }
  // Calibrated probabilities carry how common the classes were; divided by it they name the class
  // that would be the most probable one if all were as common (Saerens, Latinne & Decaestecker,
  // "Adjusting the outputs of a classifier to new a priori probabilities", 2002).
  if (const std::vector<double> shares = class_shares(package); !shares.empty()) {
    out.equal_recall = figure("macro_recall_equal_shares", "… if all classes were equally common",
                              [&](auto& p, auto& t, int n) {
                                std::vector<double> even(p.size());
                                for (std::size_t i = 0; i < p.size(); ++i)
                                  even[i] = p[i] / shares[i % classes];
                                return balanced_accuracy(even, t, n);
                              });
  }
  out.macro_auc = figure("macro_auc", "mean AUC, one class against the rest",
                         [](auto& p, auto& t, int n) { return macro_auc(p, t, n); });
  return out;
}

// ---- Subgroups: the figures again for each value of a column, or for bands of its numbers.
struct ByColumn {
  std::string column;
  double width = 0;  // of a band; 0: each value
};

ByColumn by_column(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon + 1 == text.size()) return {text, 0};
  char* end = nullptr;
  const double width = std::strtod(text.c_str() + colon + 1, &end);
  if (*end != 0 || !(width > 0)) return {text, 0};
  return {text.substr(0, colon), width};
}

// "47" in bands of 20 is "40 to 59".
std::string band(const std::string& value, double width) {
  if (width <= 0) return value;
  char* end = nullptr;
  const double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end != 0) return value.empty() ? "not known" : value;
  const double low = std::floor(number / width) * width;
  char text[64];
  std::snprintf(text, sizeof text, "%g to %g", low, low + width - 1);
  return text;
}

struct Subgroup {
  std::string column, value;
  std::size_t malignant = 0, benign = 0;
  double auc = NAN, sensitivity = NAN, specificity = NAN;
  Interval auc_interval{NAN, NAN}, sensitivity_interval{NAN, NAN}, specificity_interval{NAN, NAN};
};

std::vector<Subgroup> subgroups(const Measured& measured, const std::vector<Sample>& samples,
                                const EvaluateOptions& options, double threshold) {
  std::vector<Subgroup> out;
  for (std::size_t column = 0; column < options.by.size(); ++column) {
    std::map<std::string, std::size_t> values;
    for (const std::size_t i : measured.index) ++values[samples[i].kept[column]];
    for (const auto& [value, count] : values) {
      const Measured own = measured.only(
          [&, wanted = &value](std::size_t i) { return samples[i].kept[column] == *wanted; });
      Subgroup group{by_column(options.by[column]).column, value, own.malignant(), own.benign()};
      const auto add = [&](double& to, Interval& interval, const Statistic& statistic) {
        to = statistic(own.data.scores, own.data.labels);
        interval = bootstrap_interval(own.data, statistic, options.resamples, options.seed);
      };
      add(group.auc, group.auc_interval, roc_auc);
      add(group.sensitivity, group.sensitivity_interval,
          [threshold](Scores s, Labels l) { return confusion_at(s, l, threshold).sensitivity(); });
      add(group.specificity, group.specificity_interval,
          [threshold](Scores s, Labels l) { return confusion_at(s, l, threshold).specificity(); });
      out.push_back(group);
    }
  }
  return out;
}

// ---- Pictures of something else: does their distance tell them from lesions?
struct OutOfDistribution {
  std::size_t pictures = 0, unreadable = 0;
  double auroc = NAN;
  Interval interval{NAN, NAN};
  double refused = NAN;         // share of these pictures beyond the limit
  double refused_photos = NAN;  // share of the lesion photos beyond it
};

Result<OutOfDistribution> out_of_distribution(const Session& session, const Measured& measured,
                                              const EvaluateOptions& options) {
  const auto& typicality = session.package().typicality;
  if (!typicality) return Error{"--ood: this model says nothing of typicality", ""};
  std::error_code code;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(options.ood, code))
    if (entry.is_regular_file(code) && is_photo_file(entry.path())) files.push_back(entry.path());
  if (files.empty()) return Error{options.ood + ": no pictures", ""};
  std::sort(files.begin(), files.end());
  const auto middle = files.begin() + static_cast<std::ptrdiff_t>(files.size() / 2);
  if (options.ood_half == "first") files.erase(middle, files.end());
  if (options.ood_half == "second") files.erase(files.begin(), middle);

  OutOfDistribution out;
  Scored data;
  const double limit = typicality->limit;
  std::size_t refused = 0, refused_photos = 0;
  ProgressLine progress("picture", files.size());
  classify(session, files, [&](std::size_t i, const PhotoAnswer& answer) {
    if (!answer.error.empty() || !answer.distance) {
      ++out.unreadable;
    } else {
      data.scores.push_back(static_cast<double>(*answer.distance));
      data.labels.push_back(1);
      refused += data.scores.back() > limit ? 1 : 0;
    }
    progress.update(i + 1);
  });
  out.pictures = data.scores.size();
  if (out.pictures == 0) return Error{options.ood + ": no picture can be read", ""};
  for (const double distance : measured.distance) {
    data.scores.push_back(distance);
    data.labels.push_back(0);
    refused_photos += distance > limit ? 1 : 0;
  }
  out.auroc = roc_auc(data.scores, data.labels);
  out.interval = bootstrap_interval(data, roc_auc, options.resamples, options.seed);
  out.refused = static_cast<double>(refused) / static_cast<double>(out.pictures);
  out.refused_photos =
      static_cast<double>(refused_photos) / static_cast<double>(measured.distance.size());
  return out;
}

// ---- The worst mistakes, looked at once more: the photo, and where the network looked.
std::vector<std::uint8_t> shown(const ImageView& photo) {
  cv::Mat square(photo.height, photo.width, CV_8UC(channels(photo.format)),
                 const_cast<std::uint8_t*>(photo.data), photo.stride);
  cv::Mat small;
  cv::resize(square, small, cv::Size(kMistakeSize, kMistakeSize), 0, 0, cv::INTER_AREA);
  auto jpeg = encode_jpeg({small.data, small.cols, small.rows, small.step[0], photo.format},
                          kMistakeQuality);
  return jpeg ? std::move(*jpeg) : std::vector<std::uint8_t>{};
}

std::vector<ReportMistake> worst_mistakes(const Session& session, const Measured& measured,
                                          const std::vector<Sample>& samples, double threshold) {
  std::vector<std::size_t> missed, alarmed;
  for (std::size_t i = 0; i < measured.index.size(); ++i) {
    const bool alarm = measured.data.scores[i] >= threshold;
    if (measured.data.labels[i] == 1 && !alarm) missed.push_back(i);
    if (measured.data.labels[i] == 0 && alarm) alarmed.push_back(i);
  }
  const auto by_score = [&](std::size_t a, std::size_t b) {
    return measured.data.scores[a] < measured.data.scores[b];
  };
  std::stable_sort(missed.begin(), missed.end(), by_score);
  std::stable_sort(alarmed.begin(), alarmed.end(),
                   [&](std::size_t a, std::size_t b) { return by_score(b, a); });
  missed.resize(std::min(missed.size(), kMistakes));
  alarmed.resize(std::min(alarmed.size(), kMistakes));
  std::vector<std::size_t> all = missed;
  all.insert(all.end(), alarmed.begin(), alarmed.end());

  const ModelPackage& package = session.package();
  std::vector<fs::path> files;
  for (const std::size_t i : all) files.push_back(samples[measured.index[i]].file);
  std::vector<ReportMistake> out(all.size());
  classify(
      session, files, [](std::size_t, const PhotoAnswer&) {},
      [&](std::size_t k, const DecodedPhoto& photo, PhotoAnswer& answer) {
        ReportMistake& one = out[k];
        const ImageView view = photo.view();
        const Rect square = center_square(view.width, view.height);
        ImageView crop = view;
        crop.data += static_cast<std::size_t>(square.y) * view.stride +
                     static_cast<std::size_t>(square.x * channels(view.format));
        crop.width = square.width;
        crop.height = square.height;
        one.photo = shown(crop);
        const auto evidence = malignancy_evidence(answer.cam, package);
        const Image overlay =
            render_heatmap(evidence, package.cam_width, package.cam_height, square.width);
        one.heatmap = shown(blend_heatmap(crop, overlay.view(), kHeat).view());
      });
  for (std::size_t k = 0; k < all.size(); ++k) {
    out[k].name = samples[measured.index[all[k]]].name;
    out[k].malignant = k < missed.size();
    out[k].probability = measured.data.scores[all[k]];
  }
  return out;
}

std::vector<std::vector<std::string>> subgroup_rows(const std::vector<Subgroup>& groups) {
  std::vector<std::vector<std::string>> rows{
      {"", "malignant", "benign", "AUC", "sensitivity", "specificity"}};
  const auto with = [](double value, const Interval& interval) -> std::string {
    if (!std::isfinite(value)) return "–";
    return fixed(value, 3) + " (" + fixed(interval.low, 3) + "–" + fixed(interval.high, 3) + ")";
  };
  for (const Subgroup& g : groups)
    rows.push_back({g.column + " = " + (g.value.empty() ? "(empty)" : g.value),
                    std::to_string(g.malignant), std::to_string(g.benign),
                    with(g.auc, g.auc_interval), with(g.sensitivity, g.sensitivity_interval),
                    with(g.specificity, g.specificity_interval)});
  return rows;
}

nlohmann::json finite(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

// Everything that was measured, in one place for terminal, JSON and report.
struct Evaluation {
  const EvaluateOptions& options;
  const Dataset& dataset;
  const ModelPackage& package;
  const LabelMeaning& meaning;
  std::string of;  // which photos, in words
  const Measured& measured;
  Confusion confusion;
  std::vector<Figure> figures;
  AucEstimate delong;
  std::optional<ClassFigures> per_class;
  std::vector<Subgroup> subgroups;
  std::optional<OutOfDistribution> ood;

  double threshold() const { return package.operating_point.threshold; }
  std::size_t lesions() const {
    const auto& groups = measured.data.groups;
    return groups.empty()
               ? 0
               : static_cast<std::size_t>(*std::max_element(groups.begin(), groups.end()) + 1);
  }
};

void print(const Evaluation& e) {
  std::printf("%s on %s, %s: %zu photos (%zu malignant: %s; %zu benign: %s)\n",
              printable(e.package.name).c_str(), printable(e.options.data.text()).c_str(),
              e.of.c_str(), e.measured.data.labels.size(), e.measured.malignant(),
              joined(e.dataset.classes, e.meaning.malignant, 1).c_str(), e.measured.benign(),
              joined(e.dataset.classes, e.meaning.malignant, 0).c_str());
  if (e.lesions() < e.measured.data.labels.size())
    std::printf("They show %zu lesions; the intervals draw whole lesions.\n", e.lesions());
  std::printf("\n");
  std::vector<std::vector<std::string>> table{{"figure", "value", "95 % interval"}};
  for (const Figure& f : e.figures)
    table.push_back(
        {f.name, fixed(f.value, 4), fixed(f.interval.low, 4) + " to " + fixed(f.interval.high, 4)});
  std::fputs(format_table(table).c_str(), stdout);
  std::printf("AUC's interval by DeLong, photos taken as independent: %s to %s\n",
              fixed(e.delong.interval.low, 4).c_str(), fixed(e.delong.interval.high, 4).c_str());
  std::printf("\nAt the frozen operating point, probability of malignancy >= %s:\n",
              fixed(e.threshold(), 4).c_str());
  std::fputs(
      format_table({{"", "shown to a doctor", "nothing alarming"},
                    {"malignant", std::to_string(e.confusion.tp), std::to_string(e.confusion.fn)},
                    {"benign", std::to_string(e.confusion.fp), std::to_string(e.confusion.tn)}})
          .c_str(),
      stdout);
  if (e.per_class) {
    std::printf("\nMost probable class (rows: truth):\n");
    std::vector<std::vector<std::string>> rows{{""}};
    for (const ModelClass& one : e.package.classes) rows[0].push_back(one.id);
    rows[0].push_back("recall");
    for (std::size_t c = 0; c < e.package.classes.size(); ++c) {
      rows.push_back({e.package.classes[c].id});
      for (const std::int64_t n : e.per_class->confusion[c])
        rows.back().push_back(std::to_string(n));
      rows.back().push_back(fixed(e.per_class->recall[c], 4));
    }
    std::fputs(format_table(rows).c_str(), stdout);
    for (const Figure* f : e.per_class->all())
      std::printf("%s: %s (%s to %s)\n", f->name.c_str(), fixed(f->value, 4).c_str(),
                  fixed(f->interval.low, 4).c_str(), fixed(f->interval.high, 4).c_str());
  }
  if (!e.subgroups.empty()) {
    std::printf("\nSubgroups:\n");
    std::fputs(format_table(subgroup_rows(e.subgroups)).c_str(), stdout);
  }
  if (e.ood)
    std::printf(
        "\nPictures of something else (%s, %s): %zu. Their distance tells them from these photos "
        "with an AUROC of %s (%s to %s); %s %% of them and %s %% of the photos are beyond the "
        "limit.\n",
        printable(e.options.ood).c_str(),
        e.options.ood_half == "all" ? "all of them" : (e.options.ood_half + " half").c_str(),
        e.ood->pictures, fixed(e.ood->auroc, 4).c_str(), fixed(e.ood->interval.low, 4).c_str(),
        fixed(e.ood->interval.high, 4).c_str(), fixed(100 * e.ood->refused, 1).c_str(),
        fixed(100 * e.ood->refused_photos, 1).c_str());
  if (e.measured.cannot_judge > 0)
    std::printf(
        "\n%zu of these photos would be answered \"%s\" in the page; they are counted above all "
        "the same.\n",
        e.measured.cannot_judge, std::string(sentence(Outcome::cannot_judge)).c_str());
  if (!e.measured.unreadable.empty())
    std::printf("\n%zu photos could not be read and are left out.\n", e.measured.unreadable.size());
  std::printf("\n%s\n", std::string(kNotice).c_str());
}

EvaluationReport report_of(const Evaluation& e, std::vector<ReportMistake> mistakes) {
  EvaluationReport report;
  report.title = e.package.name;
  report.data = e.options.data.text() + ", " + e.of;
  for (const std::string& condition : e.options.data.where) report.data += ", " + condition;
  report.data += ": " + std::to_string(e.measured.malignant()) + " malignant and " +
                 std::to_string(e.measured.benign()) + " benign photos of " +
                 std::to_string(e.lesions()) + " lesions";
  for (const Figure& f : e.figures)
    report.figures.push_back({f.name, f.value, f.interval.low, f.interval.high});
  report.threshold = e.threshold();
  report.tp = static_cast<std::size_t>(e.confusion.tp);
  report.fn = static_cast<std::size_t>(e.confusion.fn);
  report.fp = static_cast<std::size_t>(e.confusion.fp);
  report.tn = static_cast<std::size_t>(e.confusion.tn);
  const auto& [scores, labels, groups] = e.measured.data;
  std::size_t positives = e.measured.malignant();
  for (const RocPoint& point : roc_curve(scores, labels)) {
    report.roc.push_back({point.false_positive_rate, point.true_positive_rate});
    const double found = point.true_positive_rate * static_cast<double>(positives);
    const double alarms =
        found + point.false_positive_rate * static_cast<double>(labels.size() - positives);
    if (alarms > 0) report.precision_recall.push_back({point.true_positive_rate, found / alarms});
  }
  for (const ReliabilityBin& bin : reliability_bins(scores, labels))
    report.reliability.push_back({bin.mean_score, bin.rate});
  for (const ReliabilityBin& bin : reliability_bins(e.measured.uncalibrated, labels))
    report.reliability_before.push_back({bin.mean_score, bin.rate});
  for (const int label : {1, 0}) {
    Histogram histogram{label == 1 ? "Malignant photos" : "Benign photos",
                        "probability of malignancy", 0, 1.0 / 25, std::vector<std::size_t>(25, 0)};
    for (std::size_t i = 0; i < scores.size(); ++i)
      if (labels[i] == label)
        ++histogram.counts[std::min<std::size_t>(24, static_cast<std::size_t>(scores[i] * 25))];
    report.histograms.push_back(std::move(histogram));
  }
  if (e.per_class) {
    for (const ModelClass& one : e.package.classes) report.classes.push_back(one.name);
    report.class_confusion = e.per_class->confusion;
    for (const Figure* f : e.per_class->all())
      report.figures.push_back({f->name, f->value, f->interval.low, f->interval.high});
  }
  if (!e.subgroups.empty()) report.subgroups = subgroup_rows(e.subgroups);
  if (e.ood)
    report.typicality = std::to_string(e.ood->pictures) +
                        " pictures of something else: their distance tells them from these photos "
                        "with an AUROC of " +
                        fixed(e.ood->auroc, 4) + " (95 % interval " +
                        fixed(e.ood->interval.low, 4) + " to " + fixed(e.ood->interval.high, 4) +
                        "). " + fixed(100 * e.ood->refused, 1) + " % of them and " +
                        fixed(100 * e.ood->refused_photos, 1) +
                        " % of the photos are beyond the limit, where the page does not judge.";
  report.mistakes = std::move(mistakes);
  report.remarks = e.dataset.warnings;
  for (const std::string& one : e.measured.unreadable) report.remarks.push_back("left out: " + one);
  report.sha256 = e.package.sha256;
  return report;
}

// What the report draws, as numbers.
nlohmann::json curves_of(const EvaluationReport& report) {
  const auto points = [](const std::vector<CurvePoint>& curve) {
    nlohmann::json out = nlohmann::json::array();
    for (const CurvePoint& point : curve) out.push_back({point.x, point.y});
    return out;
  };
  return {{"roc", points(report.roc)},
          {"precision_recall", points(report.precision_recall)},
          {"reliability", points(report.reliability)},
          {"reliability_uncalibrated", points(report.reliability_before)}};
}

nlohmann::json figures_json(const Evaluation& e) {
  nlohmann::json out{{"model", e.package.name},
                     {"sha256", e.package.sha256},
                     {"data", e.options.data.text()},
                     {"data_hash", dataset_hash(e.dataset)},
                     {"split", e.options.split},
                     {"unseen", e.options.unseen},
                     {"where", e.options.data.where},
                     {"n", e.measured.data.labels.size()},
                     {"n_lesions", e.lesions()},
                     {"n_malignant", e.measured.malignant()},
                     {"n_benign", e.measured.benign()},
                     {"n_unreadable", e.measured.unreadable.size()},
                     {"n_cannot_judge", e.measured.cannot_judge},
                     {"threshold", e.threshold()},
                     {"confusion",
                      {{"tp", e.confusion.tp},
                       {"fp", e.confusion.fp},
                       {"tn", e.confusion.tn},
                       {"fn", e.confusion.fn}}},
                     {"resamples", e.options.resamples},
                     {"seed", e.options.seed}};
  for (const Figure& f : e.figures) {
    out[f.key] = finite(f.value);
    out[f.key + "_ci"] = {finite(f.interval.low), finite(f.interval.high)};
  }
  out["auc_delong_ci"] = {finite(e.delong.interval.low), finite(e.delong.interval.high)};
  if (e.options.prevalence) out["prevalence"] = *e.options.prevalence;
  if (e.per_class) {
    out["class_confusion"] = e.per_class->confusion;
    for (const Figure* f : e.per_class->all()) {
      out[f->key] = finite(f->value);
      out[f->key + "_ci"] = {finite(f->interval.low), finite(f->interval.high)};
    }
    for (std::size_t c = 0; c < e.package.classes.size(); ++c) {
      const std::string& id = e.package.classes[c].id;
      const Figure& auc = e.per_class->auc[c];
      out["class_recall"][id] = finite(e.per_class->recall[c]);
      out["class_auc"][id] = finite(auc.value);
      out["class_auc_ci"][id] = {finite(auc.interval.low), finite(auc.interval.high)};
    }
  }
  for (const Subgroup& g : e.subgroups)
    out["by"][g.column][g.value] = {
        {"n_malignant", g.malignant},
        {"n_benign", g.benign},
        {"auc", finite(g.auc)},
        {"auc_ci", {finite(g.auc_interval.low), finite(g.auc_interval.high)}},
        {"sensitivity", finite(g.sensitivity)},
        {"sensitivity_ci",
         {finite(g.sensitivity_interval.low), finite(g.sensitivity_interval.high)}},
        {"specificity", finite(g.specificity)},
        {"specificity_ci",
         {finite(g.specificity_interval.low), finite(g.specificity_interval.high)}}};
  if (e.ood)
    out["out_of_distribution"] = {
        {"n", e.ood->pictures},           {"half", e.options.ood_half},
        {"auroc", finite(e.ood->auroc)},  {"auroc_ci", {e.ood->interval.low, e.ood->interval.high}},
        {"beyond_limit", e.ood->refused}, {"photos_beyond_limit", finite(e.ood->refused_photos)}};
  return out;
}

nlohmann::json mistakes_json(const EvaluationReport& report) {
  nlohmann::json out = nlohmann::json::array();
  for (const ReportMistake& one : report.mistakes)
    out.push_back({{"file", one.name},
                   {"label", one.malignant ? "malignant" : "benign"},
                   {"malignancy", one.probability}});
  return out;
}

Result<bool> write_json(const Evaluation& e, const EvaluationReport& report) {
  nlohmann::json out = figures_json(e);
  out["curves"] = curves_of(report);
  for (const Histogram& histogram : report.histograms)
    out["histograms"].push_back({{"photos", histogram.title},
                                 {"of", histogram.unit},
                                 {"low", histogram.low},
                                 {"step", histogram.step},
                                 {"counts", histogram.counts}});
  out["worst_mistakes"] = mistakes_json(report);
  return write_whole(e.options.json,
                     out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

// Into the package itself, under metrics.tests: the model card is made from there. A test of the
// same name is replaced.
Result<bool> record(const Evaluation& e, const EvaluationReport& report) {
  const std::string& path = e.options.model;
  nlohmann::json test = figures_json(e);
  for (const char* of_this_run : {"model", "sha256", "threshold", "data", "resamples", "seed"})
    test.erase(of_this_run);
  test["name"] = e.options.record;
  test["worst_mistakes"] = mistakes_json(report);
  ModelPackage package = e.package;
  nlohmann::json& metrics = package.metrics;
  if (!metrics.is_object()) metrics = nlohmann::json::object();
  nlohmann::json tests = nlohmann::json::array();
  bool replaced = false;
  if (const auto known = metrics.find("tests"); known != metrics.end() && known->is_array()) {
    for (const nlohmann::json& one : *known) {
      const bool same = one.is_object() && one.value("name", "") == e.options.record;
      tests.push_back(same ? test : one);
      replaced = replaced || same;
    }
  }
  if (!replaced) tests.push_back(test);
  metrics["tests"] = std::move(tests);

  const auto onnx = read_model(path);
  if (!onnx) return onnx.error();
  return write_model(path, *onnx, package);
}

int fail(const std::string& message) {
  print_error(message);
  return 1;
}

int run_evaluate(const EvaluateOptions& options) {
  auto sources = sources_of(options.data);
  if (!sources) return fail(sources.error().message);
  std::vector<ByColumn> by;
  for (const std::string& text : options.by) by.push_back(by_column(text));
  for (Source& source : *sources)
    for (const ByColumn& one : by) source.options.keep.push_back(one.column);
  auto dataset = load_dataset(*sources, options.data.groups);
  if (!dataset) return fail(dataset.error().message);
  for (Sample& sample : dataset->samples)
    for (std::size_t i = 0; i < by.size(); ++i) sample.kept[i] = band(sample.kept[i], by[i].width);
  const std::string data = options.data.text();
  print_warnings(data, dataset->warnings);
  std::vector<Sample> samples = dataset->samples;
  std::string of = "all photos";
  const bool has_splits =
      std::any_of(samples.begin(), samples.end(), [](const Sample& s) { return !s.split.empty(); });
  if (!options.split.empty()) {
    samples = dataset->of_split(options.split);
    of = "split '" + options.split + "'";
    if (samples.empty()) return fail(data + ": no photos of split '" + options.split + "'");
    if (options.unseen) {
      std::set<std::string> seen;
      for (const Sample& sample : dataset->samples)
        if (sample.split != options.split) seen.insert(sample.group);
      const std::size_t before = samples.size();
      std::erase_if(samples, [&seen](const Sample& one) { return seen.count(one.group) != 0; });
      std::printf("%zu photos left out: their lesions are on photos outside of %s, too\n",
                  before - samples.size(), of.c_str());
      if (samples.empty()) return fail(data + ": no other photos of " + of);
      of += ", lesions that no other photo shows";
    }
  } else if (has_splits) {
    std::fprintf(
        stderr,
        "note: %s has splits; without --split all of them are measured, training photos too\n",
        printable(data).c_str());
  }

  const auto session = Session::open(options.model, session_threads(samples.size()));
  if (!session) return fail(session.error().message);
  const ModelPackage& package = session->package();
  const LabelMeaning meaning = meaning_of(dataset->classes, package);
  const Measured measured = measure(*session, samples, meaning);
  for (const std::string& one : measured.unreadable)
    std::fprintf(stderr, "warning: left out: %s\n", printable(one).c_str());
  if (measured.malignant() == 0 || measured.benign() == 0)
    return fail(data + ": " + of + " has " + std::to_string(measured.malignant()) +
                " malignant and " + std::to_string(measured.benign()) +
                " benign photos that can be read; both kinds are needed (counted as malignant: " +
                joined(dataset->classes, meaning.malignant, 1) + ")");

  const double threshold = package.operating_point.threshold;
  Evaluation e{options,
               *dataset,
               package,
               meaning,
               of,
               measured,
               confusion_at(measured.data.scores, measured.data.labels, threshold),
               figures(measured, threshold, options),
               delong_auc(measured.data.scores, measured.data.labels),
               std::nullopt,
               subgroups(measured, samples, options, threshold),
               std::nullopt};
  if (package.classes.size() > 2 && meaning.all_classes)
    e.per_class = class_figures(measured, package, options);
  if (!options.ood.empty()) {
    const auto ood = out_of_distribution(*session, measured, options);
    if (!ood) return fail(ood.error().message);
    e.ood = *ood;
  }
  print(e);
  if (options.json.empty() && options.report.empty() && options.record.empty()) return 0;
  const EvaluationReport report =
      report_of(e, worst_mistakes(*session, measured, samples, threshold));
  if (!options.json.empty()) {
    const auto written = write_json(e, report);
    if (!written) return fail(written.error().message);
  }
  if (!options.record.empty()) {
    const auto written = record(e, report);
    if (!written) return fail(written.error().message);
    std::printf("recorded in %s as \"%s\"\n", printable(options.model).c_str(),
                printable(options.record).c_str());
  }
  if (!options.report.empty()) {
    const auto written = write_evaluation_report(options.report, report);
    if (!written) return fail(written.error().message);
  }
  return 0;
}

}  // namespace

void add_evaluate_command(CLI::App& app, int& status) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command =
      app.add_subcommand("evaluate", "Measure an exported model on labelled photos");
  command->add_option("model", options->model, "A model.onnx")->required();
  add_data_options(*command, options->data, "Photos");
  command->get_option("--data")->required();
  command->add_option("--split", options->split, "Only this split: train, val or test")
      ->group("Photos");
  command
      ->add_flag("--unseen", options->unseen,
                 "Only lesions that no photo outside of the split shows; --groups says which "
                 "photos show one lesion where the data doesn't")
      ->needs("--split")
      ->group("Photos");
  command
      ->add_option("--by", options->by,
                   "The figures again for each value of this CSV column, or for bands of WIDTH of "
                   "its numbers; may be repeated")
      ->option_text("COLUMN[:WIDTH]")
      ->allow_extra_args(false);
  command
      ->add_option("--prevalence", options->prevalence,
                   "Predictive values where this share of lesions is malignant")
      ->option_text("SHARE")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--ood", options->ood,
                   "A folder of other pictures: does the model notice that they are no lesions?")
      ->option_text("DIR");
  command
      ->add_option("--ood-half", options->ood_half,
                   "Of those, by name: all, first (to choose by), second (to report)")
      ->check(CLI::IsMember({"all", "first", "second"}))
      ->capture_default_str();
  command
      ->add_option("--report", options->report,
                   "Also write an HTML report: curves, histograms, confusion, the worst mistakes "
                   "with their heat-maps")
      ->option_text("FILE");
  command
      ->add_option("--json", options->json,
                   "Also write figures, curves and the worst mistakes to this file")
      ->option_text("FILE");
  command
      ->add_option("--record", options->record,
                   "Also write the figures into MODEL.onnx and its model.json, as the test of this "
                   "name: nevus card and the site show them")
      ->option_text("NAME");
  command->add_option("--resamples", options->resamples, "Bootstrap resamples behind the intervals")
      ->check(CLI::Range(100, 100000))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Of the bootstrap")->capture_default_str();
  command->footer(
      "Examples:\n"
      "  nevus evaluate run/model.onnx photos/ --split test --report report.html\n"
      "  nevus evaluate run/model.onnx labels.csv --split test --by sex --by age:20\n"
      "  nevus evaluate run/model.onnx labels.csv --prevalence 0.03 --ood holiday-photos/\n"
      "Measured is the exported file, at the operating point that validation photos decided.");
  command->callback([options, &status] { status = run_evaluate(*options); });
}

}  // namespace nevus
