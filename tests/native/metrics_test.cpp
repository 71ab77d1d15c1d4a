// Figures against values that were published or worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "metrics/metrics.h"

namespace nevus {
namespace {

using Scores = std::vector<double>;
using Labels = std::vector<int>;

// The example in scikit-learn's documentation of roc_auc_score, average_precision_score, roc_curve.
const Scores kScores{0.1, 0.4, 0.35, 0.8};
const Labels kLabels{0, 0, 1, 1};

TEST(Ranking, AgreesWithScikitLearnsExample) {
  EXPECT_DOUBLE_EQ(roc_auc(kScores, kLabels), 0.75);
  EXPECT_NEAR(average_precision(kScores, kLabels), 0.8333333333333333, 1e-15);
  const auto curve = roc_curve(kScores, kLabels);
  const std::vector<std::pair<double, double>> expected{
      {0, 0}, {0, 0.5}, {0.5, 0.5}, {0.5, 1}, {1, 1}};
  ASSERT_EQ(curve.size(), expected.size());
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_DOUBLE_EQ(curve[i].false_positive_rate, expected[i].first) << i;
    EXPECT_DOUBLE_EQ(curve[i].true_positive_rate, expected[i].second) << i;
  }
  EXPECT_TRUE(std::isinf(curve[0].threshold));
  EXPECT_DOUBLE_EQ(curve[1].threshold, 0.8);
}

TEST(Ranking, TiesCountHalf) {
  // Pairs (malignant, benign): .5=.5 half, .5>.2 one, .9>.5 one, .9>.2 one: 3.5 of 4.
  EXPECT_DOUBLE_EQ(roc_auc(Scores{0.5, 0.9, 0.5, 0.2}, Labels{1, 1, 0, 0}), 0.875);
  EXPECT_DOUBLE_EQ(roc_auc(Scores{0.5, 0.5, 0.5}, Labels{1, 0, 0}), 0.5);
  // One threshold for all three: precision 1/3 at recall 1.
  EXPECT_DOUBLE_EQ(average_precision(Scores{0.5, 0.5, 0.5}, Labels{1, 0, 0}), 1.0 / 3);
}

TEST(Ranking, AucEqualsCountingPairs) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    Scores scores;
    Labels labels;
    for (int i = 0; i < 60; ++i) {
      scores.push_back(static_cast<double>(random() % 12) / 12);  // many ties
      labels.push_back(static_cast<int>(random() % 2));
    }
    double wins = 0, pairs = 0;
    for (std::size_t i = 0; i < 60; ++i)
      for (std::size_t j = 0; j < 60; ++j)
        if (labels[i] == 1 && labels[j] == 0) {
          wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
          ++pairs;
        }
    EXPECT_NEAR(roc_auc(scores, labels), wins / pairs, 1e-12);
  }
}

TEST(Ranking, IsUndefinedWithoutBothClasses) {
  EXPECT_TRUE(std::isnan(roc_auc(Scores{0.1, 0.2}, Labels{1, 1})));
  EXPECT_TRUE(std::isnan(roc_auc(Scores{}, Labels{})));
  EXPECT_TRUE(std::isnan(average_precision(Scores{0.1}, Labels{0})));
  EXPECT_TRUE(std::isnan(roc_auc(Scores{std::nan(""), 0.2}, Labels{1, 0})));
  EXPECT_TRUE(std::isnan(confusion_at(Scores{0.1}, Labels{0}, 0.5).sensitivity()));
}

