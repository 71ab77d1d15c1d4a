// Weights as integers: how well, which, and that a session computes with exactly what they stand
// for.
#include "onnx/storage.h"

#include <gtest/gtest.h>
#include <onnxruntime_cxx_api.h>

#include <cmath>
#include <fstream>
#include <random>

#include "onnx/graph.h"
#include "onnx/initializers.h"
#include "onnx/quantize.h"
#include "onnx/wire.h"
#include "runtime/convert.h"
#include "runtime/session.h"
#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<float> random_values(std::size_t n, float size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, size);
  std::vector<float> out(n);
  for (float& value : out) value = normal(random);
  return out;
}

// The plain way: the greatest value becomes 127.
double error_of_the_greatest(std::span<const float> channel) {
  float greatest = 0;
  for (const float value : channel) greatest = std::max(greatest, std::abs(value));
  const float scale = greatest / 127;
  double sum = 0;
  for (const float value : channel)
    sum += std::pow(value - static_cast<double>(scale * std::nearbyint(value / scale)), 2);
  return sum;
}

double squared_error(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return sum;
}

TEST(Quantize, EachChannelHasAScaleOfItsOwn) {
  constexpr std::size_t kSize = 320;
  std::vector<float> weight;
  for (const float size : {1e-6f, 1e-3f, 1.0f, 1e4f}) {
    const auto channel = random_values(kSize, size, 3);
    weight.insert(weight.end(), channel.begin(), channel.end());
  }
  const Int8Kernel kernel = quantize_kernel(weight, 4);
  ASSERT_EQ(kernel.scales.size(), 4u);
  ASSERT_EQ(kernel.integers.size(), weight.size());
  const auto values = kernel.values();
  for (std::size_t c = 0; c < 4; ++c) {
    const auto was = std::span(weight).subspan(c * kSize, kSize);
    const auto is = std::span(values).subspan(c * kSize, kSize);
    const double relative =
        std::sqrt(squared_error(was, is) / squared_error(was, std::vector<float>(kSize)));
    // A step is about 6 deviations / 254, and rounding is off by a step / sqrt(12).
    EXPECT_LT(relative, 0.008) << c;
    EXPECT_GT(relative, 0.003) << c;
    EXPECT_LE(squared_error(was, is), 1.0001 * error_of_the_greatest(was)) << c;
    for (std::size_t i = 0; i < kSize; ++i) {
      const float scale = kernel.scales[c];
      if (std::abs(was[i]) <= 127 * scale) {
        ASSERT_LE(std::abs(was[i] - is[i]), 0.5001f * scale);
      }
    }
  }
}

TEST(Quantize, AFewLargeValuesAreClippedWhereThatServesTheMany) {
  auto weight = random_values(65536, 1, 11);
  weight[5] = 9;
  const auto values = quantize_kernel(weight, 1).values();
  EXPECT_LT(values[5], 8.5f) << "not clipped";
  EXPECT_LT(squared_error(weight, values), 0.9 * error_of_the_greatest(weight));
}

TEST(Quantize, WhatIntegersCanSayIsKept) {
  std::vector<float> weight;
  for (int i = -127; i <= 127; ++i) weight.push_back(0.25f * static_cast<float>(i));
  const Int8Kernel kernel = quantize_kernel(weight, 1);
  EXPECT_EQ(kernel.values(), weight);
  const Int8Kernel zeros = quantize_kernel(std::vector<float>(20), 2);
  EXPECT_EQ(zeros.values(), std::vector<float>(20));
  EXPECT_EQ(zeros.scales, (std::vector<float>{1, 1}));
  const Int8Kernel denormal = quantize_kernel(std::vector<float>(10, 1e-44f), 1);
  for (const float value : denormal.values()) EXPECT_TRUE(std::isfinite(value));
}

// Type of each initializer by name.
std::map<std::string, std::int32_t> types(const Bytes& onnx) {
  std::map<std::string, std::int32_t> out;
  protozero::pbf_reader model(reinterpret_cast<const char*>(onnx.data()), onnx.size());
  while (model.next(wire::model::graph)) {
    protozero::pbf_reader graph = model.get_message();
    while (graph.next(wire::graph::initializer)) {
      const wire::Tensor tensor = wire::read_tensor(graph.get_message());
      out[tensor.name] = tensor.type;
    }
  }
  return out;
}

std::vector<std::string> operators(const Bytes& onnx) {
  std::vector<std::string> out;
  protozero::pbf_reader model(reinterpret_cast<const char*>(onnx.data()), onnx.size());
  while (model.next(wire::model::graph)) {
    protozero::pbf_reader graph = model.get_message();
    while (graph.next(wire::graph::node)) {
      protozero::pbf_reader node = graph.get_message();
      while (node.next(wire::node::op_type)) out.push_back(node.get_string());
    }
  }
  return out;
}

