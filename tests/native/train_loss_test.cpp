// The trainer's formulas against LibTorch's own, or against what was worked out by hand.
#include "train/loss.h"

#include <gtest/gtest.h>
#include <torch/nn/functional/loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>

#include "nets/network.h"
#include "runtime/session.h"
#include "train/export.h"
#include "train/trainer.h"
#include "train/typicality.h"

namespace nevus {
namespace {

namespace F = torch::nn::functional;

TEST(Loss, IsCrossEntropyWithLabelSmoothingWhereTheClassIsKnown) {
  torch::manual_seed(1);
  const torch::Tensor logits = torch::randn({12, 5}) * 3;
  const torch::Tensor labels = torch::randint(5, {12}, torch::kInt64);
  const torch::Tensor allowed = torch::one_hot(labels, 5).to(torch::kFloat32);
  for (const double smoothing : {0.0, 0.1, 0.3}) {
    const torch::Tensor expected = F::cross_entropy(
        logits, labels,
        F::CrossEntropyFuncOptions().label_smoothing(smoothing).reduction(torch::kNone));
    EXPECT_TRUE(
        torch::allclose(allowed_cross_entropy(logits, allowed, smoothing), expected, 1e-5, 1e-6))
        << smoothing;
  }
}

TEST(Loss, CountsTheProbabilityOfAllAllowedClasses) {
  const torch::Tensor logits = torch::log(torch::tensor({{0.1, 0.2, 0.3, 0.4}}));
  const torch::Tensor allowed = torch::tensor({{1.0, 0.0, 1.0, 0.0}});
  EXPECT_NEAR(allowed_cross_entropy(logits, allowed, 0).item<double>(), -std::log(0.4), 1e-6);
  // Everything allowed: nothing to learn.
  EXPECT_NEAR(allowed_cross_entropy(logits, torch::ones({1, 4}), 0).item<double>(), 0, 1e-6);
}

TEST(Loss, ATeachersAnswersAreLeastWhereTheLearnerSaysTheSame) {
  torch::manual_seed(3);
  const torch::Tensor taught = torch::softmax(torch::randn({6, 4}), 1);
  const torch::Tensor logits = torch::randn({6, 4});
  const torch::Tensor expected =
      F::cross_entropy(logits, taught, F::CrossEntropyFuncOptions().reduction(torch::kNone));
  EXPECT_TRUE(torch::allclose(distillation_loss(logits, taught), expected, 1e-5, 1e-6));
  const torch::Tensor entropy = -(taught * taught.log()).sum(1);
  EXPECT_TRUE(torch::allclose(distillation_loss(taught.log() + 5, taught), entropy, 1e-5, 1e-6));
  EXPECT_TRUE((distillation_loss(logits, taught) > entropy).all().item<bool>());
}

TEST(Mixing, MixupIsTheWeightedMeanOfTwoPhotos) {
  torch::manual_seed(2);
  const torch::Tensor before = torch::rand({6, 3, 8, 8});
  torch::Tensor images = before.clone();
  const Mix mix = mix_batch(images, 0.5, 0);
  ASSERT_TRUE(mix.order.defined());
  EXPECT_GT(mix.share, 0);
  EXPECT_LT(mix.share, 1);
  const torch::Tensor expected =
      mix.share * before + (1 - mix.share) * before.index_select(0, mix.order);
  EXPECT_TRUE(torch::allclose(images, expected, 1e-5, 1e-6));
  EXPECT_TRUE(std::get<0>(mix.order.sort()).equal(torch::arange(6))) << "a permutation";
  torch::Tensor same = before.clone();
  EXPECT_FALSE(mix_batch(same, 0, 0).order.defined());
  EXPECT_TRUE(same.equal(before));
}

TEST(Mixing, CutMixPastesARectangleOfTheRightSize) {
  torch::manual_seed(3);
  bool cut = false;
  for (int round = 0; round < 8; ++round) {
    const torch::Tensor before = torch::rand({5, 3, 16, 16});
    torch::Tensor images = before.clone();
    const Mix mix = mix_batch(images, 0, 1.0);
    const torch::Tensor other = before.index_select(0, mix.order);
    const torch::Tensor pasted = images.ne(before).logical_and(images.eq(other));
    EXPECT_TRUE(images.eq(before).logical_or(images.eq(other)).all().item<bool>());
    // A photo that got another's pixels got 1 - share of them, in one rectangle.
    for (std::int64_t i = 0; i < 5; ++i) {
      if (mix.order[i].item<std::int64_t>() == i) continue;
      const torch::Tensor mask = pasted[i][0];
      EXPECT_NEAR(mask.to(torch::kFloat64).mean().item<double>(), 1 - mix.share, 1e-6);
      const torch::Tensor at = mask.nonzero();
      if (at.size(0) == 0) continue;
      cut = true;
      const torch::Tensor low = std::get<0>(at.min(0)), high = std::get<0>(at.max(0));
      EXPECT_EQ((high - low + 1).prod().item<std::int64_t>(), at.size(0));
    }
  }
  EXPECT_TRUE(cut);
}

TEST(ClassWeights, MeanOneAndInverseFrequency) {
  const auto none = class_weights({10, 30}, 0);
  EXPECT_DOUBLE_EQ(none[0], 1);
  EXPECT_DOUBLE_EQ(none[1], 1);
  const auto full = class_weights({10, 30}, 1);
  EXPECT_NEAR(full[0] * 10, full[1] * 30, 1e-9);
  EXPECT_NEAR((full[0] * 10 + full[1] * 30) / 40, 1, 1e-9);
  const auto half = class_weights({10, 40}, 0.5);
  EXPECT_NEAR(half[0] / half[1], 2, 1e-9);
}

// Half a cosine (Loshchilov & Hutter, 2017): (1 + cos(pi/3)) / 2 = 3/4 after a third, and so on.
TEST(CosineSchedule, HasItsPublishedValues) {
  EXPECT_NEAR(schedule_factor(0, 300, 0), 1, 1e-2);
  EXPECT_NEAR(schedule_factor(100, 300, 0), 0.75, 1e-2);
  EXPECT_NEAR(schedule_factor(150, 300, 0), 0.5, 1e-2);
  EXPECT_NEAR(schedule_factor(200, 300, 0), 0.25, 1e-2);
}

TEST(LearningRateFinder, FindsWhereTheLossFallsMostSteeply) {
  std::vector<RateTrial> trials;
  for (int i = 0; i <= 60; ++i) {
    const double log_rate = -6 + 0.1 * i;
    // A smooth step down around 1e-3, and up again behind 1e-1.
    const double loss =
        1 - 0.8 / (1 + std::exp(-4 * (log_rate + 3))) + 2 / (1 + std::exp(-8 * (log_rate + 0.5)));
    trials.push_back({std::pow(10, log_rate), loss});
  }
  EXPECT_NEAR(std::log10(steepest_rate(trials)), -3, 0.25);
  trials.resize(5);
  EXPECT_TRUE(std::isnan(steepest_rate(trials)));
}

TEST(Typicality, IsTheMahalanobisDistanceWhereNothingIsLeftOut) {
  torch::manual_seed(5);
  const torch::Tensor mix =
      torch::eye(6, torch::kFloat64) + 0.3 * torch::randn({6, 6}, torch::kFloat64);
  const torch::Tensor x = torch::randn({400, 6}, torch::kFloat64).mm(mix) + 3;
  // All directions but one are kept, and the one that is left is "the rest": exact.
  const EmbeddingGaussian gaussian = fit_gaussian(x, 5);
  ASSERT_EQ(gaussian.gain.size(), 5u);
  const torch::Tensor centred = x - x.mean(0);
  const torch::Tensor covariance = centred.t().mm(centred) / 399.0;
  const torch::Tensor expected =
      (centred.mm(covariance.inverse()) * centred).sum(1);  // (x-m)' S^-1 (x-m)
  const torch::Tensor actual = distances(gaussian, x);
  EXPECT_LT((actual / expected - 1).abs().max().item<double>(), 1e-3);
  // The mean of squared distances is the number of dimensions.
  EXPECT_NEAR(distances(gaussian, x).mean().item<double>(), 6, 0.1);
}

TEST(Typicality, StaysFiniteWithFewPhotosAndDeadDimensions) {
  torch::manual_seed(7);
  torch::Tensor x = torch::randn({10, 50}, torch::kFloat64);
  x.slice(1, 0, 20).zero_();
  const EmbeddingGaussian gaussian = fit_gaussian(x, 48);
  EXPECT_LE(gaussian.gain.size(), 9u);
  torch::Tensor other = torch::randn({5, 50}, torch::kFloat64);
  const torch::Tensor far = distances(gaussian, other);
  EXPECT_TRUE(far.isfinite().all().item<bool>());
  EXPECT_GT(far.min().item<double>(), distances(gaussian, x).max().item<double>());
  EXPECT_LT(far.max().item<double>(), 1e12);
}

TEST(Typicality, TheExportedGraphGivesTheSameDistance) {
  torch::manual_seed(6);
  NetworkOptions options;
  options.classes = 2;
  for (const char* name : {"efficientnet-lite0", "mobilenetv3-small"}) {
    Network net(*find_architecture(name), options);
    net->eval();
    const torch::NoGradGuard no_grad;
    const PreprocessSpec input = network_input(net->architecture);
    const torch::Tensor seen = net->appearance(torch::randn({40, 3, 224, 224}));
    const EmbeddingGaussian gaussian = fit_gaussian(seen, 16);
    const auto onnx = export_onnx(net, input, WeightStorage::float32, {}, &gaussian).value();
    const torch::Tensor x = 2 * torch::randn({3, 3, 224, 224});
    const auto output = run_onnx(
        onnx, {x.const_data_ptr<float>(), static_cast<std::size_t>(x.numel())}, 3, 3, 224, 224);
    ASSERT_TRUE(output) << output.error().message;
    ASSERT_EQ(output->distance.size(), 3u);
    const torch::Tensor expected = distances(gaussian, net->appearance(x));
    for (std::int64_t i = 0; i < 3; ++i) {
      const double right = expected[i].item<double>();
      EXPECT_NEAR(output->distance[static_cast<std::size_t>(i)], right, 1e-2 * std::abs(right) + 1)
          << name;
    }
  }
}

}  // namespace
}  // namespace nevus
