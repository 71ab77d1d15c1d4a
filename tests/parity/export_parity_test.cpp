// The exported file against the network it came from.
#include <gtest/gtest.h>
#include <torch/nn/init.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "nets/state.h"
#include "runtime/convert.h"
#include "runtime/session.h"
#include "train/export.h"

namespace nevus {
namespace {

// A network whose batch-norm does something: statistics and scales far from 0 and 1.
Network lively_net() {
  torch::manual_seed(7);
  NetworkOptions options;
  options.classes = 2;
  Network net(*find_architecture("efficientnet-lite0"), options);
  const torch::NoGradGuard no_grad;
  net->train();
  for (int i = 0; i < 3; ++i) {
    net->forward(torch::randn({4, 3, 224, 224}));  // moves the running statistics
  }
  for (auto& [name, tensor] : state_of(*net)) {
    if (tensor.dim() == 1) {
      torch::Tensor target = tensor;
      target.mul_(torch::rand_like(target).add_(0.5));
    }
  }
  torch::nn::init::normal_(net->classifier->weight, 0.0, 0.03);
  net->eval();
  return net;
}

class ExportParity : public testing::Test {
 protected:
  static constexpr int kImages = 4;
  Network net_ = lively_net();
  const PreprocessSpec input_ = network_input(architectures()[0]);
  const torch::Tensor images_ = torch::randn({kImages, 3, 224, 224});
  std::span<const float> pixels() const {
    return {images_.const_data_ptr<float>(), static_cast<std::size_t>(images_.numel())};
  }
};

TEST_F(ExportParity, LogitsAndMapsAreTheNetworks) {
  const auto wide = export_onnx(net_, input_, WeightStorage::float32).value();
  const auto wide_check = check_export(wide, net_, input_, pixels(), kImages, 1e-4);
  ASSERT_TRUE(wide_check) << wide_check.error().message;
  EXPECT_LT(wide_check->cam, 1e-3);

  const auto narrow = export_onnx(net_, input_, WeightStorage::float16, pixels()).value();
  const auto narrow_check = check_export(narrow, net_, input_, pixels(), kImages, 1e-2);
  ASSERT_TRUE(narrow_check) << narrow_check.error().message;
  EXPECT_GT(narrow_check->logits, 0) << "rounding to half has to show";
  EXPECT_LT(static_cast<double>(narrow.size()), 0.54 * static_cast<double>(wide.size()));
  std::printf("  float32 %.1e, float16 %.1e, %zu bytes\n", wide_check->logits, narrow_check->logits,
              narrow.size());

  const auto integers = export_onnx(net_, input_, WeightStorage::int8, pixels()).value();
  const auto integers_check = check_export(integers, net_, input_, pixels(), kImages,
                                           storage_tolerance(WeightStorage::int8));
  ASSERT_TRUE(integers_check) << integers_check.error().message;
  EXPECT_GT(integers_check->logits, narrow_check->logits) << "eight bits are fewer than eleven";
  EXPECT_LT(static_cast<double>(integers.size()), 0.31 * static_cast<double>(wide.size()));
  std::printf("  int8 %.1e, %zu bytes\n", integers_check->logits, integers.size());

  // And it is not a constant that both agree on.
  const auto output = run_onnx(wide, pixels(), kImages, 3, 224, 224);
  ASSERT_TRUE(output);
  EXPECT_GT(std::abs(output->logits[0] - output->logits[2]), 1e-3f);
}

TEST_F(ExportParity, ADifferentNetworkIsRefused) {
  const auto onnx = export_onnx(net_, input_, WeightStorage::float32).value();
  {
    const torch::NoGradGuard no_grad;
    net_->classifier->bias.add_(0.01);
  }
  const auto check = check_export(onnx, net_, input_, pixels(), kImages, 1e-4);
  ASSERT_FALSE(check);
  EXPECT_NE(check.error().message.find("differ"), std::string::npos);
}

TEST_F(ExportParity, ATruncatedFileIsRefused) {
  auto onnx = export_onnx(net_, input_, WeightStorage::float32).value();
  onnx.resize(onnx.size() / 2);
  EXPECT_FALSE(check_export(onnx, net_, input_, pixels(), kImages, 1e-4));
}

}  // namespace
}  // namespace nevus