Bytes stored(WeightStorage storage, const InputMeans& means = {}) {
  auto onnx = store_weights(test::wide_network(), storage, means);
  EXPECT_TRUE(onnx) << onnx.error().message;
  return std::move(*onnx);
}

std::vector<float> images(int n, unsigned seed = 1) {
  // Not of mean 0: what is lost has to shift something.
  auto values = random_values(static_cast<std::size_t>(n) * 3 * 64 * 64, 0.7f, seed);
  for (float& value : values) value += 0.5f;
  return values;
}

ModelOutput output_of(const Bytes& onnx, const std::vector<float>& x) {
  auto output = run_onnx(onnx, x, static_cast<int>(x.size() / (3 * 64 * 64)), 3, 64, 64);
  EXPECT_TRUE(output) << output.error().message;
  return std::move(*output);
}

TEST(Storage, NamesThereAndBack) {
  for (const auto storage : {WeightStorage::float16, WeightStorage::int8, WeightStorage::float32})
    EXPECT_EQ(weight_storage(name(storage)), storage);
  EXPECT_FALSE(weight_storage("int4"));
}

TEST(Storage, LargePointwiseKernelsAreIntegers) {
  const auto of = types(stored(WeightStorage::int8));
  const auto float32 = wire::tensor::float32, float16 = wire::tensor::float16;
  EXPECT_EQ(of.at("expand.weight.int8"), wire::tensor::int8);
  EXPECT_EQ(of.at("expand.weight.scale"), float32);
  EXPECT_EQ(of.at("project.weight.int8"), wire::tensor::int8);
  EXPECT_EQ(of.at("depthwise.weight.float16"), float16);
  EXPECT_EQ(of.at("reduce.weight.float16"), float16);
  EXPECT_EQ(of.at("small.weight.float16"), float16);
  EXPECT_EQ(of.at("stem.weight"), float32);  // below 4,096 weights
  EXPECT_EQ(of.at("cam.weight"), float32);
  EXPECT_EQ(of.at("expand.bias"), float32);
  EXPECT_FALSE(of.contains("expand.weight"));

  const auto halves = types(stored(WeightStorage::float16));
  for (const char* pointwise : {"expand", "project", "small"})
    EXPECT_EQ(halves.at(std::string(pointwise) + ".weight.float16"), float16);
  for (const char* other : {"stem", "depthwise", "reduce", "widen", "shrink", "cam"})
    EXPECT_EQ(halves.at(std::string(other) + ".weight"), float32) << other;
}

TEST(Storage, FewerBytes) {
  const std::size_t whole = test::wide_network().size();
  EXPECT_LT(stored(WeightStorage::float16).size(), 0.65 * static_cast<double>(whole));
  EXPECT_LT(stored(WeightStorage::int8).size(), 0.33 * static_cast<double>(whole));
}

TEST(Storage, IntegersStandForWhatASessionComputesWith) {
  const Bytes integers = stored(WeightStorage::int8);
  const auto wide = store_weights(integers, WeightStorage::float32);
  ASSERT_TRUE(wide) << wide.error().message;
  // Every value of every kernel, and every bit of the answer.
  const auto said = read_initializers(integers), plain = read_initializers(*wide);
  ASSERT_TRUE(said && plain);
  ASSERT_EQ(said->size(), plain->size());
  for (const auto& [name, tensor] : *plain) {
    EXPECT_EQ(said->at(name).values, tensor.values) << name;
    EXPECT_EQ(said->at(name).shape, tensor.shape) << name;
  }
  const auto x = images(3);
  EXPECT_EQ(output_of(integers, x).logits, output_of(*wide, x).logits);
  EXPECT_EQ(output_of(integers, x).cam, output_of(*wide, x).cam);
}

TEST(Storage, TwiceIsOnce) {
  for (const auto storage : {WeightStorage::int8, WeightStorage::float16, WeightStorage::float32}) {
    const Bytes once = stored(storage);
    const auto again = store_weights(once, storage);
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, once) << name(storage);
  }
}

