// Built with the trainer's own ONNX writer, so that the fixture has the shape of what it ships.
#include "support/tiny_model.h"

#include <algorithm>
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
  OnnxGraph graph(WeightStorage::float16);
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

std::vector<std::uint8_t> tiny_model_with(ModelPackage package) {
  std::vector<std::uint8_t> onnx =
      tiny_network(std::max(2, static_cast<int>(package.classes.size())));
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

std::vector<std::uint8_t> tiny_model() {
  return tiny_model_with(tiny_package());
}

}  // namespace nevus::test
