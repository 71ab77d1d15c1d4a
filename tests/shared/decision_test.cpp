// Softmax, malignancy, the three outcomes and their words.
#include "nevus/decision.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace {

using namespace nevus;

ModelPackage package_with(std::vector<bool> malignant, double threshold = 0.5) {
  ModelPackage package;
  for (const bool m : malignant) package.classes.push_back({"c", "C", m});
  package.operating_point.threshold = threshold;
  return package;
}

TEST(Softmax, KnownValues) {
  const std::vector<float> logits{1, 2, 3};
  const auto p = calibrated_softmax(logits, 1);
  // exp(1), exp(2), exp(3) over their sum 30.19287485
  EXPECT_NEAR(p[0], 0.09003057317038046, 1e-15);
  EXPECT_NEAR(p[1], 0.24472847105479767, 1e-15);
  EXPECT_NEAR(p[2], 0.66524095577482178, 1e-15);
  const auto soft = calibrated_softmax(logits, 2);
  EXPECT_NEAR(soft[2], 1 / (1 + std::exp(-0.5) + std::exp(-1.0)), 1e-15);
}

TEST(Softmax, SurvivesHugeLogitsAndSumsToOne) {
  for (const float scale : {1.0f, 100.0f, 1e6f, 3e38f}) {
    const auto p = calibrated_softmax(std::vector<float>{-scale, scale, 0}, 1.5);
    EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
    EXPECT_GE(p[1], p[2]);
  }
  EXPECT_TRUE(calibrated_softmax({}, 1).empty());
}

TEST(Malignancy, SumsTheMalignantClasses) {
  const auto classes = package_with({true, false, true}).classes;
  EXPECT_DOUBLE_EQ(malignancy(std::vector<double>{0.2, 0.5, 0.3}, classes), 0.5);
  EXPECT_DOUBLE_EQ(malignancy(std::vector<double>{0.7, 0.0, 0.3000000001}, classes), 1.0);
}

TEST(Decide, AtTheThresholdItIsTheDoctor) {
  const std::vector<float> even{0, 0};
  EXPECT_EQ(decide(even, package_with({false, true}, 0.5), {}).outcome, Outcome::show_doctor);
  EXPECT_EQ(decide(even, package_with({false, true}, 0.50001), {}).outcome,
            Outcome::nothing_alarming);
  EXPECT_EQ(decide(even, package_with({false, true}, 0), {}).outcome, Outcome::show_doctor);
}

TEST(Decide, NeverReassuresOnNonsense) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const ModelPackage package = package_with({false, true});
  for (const std::vector<float>& logits :
       {std::vector<float>{nan, 0}, {0, nan}, {inf, 0}, {0, -inf}, {}, {1}, {1, 2, 3}}) {
    const Decision decision = decide(logits, package, {});
    EXPECT_EQ(decision.outcome, Outcome::cannot_judge);
    EXPECT_TRUE(decision.probabilities.empty());
  }
  const auto not_a_threshold = package_with({false, true}, std::nan(""));
  EXPECT_NE(decide(std::vector<float>{9, -9}, not_a_threshold, {}).outcome,
            Outcome::nothing_alarming);
  ModelPackage frozen = package;
  frozen.temperature = 0;
  EXPECT_NE(decide(std::vector<float>{9, -9}, frozen, {}).outcome, Outcome::nothing_alarming);
}

TEST(Decide, ABadPhotoIsNotJudgedWhateverTheNetworkSays) {
  Quality quality;
  quality.issues = {QualityIssue::too_blurred};
  for (const float logit : {-20.0f, 0.0f, 20.0f}) {
    const auto decision =
        decide(std::vector<float>{0, logit}, package_with({false, true}), quality);
    EXPECT_EQ(decision.outcome, Outcome::cannot_judge);
    EXPECT_EQ(decision.probabilities.size(), 2u);
  }
}

TEST(Decide, WordForWord) {
  EXPECT_EQ(sentence(Outcome::show_doctor), "Show this to a doctor");
  EXPECT_EQ(sentence(Outcome::nothing_alarming),
            "Nothing alarming found, which does not rule out cancer");
  EXPECT_EQ(sentence(Outcome::cannot_judge), "This photo can't be judged");
  EXPECT_EQ(id(Outcome::show_doctor), "show_doctor");
  EXPECT_EQ(id(Outcome::nothing_alarming), "nothing_alarming");
  EXPECT_EQ(id(Outcome::cannot_judge), "cannot_judge");
}

TEST(Decide, APhotoFarFromTheTrainingPhotosCantBeJudged) {
  ModelPackage package = package_with({false, true}, 0.5);
  package.typicality = Typicality{100, 0.98, 50};
  const std::vector<float> alarming{-4, 4};
  EXPECT_EQ(decide(alarming, package, {}, 100.0f).outcome, Outcome::show_doctor);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::optional<float> distance :
       {std::optional<float>(100.1f), std::optional<float>(nan), std::optional<float>()}) {
    const Decision decision = decide(alarming, package, {}, distance);
    EXPECT_EQ(decision.outcome, Outcome::cannot_judge);
    EXPECT_FALSE(decision.typical);
    ASSERT_EQ(decision.reasons.size(), 1u);
    EXPECT_EQ(decision.reasons[0], kAtypicalSentence);
    EXPECT_GT(decision.malignancy, 0.9);
  }
  package.typicality.reset();
  EXPECT_TRUE(decide(alarming, package, {}, nan).typical);
}

}  // namespace
