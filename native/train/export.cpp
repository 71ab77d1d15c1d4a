// A trained network as an ONNX file.
#include "train/export.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "runtime/session.h"

namespace nevus {
namespace {

std::vector<float> values_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* data = flat.const_data_ptr<float>();
  return {data, data + flat.numel()};
}

// y = (conv(x) - mean) * gamma / sqrt(var + eps) + beta, as one convolution with a bias.
ConvSpec folded(PaddedConv& conv, torch::nn::BatchNorm2d& norm, int height, int width) {
  const auto wide = [](const torch::Tensor& t) {
    return t.detach().to(torch::kCPU, torch::kFloat64);
  };
  const torch::Tensor scale =
      wide(norm->weight) / torch::sqrt(wide(norm->running_var) + norm->options.eps());
  ConvSpec spec;
  spec.in_channels = conv->in_channels;
  spec.out_channels = conv->out_channels;
  spec.kernel = conv->kernel;
  spec.stride = conv->stride;
  spec.groups = conv->groups;
  std::tie(spec.pad_top, spec.pad_bottom) = conv->pads(height);
  std::tie(spec.pad_left, spec.pad_right) = conv->pads(width);
  spec.weight = values_of(wide(conv->weight) * scale.view({-1, 1, 1, 1}));
  spec.bias = values_of(wide(norm->bias) - wide(norm->running_mean) * scale);
  return spec;
}

double greatest_difference(const torch::Tensor& expected, const std::vector<float>& actual) {
  const std::vector<float> values = values_of(expected);
  if (values.size() != actual.size()) {
    return INFINITY;
  }
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(values[i]) - actual[i]);
    // NaN must not pass as small.
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst;
}

}  // namespace

std::vector<std::uint8_t> export_onnx(EfficientNet& net, const PreprocessSpec& input,
                                      WeightStorage storage) {
  OnnxGraph graph(storage);
  int height = input.height, width = input.width;
  std::string x = graph.input("image", {3, height, width});
  const auto conv = [&](PaddedConv& layer, torch::nn::BatchNorm2d& norm, const std::string& name) {
    const ConvSpec spec = folded(layer, norm, height, width);
    height = (height + spec.pad_top + spec.pad_bottom - spec.kernel) / spec.stride + 1;
    width = (width + spec.pad_left + spec.pad_right - spec.kernel) / spec.stride + 1;
    x = graph.conv(x, spec, name);
  };
  const auto relu6 = [&] { x = graph.clip(x, 0, 6); };

  conv(net->stem, net->stem_norm, "stem");
  relu6();
  for (std::size_t i = 0; i < net->blocks->size(); ++i) {
    auto& block = net->blocks->at<InvertedBottleneckImpl>(i);
    const std::string name = "blocks." + std::to_string(i);
    const std::string entry = x;
    if (block.expand) {
      conv(block.expand, block.expand_norm, name + ".expand");
      relu6();
    }
    conv(block.depthwise, block.depthwise_norm, name + ".depthwise");
    relu6();
    conv(block.project, block.project_norm, name + ".project");
    if (block.shortcut) {
      x = graph.add(x, entry);
    }
  }
  conv(net->head, net->head_norm, "head");
  relu6();

  ConvSpec map;
  map.in_channels = net->head->out_channels;
  map.out_channels = static_cast<int>(net->classifier->weight.size(0));
  map.weight = values_of(net->classifier->weight);
  const std::string cam = graph.conv(x, map, "cam");
  const std::string pooled = graph.flatten(graph.global_average_pool(cam));
  const std::string logits = graph.add_bias(pooled, values_of(net->classifier->bias), "logits");
  graph.output(logits, {map.out_channels});
  graph.output(cam, {map.out_channels, height, width});
  return graph.serialize();
}

double export_tolerance(WeightStorage storage) {
  return storage == WeightStorage::float32 ? 1e-4 : 1e-2;
}

Result<ExportCheck> check_export(std::span<const std::uint8_t> onnx, EfficientNet& net,
                                 const PreprocessSpec& input, std::span<const float> images, int n,
                                 double tolerance) {
  const auto output = run_onnx(onnx, images, n, 3, input.height, input.width);
  if (!output) {
    return Error{"the exported file can't be run: " + output.error().message, ""};
  }
  const torch::NoGradGuard no_grad;
  const bool was_training = net->is_training();
  net->eval();
  const torch::Tensor x = torch::from_blob(const_cast<float*>(images.data()),
                                           {n, 3, input.height, input.width}, torch::kFloat32)
                              .to(net->classifier->weight.device());
  const torch::Tensor features = net->forward_features(x);
  const torch::Tensor cam = net->cam(features);
  ExportCheck check;
  check.images = n;
  check.logits = greatest_difference(net->forward(x), output->logits);
  check.cam = greatest_difference(cam, output->cam);
  net->train(was_training);
  if (!(check.logits <= tolerance)) {
    std::ostringstream text;
    text << "the exported file's logits differ from the network's by " << check.logits
         << " (at most " << tolerance << " is allowed)";
    return Error{text.str(), ""};
  }
  return check;
}

}  // namespace nevus
