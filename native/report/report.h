// Self-contained HTML reports: one file, no network, readable years later.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"
#include "report/histogram.h"

namespace nevus {

/// One line of history.csv; NaN where a figure doesn't exist (an AUC without both classes).
struct EpochRecord {
  int epoch = 0;  ///< from 1
  double train_loss = 0, val_loss = 0;
  double train_auc = 0, val_auc = 0;
  double seconds = 0;                  ///< wall clock
  double learning_rate = 0;            ///< at the epoch's end
  double images_per_second = NAN;      ///< of the training pass
  double data_wait = NAN;              ///< share of it that the network waited for photos, 0..1
  double val_balanced_accuracy = NAN;  ///< mean recall over the classes, 0..1
};

/// A photo as the network saw it in training.
struct ReportExample {
  std::vector<std::uint8_t> jpeg;
  std::string label;
};

struct ClassCount {
  std::string name;
  bool malignant = false;
  std::size_t train = 0, val = 0;  ///< photos
};

/// What a training run has to say of itself. The package's `metrics` and `training` objects are
/// shown as tables; `settings` are (name, value) lines in the order given.
struct TrainingReport {
  std::string title;  ///< the model's name
  std::string command_line;
  std::vector<EpochRecord> epochs;
  int best_epoch = 0;        ///< the epoch that was kept
  bool interrupted = false;  ///< stopped before its last epoch
  bool mixed = false;  ///< by mixup or CutMix: training figures judge mixed views by one label
  int turns = 1;  ///< in which the exported model, unlike the epochs' validation, judges a photo
  std::vector<ClassCount> classes;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> warnings;
  std::vector<ReportExample> examples;
  ModelPackage package;
};

/// Writes the training report (curves, figures with intervals, class balance, settings, limits)
/// atomically. The error names the file.
Result<bool> write_training_report(const std::filesystem::path& path, const TrainingReport& report);

/// A figure with its 95 % interval; NaN where it doesn't exist.
struct ReportFigure {
  std::string name;
  double value = 0, low = 0, high = 0;
};

struct CurvePoint {
  double x = 0, y = 0;  ///< 0..1
};

/// A photo on the wrong side of the threshold.
struct ReportMistake {
  std::vector<std::uint8_t> photo, heatmap;  ///< JPEGs of the square that the network sees
  std::string name;
  bool malignant = false;  ///< the truth
  double probability = 0;  ///< of malignancy, as said
};

/// What `nevus evaluate` measured.
struct EvaluationReport {
  std::string title;  ///< the model's name
  std::string data;   ///< which photos, in words
  std::vector<ReportFigure> figures;
  double threshold = 0;
  std::size_t tp = 0, fn = 0, fp = 0, tn = 0;
  std::vector<CurvePoint> roc;          ///< false positive rate, true positive rate; ascending
  std::vector<CurvePoint> reliability;  ///< mean probability, share of malignant photos; ascending
  std::vector<CurvePoint> reliability_before;              ///< the same at temperature 1
  std::vector<CurvePoint> precision_recall;                ///< recall, precision; ascending
  std::vector<Histogram> histograms;                       ///< of the probability, by truth
  std::vector<std::string> classes;                        ///< where there are three or more
  std::vector<std::vector<std::int64_t>> class_confusion;  ///< [truth][answer]
  std::vector<std::vector<std::string>> subgroups;         ///< a table with its header; or empty
  std::string typicality;                                  ///< in words; or empty
  std::vector<ReportMistake> mistakes;                     ///< the worst first, missed ones before
  std::vector<std::string> remarks;
  std::string sha256;
};

/// Writes the evaluation report (figures, confusion matrix, ROC curve, reliability) atomically.
Result<bool> write_evaluation_report(const std::filesystem::path& path,
                                     const EvaluationReport& report);

}  // namespace nevus
