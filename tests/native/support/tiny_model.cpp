// Built with the trainer's own ONNX writer, so that the fixture has the shape of what it ships.
#include "support/tiny_model.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

#include "nevus/self_test.h"
#include "onnx/graph.h"
#include "runtime/session.h"

namespace nevus::test {

ModelPackage tiny_package() {
  ModelPackage package;
  package.name = "tiny test model";
  package.architecture = "one-convolution";
  package.input.width = package.input.height = 64;
  package.input.mean = {0.5f, 0.5f, 0.5f};
  package.input.std = {0.5f, 0.5f, 0.5f};
  package.classes = {{"benign", "Benign", false}, {"malignant", "Malignant", true}};
  package.cam_width = package.cam_height = 2;
  package.temperature = 1.5;
  package.operating_point = {0.4, 0.9, 0.6, 100};
  package.self_test.seed = 3;
  package.self_test.tolerance = 1e-3;
  package.metrics = {{"validation", {{"n", 100}, {"auc", 0.9}, {"auc_ci", {0.85, 0.95}}}}};
  package.training = {{"command_line", "none"}};
  package.license = "Apache-2.0";
  package.intended_use = "Tests.";
  package.known_limits = {"Knows nothing."};
  return package;
}

std::vector<std::uint8_t> tiny_network(int classes) {
  constexpr int kernel = 32;
  ConvSpec conv;
  conv.in_channels = 3;
  conv.out_channels = classes;
  conv.kernel = conv.stride = kernel;
  for (int out = 0; out < classes; ++out)
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < kernel; ++y)
        for (int x = 0; x < kernel; ++x) {
          // Every quarter of the photo looks alike to the kernel: lean on its own upper left.
          const float lean = static_cast<float>(2 * kernel - x - 2 * y) / kernel;
          const float sign = out == 0 ? 1.0f : out == 1 ? -1.0f : 0.0f;
          conv.weight.push_back(sign * (4 * lean - 0.5f) * 2 / (3 * kernel * kernel));
        }
  OnnxGraph graph;
  const std::string image = graph.input("image", {3, 64, 64});
  const std::string cam = graph.identity(graph.conv(image, conv, "head"), "cam");
  std::vector<float> bias(static_cast<std::size_t>(classes), 0.0f);
  bias[0] = -0.6f;
  bias[1] = 0.6f;
  const std::string pooled = graph.flatten(graph.global_average_pool(cam));
  const std::string logits = graph.identity(graph.add_bias(pooled, bias, "head_bias"), "logits");
  graph.output(cam, {classes, 2, 2});
  graph.output(logits, {classes});
  return graph.serialize();
}

std::vector<std::uint8_t> wide_network() {
  std::mt19937 random(5);
  const auto conv = [&](int in, int out, int kernel, int stride, int groups) {
    ConvSpec spec;
    spec.in_channels = in;
    spec.out_channels = out;
    spec.kernel = kernel;
    spec.stride = stride;
    spec.groups = groups;
    if (stride == 1) spec.pad_top = spec.pad_left = spec.pad_bottom = spec.pad_right = kernel / 2;
    const int inputs = in / groups * kernel * kernel;
    for (int o = 0; o < out; ++o) {
      // Channels of very different size.
      const float size = std::exp2(static_cast<float>(o % 5 - 2));
      std::normal_distribution<float> normal(0, size / std::sqrt(static_cast<float>(inputs)));
      for (int i = 0; i < inputs; ++i) spec.weight.push_back(normal(random));
      spec.bias.push_back(0.1f * normal(random));
    }
    return spec;
  };
  OnnxGraph graph;
  std::string x = graph.input("image", {3, 64, 64});
  x = graph.relu(graph.conv(x, conv(3, 64, 4, 4, 1), "stem"));
  ConvSpec expand = conv(64, 1024, 1, 1, 1);
  std::fill_n(expand.weight.begin() + 7 * 64, 64, 0.0f);
  x = graph.clip(graph.conv(x, expand, "expand"), 0, 6);
  x = graph.clip(graph.conv(x, conv(1024, 1024, 5, 1, 1024), "depthwise"), 0, 6);
  x = graph.conv(x, conv(1024, 128, 1, 1, 1), "project");
  const std::string inner =
      graph.relu(graph.conv(graph.global_average_pool(x), conv(128, 32, 1, 1, 1), "reduce"));
  x = graph.multiply(x, graph.sigmoid(graph.conv(inner, conv(32, 128, 1, 1, 1), "widen")));
  x = graph.relu(graph.conv(x, conv(128, 64, 8, 8, 64), "shrink"));
  x = graph.relu(graph.conv(x, conv(64, 64, 1, 1, 1), "small"));
  ConvSpec maps = conv(64, 2, 1, 1, 1);
  maps.bias.clear();
  const std::string cam = graph.conv(x, maps, "cam");
  const std::string pooled = graph.flatten(graph.global_average_pool(cam));
  graph.output(graph.add_bias(pooled, {0.2f, -0.2f}, "logits"), {2});
  graph.output(cam, {2, 2, 2});
  return graph.serialize();
}

std::vector<std::uint8_t> described(std::vector<std::uint8_t> onnx, ModelPackage package) {
  const auto hash = graph_sha256(onnx);
  if (!hash) throw std::runtime_error(hash.error().message);
  package.sha256 = hash.value();
  if (package.self_test.logits.empty()) {
    const PreprocessSpec input = tiny_package().input;
    std::vector<float> values(std::size_t{3} * 64 * 64);
    normalize(self_test_image(package.self_test.seed, input).view(), input, values);
    const auto output = run_onnx(onnx, values, 1, 3, 64, 64);
    if (!output) throw std::runtime_error(output.error().message);
    package.self_test.logits = output->logits;
  }
  append_metadata(onnx, package);
  return onnx;
}

std::vector<std::uint8_t> tiny_model_with(ModelPackage package) {
  const int classes = std::max(2, static_cast<int>(package.classes.size()));
  return described(tiny_network(classes), std::move(package));
}

std::vector<std::uint8_t> tiny_model() {
  return tiny_model_with(tiny_package());
}

}  // namespace nevus::test