TEST(Storage, NothingIsLeftToDoWhenTheSessionIsMade) {
  // Otherwise every run would widen millions of weights (docs/quantisation.md).
  const test::Folder folder;
  const auto optimised = [&](const Bytes& onnx) {
    const std::string path = (folder / "optimised.onnx").string();
    Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "test");
    Ort::SessionOptions options;
    options.SetOptimizedModelFilePath(path.c_str());
    // What comes of the weights is decided at the basic level, before kernels of one machine.
    options.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_BASIC);
    const Ort::Session session(env, onnx.data(), onnx.size(), options);
    std::ifstream file(path, std::ios::binary);
    return operators(Bytes{std::istreambuf_iterator<char>(file), {}});
  };
  const Bytes integers = stored(WeightStorage::int8);
  const auto before = operators(integers);
  EXPECT_EQ(std::count(before.begin(), before.end(), "Cast"), 7);
  const auto after = optimised(integers);
  EXPECT_GT(std::count(after.begin(), after.end(), "Conv"), 0);
  EXPECT_EQ(std::count(after.begin(), after.end(), "Cast"), 0);
  EXPECT_EQ(after, optimised(test::wide_network()));
}

TEST(Storage, BiasesTakeBackWhatRoundingShifts) {
  const Bytes exact = test::wide_network();
  PreprocessSpec input;
  input.width = input.height = 64;
  const auto calibrated = store_calibrated(exact, WeightStorage::int8, images(16, 2), input);
  ASSERT_TRUE(calibrated) << calibrated.error().message;
  const auto x = images(48, 3);  // others
  const auto right = output_of(exact, x).logits;
  const auto shift = [&](const Bytes& onnx) {
    const auto logits = output_of(onnx, x).logits;
    double off[2] = {0, 0};
    for (std::size_t i = 0; i < logits.size(); ++i)
      off[i % 2] += (static_cast<double>(logits[i]) - right[i]) / 48;
    return std::hypot(off[0], off[1]);
  };
  const double without = shift(stored(WeightStorage::int8)), with = shift(*calibrated);
  EXPECT_GT(without, 0);
  EXPECT_LT(with, 0.5 * without);
}

TEST(Storage, KernelsThatANarrowNumberCannotHoldStay) {
  for (const float odd : {1e6f, INFINITY, NAN}) {
    OnnxGraph graph;
    ConvSpec conv;
    conv.in_channels = conv.out_channels = 256;
    conv.weight.assign(65536, 1.0f);
    conv.weight[77] = odd;
    const std::string x = graph.conv(graph.input("image", {256, 1, 1}), conv, "head");
    graph.output(graph.identity(graph.relu(x), "logits"), {256, 1, 1});
    const auto halves = store_weights(graph.serialize(), WeightStorage::float16);
    ASSERT_TRUE(halves);
    EXPECT_TRUE(types(*halves).contains("head.weight")) << odd;
    const auto integers = store_weights(graph.serialize(), WeightStorage::int8);
    ASSERT_TRUE(integers);
    EXPECT_EQ(types(*integers).contains("head.weight"), !std::isfinite(odd)) << odd;
  }
}

// ---- Files that lie.

Bytes with_scales(const std::vector<std::int64_t>& dims, float value, bool cut = false) {
  const std::vector<std::int8_t> integers(64 * 3 * 32 * 32 / 32, 1);
  std::size_t count = 1;
  for (const std::int64_t length : dims) count *= static_cast<std::size_t>(length);
  const std::vector<float> scales(count, value);
  std::string text;
  protozero::pbf_writer model{text};
  model.add_int64(wire::model::ir_version, wire::kIrVersion);
  {
    protozero::pbf_writer graph{model, wire::model::graph};
    graph.add_message(wire::graph::node, wire::make_widening("k.int8", "k.wide"));
    graph.add_message(wire::graph::node, wire::make_node("Mul", {"k.wide", "k.scale"}, "k"));
    graph.add_message(wire::graph::node,
                      wire::make_node("Conv", {"image", "k"}, "cam",
                                      {wire::ints_attribute("kernel_shape", {32, 32}),
                                       wire::ints_attribute("strides", {32, 32})}));
    graph.add_message(wire::graph::node, wire::make_node("GlobalAveragePool", {"cam"}, "p"));
    graph.add_message(wire::graph::node, wire::make_node("Flatten", {"p"}, "logits"));
    graph.add_string(wire::graph::name, "odd");
    graph.add_message(wire::graph::initializer,
                      wire::make_tensor("k.int8", {2, 3, 32, 32}, wire::tensor::int8,
                                        integers.data(), cut ? integers.size() - 1 : 6144));
    graph.add_message(wire::graph::initializer,
                      wire::make_tensor("k.scale", dims, wire::tensor::float32, scales.data(),
                                        sizeof(float) * scales.size()));
    graph.add_message(wire::graph::input, wire::make_value_info("image", {3, 64, 64}));
    graph.add_message(wire::graph::output, wire::make_value_info("cam", {2, 2, 2}));
    graph.add_message(wire::graph::output, wire::make_value_info("logits", {2}));
  }
  {
    protozero::pbf_writer opset{model, wire::model::opset_import};
    opset.add_int64(wire::opset::version, 13);
  }
  return {text.begin(), text.end()};
}