TEST(Ranking, ConfusionCountsTheThresholdItself) {
  const Confusion c = confusion_at(Scores{0.5, 0.4, 0.5, 0.1, 0.9}, Labels{1, 1, 0, 0, 1}, 0.5);
  EXPECT_EQ(c.tp, 2);
  EXPECT_EQ(c.fn, 1);
  EXPECT_EQ(c.fp, 1);
  EXPECT_EQ(c.tn, 1);
  EXPECT_DOUBLE_EQ(c.sensitivity(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(c.specificity(), 0.5);
  EXPECT_DOUBLE_EQ(c.balanced_accuracy(), (2.0 / 3 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(c.accuracy(), 0.6);
}

TEST(Ranking, ThresholdForASensitivityIsTheGreatestOne) {
  Scores scores;
  Labels labels;
  for (int i = 1; i <= 20; ++i) {
    scores.push_back(i / 100.0);
    labels.push_back(1);
  }
  scores.push_back(0.99);
  labels.push_back(0);
  // 19 of 20 are 0.02 and above.
  EXPECT_DOUBLE_EQ(threshold_for_sensitivity(scores, labels, 0.95), 0.02);
  EXPECT_DOUBLE_EQ(threshold_for_sensitivity(scores, labels, 1.0), 0.01);
  EXPECT_DOUBLE_EQ(threshold_for_sensitivity(scores, labels, 0.05), 0.20);
  for (const double wanted : {0.5, 0.9, 0.951, 0.99}) {
    const double t = threshold_for_sensitivity(scores, labels, wanted);
    EXPECT_GE(confusion_at(scores, labels, t).sensitivity(), wanted);
    EXPECT_LT(confusion_at(scores, labels, t + 1e-6).sensitivity(), wanted);
  }
}

TEST(Calibration, ErrorOfAHandWorkedCase) {
  // Two bins: {0.1, 0.3} with one malignant: |0.4 - 1| = 0.6; {0.9, 0.7} with one: |1.6 - 1| = 0.6.
  EXPECT_NEAR(expected_calibration_error(Scores{0.1, 0.3, 0.9, 0.7}, Labels{0, 1, 1, 0}, 2),
              1.2 / 4, 1e-12);
  EXPECT_NEAR(expected_calibration_error(Scores{0, 0, 1, 1}, Labels{0, 0, 1, 1}, 15), 0, 1e-12);
  EXPECT_NEAR(expected_calibration_error(Scores{1, 1}, Labels{0, 0}, 15), 1, 1e-12);
}

TEST(Calibration, ReliabilityBinsHoldTheirPhotos) {
  const auto bins =
      reliability_bins(Scores{0.05, 0.15, 0.95, 1.0, 0.91}, Labels{0, 1, 1, 1, 0}, 10);
  ASSERT_EQ(bins.size(), 3u);
  EXPECT_EQ(bins[0].n, 1);
  EXPECT_DOUBLE_EQ(bins[1].mean_score, 0.15);
  EXPECT_DOUBLE_EQ(bins[1].rate, 1);
  EXPECT_EQ(bins[2].n, 3);
  EXPECT_NEAR(bins[2].mean_score, (0.95 + 1.0 + 0.91) / 3, 1e-12);
  EXPECT_NEAR(bins[2].rate, 2.0 / 3, 1e-12);
}

Calibration calibrated(const std::vector<float>& logits, const Labels& labels, int classes) {
  return fit_calibration(logits, labels, Scores(labels.size(), 1.0), classes);
}

TEST(Calibration, TemperatureHasAClosedFormForEqualMargins) {
  // Margin 2 to either side, three of four right: sigmoid(2 / T) = 3/4, T = 2 / ln 3, no bias.
  std::vector<float> logits;
  Labels labels;
  for (int i = 0; i < 8; ++i) {
    const bool second = i % 2 == 1;
    logits.insert(logits.end(), {second ? 0.0f : 2.0f, second ? 2.0f : 0.0f});
    labels.push_back(i < 2 ? (second ? 0 : 1) : (second ? 1 : 0));
  }
  const Calibration two = calibrated(logits, labels, 2);
  EXPECT_NEAR(two.temperature, 2 / std::log(3.0), 1e-4);
  EXPECT_NEAR(two.bias[0], 0, 1e-6);
}

TEST(Calibration, BiasRepairsAWrongPrior) {
  // The network says 0 for either class always; one photo in five is of class 1: the odds are 1/4.
  const std::size_t n = 5000;
  std::vector<float> logits(2 * n, 0.0f);
  Labels labels(n, 0);
  for (std::size_t i = 0; i < n; i += 5) labels[i] = 1;
  const Calibration one = calibrated(logits, labels, 2);
  EXPECT_NEAR(one.bias[1] - one.bias[0], std::log(0.25), 2e-3);
  EXPECT_NEAR(one.bias[0] + one.bias[1], 0, 1e-9);
}

TEST(Calibration, EveryLesionCountsOnce) {
  // Ten photos of one lesion of class 1 weigh as much as one of it.
  std::vector<float> logits;
  Labels labels;
  Scores weights;
  std::vector<float> plain_logits;
  Labels plain_labels;
  std::mt19937 random(2);
  for (int lesion = 0; lesion < 60; ++lesion) {
    const int label = lesion % 3 == 0 ? 1 : 0, photos = label == 1 ? 10 : 1;
    const float margin = static_cast<float>(random() % 1000) / 500 - (label == 1 ? 0.5f : 1.5f);
    for (int photo = 0; photo < photos; ++photo) {
      logits.insert(logits.end(), {0.0f, margin});
      labels.push_back(label);
      weights.push_back(1.0 / photos);
    }
    plain_logits.insert(plain_logits.end(), {0.0f, margin});
    plain_labels.push_back(label);
  }
  const Calibration weighted = fit_calibration(logits, labels, weights, 2);
  const Calibration plain = calibrated(plain_logits, plain_labels, 2);
  EXPECT_NEAR(weighted.temperature, plain.temperature, 1e-4);
  EXPECT_NEAR(weighted.bias[1], plain.bias[1], 1e-6);
  EXPECT_GT(calibrated(logits, labels, 2).bias[1], plain.bias[1] + 0.2);
}

TEST(Calibration, RecoversWhatWasDoneToSevenClasses) {
  std::mt19937 random(4);
  std::normal_distribution<double> normal;
  const double temperature = 1.7;
  const std::vector<double> bias{0.8, -0.4, 0.1, 0, -0.6, 0.3, -0.2};
  std::vector<float> logits;
  Labels labels;
  for (int i = 0; i < 8000; ++i) {
    std::vector<double> p(7);
    double total = 0;
    for (std::size_t k = 0; k < 7; ++k) {
      const auto logit = static_cast<float>(2 * normal(random));
      logits.push_back(logit);
      total += p[k] = std::exp(static_cast<double>(logit) / temperature + bias[k]);
    }
    double at = total * static_cast<double>(random()) / 4294967296.0;
    int label = 0;
    while (label < 6 && (at -= p[static_cast<std::size_t>(label)]) > 0) ++label;
    labels.push_back(label);
  }
  const Calibration found = calibrated(logits, labels, 7);
  EXPECT_NEAR(found.temperature, temperature, 0.08);
  for (std::size_t k = 0; k < 7; ++k) EXPECT_NEAR(found.bias[k], bias[k], 0.12) << k;
}

TEST(Calibration, TemperatureStaysInItsRange) {
  EXPECT_NEAR(calibrated({1, 0, 0, 1}, Labels{0, 1}, 2).temperature, 0.05, 1e-4);  // all right
  EXPECT_NEAR(calibrated({1, 0, 0, 1}, Labels{1, 0}, 2).temperature, 20, 1e-2);    // all wrong
  EXPECT_EQ(calibrated({}, Labels{}, 2).temperature, 1);
}

Scored gaussian_scores(std::size_t n) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal;
  Scored data;
  for (std::size_t i = 0; i < n; ++i) {
    const int label = i % 2 == 0 ? 1 : 0;
    data.scores.push_back(1 / (1 + std::exp(-normal(random) - 1.2 * label)));
    data.labels.push_back(label);
  }
  return data;
}

TEST(Bootstrap, AucIntervalAgreesWithHanleyAndMcNeil) {
  const Scored data = gaussian_scores(600);
  const double auc = roc_auc(data.scores, data.labels);
  const Interval interval = bootstrap_interval(data, roc_auc, 2000, 1);
  // Hanley & McNeil, 1982, formula 2.
  const double q1 = auc / (2 - auc), q2 = 2 * auc * auc / (1 + auc), n = 300;
  const double se = std::sqrt(
      (auc * (1 - auc) + (n - 1) * (q1 - auc * auc) + (n - 1) * (q2 - auc * auc)) / (n * n));
  EXPECT_LT(interval.low, auc);
  EXPECT_GT(interval.high, auc);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 * se, 0.15 * 2 * 1.96 * se);
}

TEST(Bootstrap, SensitivityIntervalAgreesWithTheBinomial) {
  Scored data;
  for (int i = 0; i < 400; ++i) {
    data.labels.push_back(i < 200 ? 1 : 0);
    data.scores.push_back(i < 160 ? 0.9 : 0.1);  // 160 of 200 found
  }
  const Interval interval = bootstrap_interval(
      data, [](auto s, auto l) { return confusion_at(s, l, 0.5).sensitivity(); });
  const double half = 1.96 * std::sqrt(0.8 * 0.2 / 200);
  EXPECT_NEAR(interval.low, 0.8 - half, 0.008);
  EXPECT_NEAR(interval.high, 0.8 + half, 0.008);
}

TEST(Bootstrap, SameSeedSameInterval) {
  const Scored data = gaussian_scores(80);
  const Interval a = bootstrap_interval(data, roc_auc, 300, 7),
                 b = bootstrap_interval(data, roc_auc, 300, 7);
  const Interval c = bootstrap_interval(data, roc_auc, 300, 8);
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_NE(a.low, c.low);
}

TEST(Bootstrap, PhotosOfOneLesionAreDrawnTogether) {
  // 50 lesions with 8 equal photos each say as much as 50 photos, not as 400.
  Scored many, single;
  for (int lesion = 0; lesion < 50; ++lesion) {
    const int label = lesion % 2;
    const double score = lesion % 7 < 2 ? 0.2 : 0.8;
    for (int photo = 0; photo < 8; ++photo) {
      many.scores.push_back(score);
      many.labels.push_back(label);
      many.groups.push_back(lesion);
    }
    single.scores.push_back(score);
    single.labels.push_back(label);
  }
  const auto sensitivity = [](auto s, auto l) { return confusion_at(s, l, 0.5).sensitivity(); };
  const Interval grouped = bootstrap_interval(many, sensitivity);
  const Interval lesions = bootstrap_interval(single, sensitivity);
  EXPECT_DOUBLE_EQ(grouped.low, lesions.low);
  EXPECT_DOUBLE_EQ(grouped.high, lesions.high);
  many.groups.clear();
  const Interval photos = bootstrap_interval(many, sensitivity);
  EXPECT_NEAR((lesions.high - lesions.low) / (photos.high - photos.low), std::sqrt(8.0), 0.4);
}

// The ovarian cancer patients of DeLong et al. (1988) and what SAS/STAT's manual computes from them
// (PROC LOGISTIC, "Comparing Receiver Operating Characteristic Curves").
struct OvarianCancer {
  Scores albumin, protein, kg;
  Labels died;
};
OvarianCancer ovarian_cancer() {
  constexpr double kRows[][4] = {
      {3.0, 5.8, 10, 0}, {3.2, 6.3, 5, 1}, {3.9, 6.8, 3, 1}, {2.8, 4.8, 6, 0}, {3.2, 5.8, 3, 1},
      {0.9, 4.0, 5, 0},  {2.5, 5.7, 8, 0}, {1.6, 5.6, 5, 1}, {3.8, 5.7, 5, 1}, {3.7, 6.7, 6, 1},
      {3.2, 5.4, 4, 1},  {3.8, 6.6, 6, 1}, {4.1, 6.6, 5, 1}, {3.6, 5.7, 5, 1}, {4.3, 7.0, 4, 1},
      {3.6, 6.7, 4, 0},  {2.3, 4.4, 6, 1}, {4.2, 7.6, 4, 0}, {4.0, 6.6, 6, 0}, {3.5, 5.8, 6, 1},
      {3.8, 6.8, 7, 1},  {3.0, 4.7, 8, 0}, {4.5, 7.4, 5, 1}, {3.7, 7.4, 5, 1}, {3.1, 6.6, 6, 1},
      {4.1, 8.2, 6, 1},  {4.3, 7.0, 5, 1}, {4.3, 6.5, 4, 1}, {3.2, 5.1, 5, 1}, {2.6, 4.7, 6, 1},
      {3.3, 6.8, 6, 0},  {1.7, 4.0, 7, 0}, {3.7, 6.1, 5, 1}, {3.3, 6.3, 7, 1}, {4.2, 7.7, 6, 1},
      {3.5, 6.2, 5, 1},  {2.9, 5.7, 9, 0}, {2.1, 4.8, 7, 1}, {2.8, 6.2, 8, 0}, {4.0, 7.0, 7, 1},
      {3.3, 5.7, 6, 1},  {3.7, 6.9, 5, 1}, {3.6, 6.6, 5, 1}};
  OvarianCancer out;
  for (const auto& [albumin, protein, score, indicator] : kRows) {
    out.albumin.push_back(-albumin);
    out.protein.push_back(-protein);
    out.kg.push_back(score);
    out.died.push_back(indicator == 0 ? 1 : 0);
  }
  return out;
}

TEST(DeLong, AgreesWithThePublishedExample) {
  const OvarianCancer data = ovarian_cancer();
  const auto albumin = delong_auc(data.albumin, data.died);
  EXPECT_NEAR(albumin.auc, 0.7366, 5e-5);
  EXPECT_NEAR(albumin.standard_error, 0.0927, 5e-5);
  EXPECT_NEAR(albumin.interval.low, 0.5549, 5e-5);
  EXPECT_NEAR(albumin.interval.high, 0.9182, 5e-5);
  const auto kg = delong_auc(data.kg, data.died);
  EXPECT_NEAR(kg.auc, 0.7258, 5e-5);
  EXPECT_NEAR(kg.standard_error, 0.1028, 5e-5);
  const auto protein = delong_auc(data.protein, data.died);
  EXPECT_NEAR(protein.auc, 0.6478, 5e-5);
  EXPECT_NEAR(protein.standard_error, 0.1000, 5e-5);

  const auto one = delong_test(data.albumin, data.kg, data.died);
  EXPECT_NEAR(one.difference, 0.0108, 5e-5);
  EXPECT_NEAR(one.standard_error, 0.0953, 5e-5);
  EXPECT_NEAR(one.interval.low, -0.1761, 5e-5);
  EXPECT_NEAR(one.interval.high, 0.1976, 5e-5);
  EXPECT_NEAR(one.p, 0.9102, 5e-5);
  const auto other = delong_test(data.protein, data.kg, data.died);
  EXPECT_NEAR(other.difference, -0.0780, 5e-5);
  EXPECT_NEAR(other.standard_error, 0.1046, 5e-5);
  EXPECT_NEAR(other.z * other.z, 0.5554, 5e-4);
  EXPECT_NEAR(other.p, 0.4561, 5e-5);
}

TEST(DeLong, EqualModelsDoNotDiffer) {
  const Scored data = gaussian_scores(100);
  const auto same = delong_test(data.scores, data.scores, data.labels);
  EXPECT_EQ(same.difference, 0);
  EXPECT_EQ(same.p, 1);
  EXPECT_TRUE(std::isnan(delong_auc(Scores{0.1, 0.2}, Labels{1, 1}).standard_error));
  EXPECT_DOUBLE_EQ(delong_auc(data.scores, data.labels).auc, roc_auc(data.scores, data.labels));
}

TEST(McNemar, ExactBinomial) {
  EXPECT_DOUBLE_EQ(mcnemar_test(0, 0), 1);
  EXPECT_NEAR(mcnemar_test(5, 0), 2.0 / 32, 1e-12);
  EXPECT_NEAR(mcnemar_test(1, 7), 2 * (1 + 8) / 256.0, 1e-12);
  EXPECT_DOUBLE_EQ(mcnemar_test(4, 4), 1);
}

TEST(PredictiveValues, FollowBayes) {
  // Altman & Bland (BMJ 309, 1994): liver scan, 258 and 86 patients, prevalence 0.75 and 0.25.
  EXPECT_NEAR(ppv_at(0.90, 0.63, 0.75), 0.88, 0.005);
  EXPECT_NEAR(npv_at(0.90, 0.63, 0.75), 0.67, 0.01);
  EXPECT_NEAR(ppv_at(0.90, 0.63, 0.25), 0.45, 0.005);
  EXPECT_NEAR(npv_at(0.90, 0.63, 0.25), 0.95, 0.005);
  const Confusion c{231, 32, 54, 27};
  EXPECT_NEAR(c.ppv(), 231.0 / 263, 1e-12);
  EXPECT_NEAR(c.npv(), 54.0 / 81, 1e-12);
  EXPECT_NEAR(ppv_at(c.sensitivity(), c.specificity(), 258.0 / 344), c.ppv(), 1e-12);
  EXPECT_NEAR(npv_at(c.sensitivity(), c.specificity(), 258.0 / 344), c.npv(), 1e-12);
}

TEST(SeveralClasses, MacroAucAndBalancedAccuracyByHand) {
  // Three classes, four photos. One against the rest: class 0: {.6 | .2 .1 .5} 1; class 1: {.5 .2 |
  // .3 .3}: pairs .5>.3, .5>.3, .2<.3, .2<.3: 0.5; class 2: {.2 | .1 .3 .7}: 1 of 3.
  const std::vector<double> p{0.6, 0.3, 0.1,  //
                              0.2, 0.5, 0.3,  //
                              0.1, 0.2, 0.7,  //
                              0.5, 0.3, 0.2};
  const std::vector<int> labels{0, 1, 1, 2};
  EXPECT_NEAR(macro_auc(p, labels, 3), (1 + 0.5 + 1.0 / 3) / 3, 1e-12);
  EXPECT_NEAR(balanced_accuracy(p, labels, 3), (1 + 0.5 + 0) / 3, 1e-12);
  // A class without photos is left out.
  EXPECT_NEAR(balanced_accuracy(p, std::vector<int>{0, 1, 1, 1}, 3), (1 + 1.0 / 3) / 2, 1e-12);
  EXPECT_TRUE(std::isnan(macro_auc(p, std::vector<int>{0, 0, 0, 0}, 3)));
}

}  // namespace
}  // namespace nevus
