// Figures of a binary classifier and their intervals.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace nevus {

/// Scores and truth, one entry a photo: labels are 1 (malignant) or 0.
struct Scored {
  std::vector<double> scores;  ///< probability of malignancy, 0..1
  std::vector<int> labels;
  std::vector<int> groups;  ///< photos of one lesion share a number; empty: each is its own
};

struct Interval {
  double low = 0, high = 0;
};

/// Area under the ROC curve = P(score of a malignant > score of a benign) + half of the ties
/// (Mann-Whitney U; Hanley & McNeil, 1982). NaN where a class is missing.
double roc_auc(std::span<const double> scores, std::span<const int> labels);
/// Average precision: sum over thresholds of (recall step) x precision, ties taken together.
double average_precision(std::span<const double> scores, std::span<const int> labels);
/// Expected calibration error of the positive class, equal-width bins (Naeini et al., 2015).
double expected_calibration_error(std::span<const double> scores, std::span<const int> labels,
                                  int bins = 15);

/// Mean over the classes of the AUC of one class against the rest (macro, one-vs-rest; Fawcett,
/// 2006). Classes without photos, or without others, are left out; NaN where none is left.
/// @param probabilities  n * classes
/// @param labels         n, 0 to classes - 1
double macro_auc(std::span<const double> probabilities, std::span<const int> labels, int classes);
/// Mean over the classes of the share of their photos whose greatest probability is theirs
/// (Brodersen et al., "The Balanced Accuracy", 2010). Classes without photos are left out.
double balanced_accuracy(std::span<const double> probabilities, std::span<const int> labels,
                         int classes);

/// An AUC with its standard error.
struct AucEstimate {
  double auc = 0, standard_error = 0;
  Interval interval;  ///< 95 %, normal approximation, cut to 0..1
};
/// DeLong, DeLong & Clarke-Pearson (Biometrics 44, 1988), by midranks (Sun & Xu, IEEE Signal
/// Processing Letters 21, 2014). Takes photos as independent. NaN where a class is missing.
AucEstimate delong_auc(std::span<const double> scores, std::span<const int> labels);

/// Two models on the same photos.
struct AucDifference {
  double difference = 0, standard_error = 0;  ///< first minus second
  Interval interval;                          ///< 95 %
  double z = 0, p = 1;                        ///< two-sided
};
/// Paired test of two AUCs (DeLong et al., 1988).
AucDifference delong_test(std::span<const double> a, std::span<const double> b,
                          std::span<const int> labels);

/// Two-sided exact test that two classifiers err equally often on the same photos (McNemar, 1947).
/// @param first_only   photos that only the first gets right
/// @param second_only  photos that only the second gets right
/// @return             p value; 1 where they never differ
double mcnemar_test(std::int64_t first_only, std::int64_t second_only);

struct Confusion {
  std::int64_t tp = 0, fp = 0, tn = 0, fn = 0;
  double sensitivity() const;  ///< tp / (tp + fn), NaN without malignant photos
  double specificity() const;  ///< tn / (tn + fp)
  double balanced_accuracy() const;
  double accuracy() const;
  double ppv() const;  ///< tp / (tp + fp): of those shown to a doctor, the share that is malignant
  double npv() const;  ///< tn / (tn + fn)
};
/// Predictive values where malignancy is as frequent as `prevalence`, by Bayes' theorem (Altman &
/// Bland, BMJ 309, 1994). All 0..1.
double ppv_at(double sensitivity, double specificity, double prevalence);
double npv_at(double sensitivity, double specificity, double prevalence);

/// Positive where score >= threshold.
Confusion confusion_at(std::span<const double> scores, std::span<const int> labels,
                       double threshold);

/// 95 % percentile interval of a statistic by stratified bootstrap: malignant and benign lesions
/// are drawn with replacement apart, each with all of its photos (Efron & Tibshirani, 1993;
/// clusters: Field & Welsh, 2007). A group counts as malignant where one of its photos does.
Interval bootstrap_interval(
    const Scored& data,
    const std::function<double(std::span<const double>, std::span<const int>)>& statistic,
    int resamples = 2000, std::uint64_t seed = 1);

/// The greatest threshold whose sensitivity is at least `sensitivity` on this data.
double threshold_for_sensitivity(std::span<const double> scores, std::span<const int> labels,
                                 double sensitivity);

/// Probabilities are softmax(logits / temperature + bias).
struct Calibration {
  double temperature = 1;    ///< 0.05 to 20
  std::vector<double> bias;  ///< one a class, sum 0
};
/// Bias-corrected temperature scaling: minimises the weighted negative log-likelihood (Guo et al.,
/// "On Calibration of Modern Neural Networks", 2017; the biases: Alexandari et al., "Maximum
/// Likelihood with Bias-Corrected Calibration", ICML 2020). A weak pull (that of one photo of
/// weight 1) keeps the biases of rare classes near 0.
/// @param logits   n * classes, row by row
/// @param weights  n, > 0: 1 / (photos of the lesion) lets every lesion count once
Calibration fit_calibration(std::span<const float> logits, std::span<const int> labels,
                            std::span<const double> weights, int classes);

struct RocPoint {
  double threshold, false_positive_rate, true_positive_rate;
};
/// The ROC curve from (0,0) to (1,1).
std::vector<RocPoint> roc_curve(std::span<const double> scores, std::span<const int> labels);

/// One bar of a reliability diagram: the photos whose score lies in an equal-width bin.
struct ReliabilityBin {
  double mean_score = 0;  ///< what was said, 0..1
  double rate = 0;        ///< what was true: share of malignant photos, 0..1
  std::int64_t n = 0;     ///< photos; empty bins are left out
};
/// Source: Niculescu-Mizil & Caruana, 2005.
std::vector<ReliabilityBin> reliability_bins(std::span<const double> scores,
                                             std::span<const int> labels, int bins = 10);

}  // namespace nevus