// The package's words are right: only the tensors lie.
std::string refusal(Bytes onnx) {
  ModelPackage package = test::tiny_package();
  package.self_test.logits = {1, 1};
  const auto hash = graph_sha256(onnx);
  if (!hash) return hash.error().message;
  package.sha256 = *hash;
  append_metadata(onnx, package);
  const auto session = Session::open(std::span<const std::uint8_t>(onnx));
  return session ? "" : session.error().message;
}

TEST(HostileIntegers, AreRefused) {
  // Right in shape, and a wrong answer: the self-test's business.
  EXPECT_NE(refusal(with_scales({2, 1, 1, 1}, 1e-3f)).find("self-test failed"), std::string::npos);
  EXPECT_NE(refusal(with_scales({2, 1, 1, 1}, NAN)).find("self-test failed"), std::string::npos);
  for (const Bytes& onnx :
       {with_scales({3, 1, 1, 1}, 1), with_scales({2, 1, 1, 1}, 1, true), with_scales({5}, 1)}) {
    const std::string said = refusal(onnx);
    EXPECT_NE(said, "");
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    EXPECT_FALSE(store_weights(onnx, WeightStorage::float32));
  }
  EXPECT_FALSE(read_initializers(with_scales({3, 1, 1, 1}, 1)));
  EXPECT_FALSE(read_initializers(with_scales({2, 1, 1, 1}, 1, true)));
}

TEST(HostileIntegers, NoByteMakesTheRewritingFail) {
  const Bytes onnx = stored(WeightStorage::int8);
  for (std::size_t size = 0; size < onnx.size(); size += 1 + onnx.size() / 200)
    EXPECT_FALSE(store_weights(std::span(onnx).first(size), WeightStorage::float32)) << size;
  // The structure lies between the large tensors: turn over what is not weights.
  const Bytes small = with_scales({2, 1, 1, 1}, 1);
  for (std::size_t i = 0; i < small.size(); ++i) {
    if (i > 700 && i < 6400) continue;
    for (const int value : {0x00, 0x7f, 0x80, 0xff}) {
      Bytes changed = small;
      changed[i] = static_cast<std::uint8_t>(value);
      (void)store_weights(changed, WeightStorage::float16);
      (void)read_initializers(changed);
    }
  }
}

// ---- Packages.

TEST(Convert, APackageStaysTrueToItself) {
  ModelPackage package = test::tiny_package();
  package.self_test.tolerance = 1e-3;
  const Bytes whole = test::described(test::wide_network(), package);
  const auto converted = convert_package(whole, WeightStorage::int8, images(8), 1);
  ASSERT_TRUE(converted) << converted.error().message;
  EXPECT_EQ(converted->images, 9);
  EXPECT_GT(converted->logits, 0);
  EXPECT_LT(converted->onnx.size(), whole.size() / 3);

  const auto session = Session::open(std::span<const std::uint8_t>(converted->onnx));
  ASSERT_TRUE(session) << session.error().message;
  const ModelPackage& is = session->package();
  const auto was = read_package(whole);
  EXPECT_EQ(is.sha256, graph_sha256(converted->onnx).value());
  EXPECT_NE(is.sha256, was->sha256);
  EXPECT_NE(is.self_test.logits, was->self_test.logits);
  EXPECT_EQ(is.temperature, was->temperature);
  EXPECT_EQ(is.operating_point.threshold, was->operating_point.threshold);
  EXPECT_EQ(is.metrics, was->metrics);
  EXPECT_EQ(is.training.at("stored").at("weights_as"), "int8");
  EXPECT_EQ(is.training.at("stored").at("from_sha256"), was->sha256);

  const auto back = convert_package(converted->onnx, WeightStorage::float32, images(8), 1e-6);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->logits, 0) << "the integers' own values";
}

TEST(Convert, RefusesWhatDiffersTooMuch) {
  const Bytes whole = test::described(test::wide_network(), test::tiny_package());
  const auto converted = convert_package(whole, WeightStorage::int8, images(8), 1e-6);
  ASSERT_FALSE(converted);
  EXPECT_NE(converted.error().message.find("logits differ"), std::string::npos);
  EXPECT_FALSE(convert_package(test::wide_network(), WeightStorage::int8, {}, 1));
}

}  // namespace
}  // namespace nevus
