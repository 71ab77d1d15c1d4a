// Self-contained HTML reports: one file, no network, readable years later.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"

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
  std::vector<ClassCount> classes;
  std::vector<std::pair<std::string, std::string>> settings;
  std::vector<std::string> warnings;
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

/// What `nevus evaluate` measured.
struct EvaluationReport {
  std::string title;  ///< the model's name
  std::string data;   ///< which photos, in words
  std::vector<ReportFigure> figures;
  double threshold = 0;
  std::size_t tp = 0, fn = 0, fp = 0, tn = 0;
  std::vector<CurvePoint> roc;          ///< false positive rate, true positive rate; ascending
  std::vector<CurvePoint> reliability;  ///< mean probability, share of malignant photos; ascending
  std::vector<std::string> remarks;
  std::string sha256;
};

/// Writes the evaluation report (figures, confusion matrix, ROC curve, reliability) atomically.
Result<bool> write_evaluation_report(const std::filesystem::path& path,
                                     const EvaluationReport& report);

}  // namespace nevus
