// A trained network as an ONNX file.
#include "train/export.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "nets/turns.h"
#include "onnx/graph.h"
#include "runtime/convert.h"
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

// A 1x1 convolution with its own bias.
ConvSpec one_pixel(torch::nn::Conv2d& conv) {
  ConvSpec spec;
  spec.in_channels = static_cast<int>(conv->weight.size(1));
  spec.out_channels = static_cast<int>(conv->weight.size(0));
  spec.weight = values_of(conv->weight);
  spec.bias = values_of(conv->bias);
  return spec;
}

std::string activated(OnnxGraph& graph, const std::string& x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return graph.relu(x);
    case Activation::relu6:
      return graph.clip(x, 0, 6);
    case Activation::silu:
      return graph.multiply(x, graph.sigmoid(x));
    case Activation::hard_swish:
      return graph.multiply(x, graph.hard_sigmoid(x));
    case Activation::none:
      break;
  }
  return x;
}

std::string write_squeeze(OnnxGraph& graph, const std::string& x, SqueezeExcitation& squeeze,
                          const std::string& name) {
  const std::string inner =
      graph.conv(graph.global_average_pool(x), one_pixel(squeeze->reduce), name + ".reduce");
  const std::string gate =
      graph.conv(activated(graph, inner, squeeze->hard ? Activation::relu : Activation::silu),
                 one_pixel(squeeze->expand), name + ".expand");
  return graph.multiply(x, squeeze->hard ? graph.hard_sigmoid(gate) : graph.sigmoid(gate));
}

std::string write_reversed(OnnxGraph& graph, const std::string& x, Turn turn, int height,
                           int width) {
  std::vector<std::int64_t> axes, sizes;
  if (turn.rows) {
    axes.push_back(2);
    sizes.push_back(height);
  }
  if (turn.columns) {
    axes.push_back(3);
    sizes.push_back(width);
  }
  return axes.empty() ? x : graph.reverse(x, axes, sizes);
}

// The photos in each of their turns, one batch after the other.
std::string write_turns(OnnxGraph& graph, const std::string& x, int turns, int height, int width) {
  if (turns == 1) return x;
  std::string transposed;
  std::vector<std::string> all;
  for (int i = 0; i < turns; ++i) {
    if (turn(i).transpose && transposed.empty()) transposed = graph.transpose(x);
    all.push_back(
        write_reversed(graph, turn(i).transpose ? transposed : x, turn(i), height, width));
  }
  return graph.concatenate(all);
}

// Their maps, turned back, averaged over the turns.
std::string write_mean(OnnxGraph& graph, const std::string& maps, int turns, int channels,
                       int height, int width) {
  if (turns == 1) return maps;
  const std::vector<std::string> parts = graph.split(maps, turns);
  std::string sum;
  for (int i = 0; i < turns; ++i) {
    std::string back = parts[static_cast<std::size_t>(i)];
    if (height * width > 1) {
      back = write_reversed(graph, back, turn(i), height, width);
      if (turn(i).transpose) back = graph.transpose(back);
    }
    sum = sum.empty() ? back : graph.add(sum, back);
  }
  // By a depthwise convolution, which every backend has.
  ConvSpec mean;
  mean.in_channels = mean.out_channels = mean.groups = channels;
  mean.weight.assign(static_cast<std::size_t>(channels), 1.0f / static_cast<float>(turns));
  return graph.conv(sum, mean, maps + ".mean");
}

// |z|^2 / noise - sum gain * (direction . z)^2 with z = (x - mean) * scale of the pooled map, by
// convolutions over one pixel, which every backend has.
std::string write_distance(OnnxGraph& graph, const std::string& map, int turns,
                           const EmbeddingGaussian& gaussian) {
  const int size = static_cast<int>(gaussian.mean.size());
  const int directions = static_cast<int>(gaussian.gain.size());
  const auto one_pixel = [](int in, int out, std::vector<float> weight) {
    ConvSpec spec;
    spec.in_channels = in;
    spec.out_channels = out;
    spec.weight = std::move(weight);
    return spec;
  };
  ConvSpec standard = one_pixel(size, size, gaussian.scale);
  standard.groups = size;
  standard.bias = gaussian.mean;
  for (std::size_t i = 0; i < gaussian.mean.size(); ++i) standard.bias[i] *= -gaussian.scale[i];
  // An average is the same of a map turned back.
  const std::string appearance =
      write_mean(graph, graph.global_average_pool(map), turns, size, 1, 1);
  const std::string centred = graph.conv(appearance, standard, "distance.standard");
  const std::string whole = graph.conv(
      graph.multiply(centred, centred),
      one_pixel(size, 1, std::vector<float>(gaussian.mean.size(), gaussian.inverse_noise)),
      "distance.whole");
  const std::string along =
      graph.conv(centred, one_pixel(size, directions, gaussian.directions), "distance.directions");
  std::vector<float> minus_gain = gaussian.gain;
  for (float& value : minus_gain) value = -value;
  const std::string explained = graph.conv(
      graph.multiply(along, along), one_pixel(directions, 1, minus_gain), "distance.explained");
  return graph.identity(graph.flatten(graph.add(whole, explained)), "distance");
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

Result<std::vector<std::uint8_t>> export_onnx(Network& net, const PreprocessSpec& input,
                                              WeightStorage storage,
                                              std::span<const float> calibration,
                                              const EmbeddingGaussian* typicality) {
  const torch::NoGradGuard no_grad;
  OnnxGraph graph;
  int height = input.height, width = input.width;
  std::string x =
      write_turns(graph, graph.input("image", {3, height, width}), net->turns(), height, width);
  const auto conv = [&](PaddedConv& layer, torch::nn::BatchNorm2d& norm, const std::string& name) {
    const ConvSpec spec = folded(layer, norm, height, width);
    height = (height + spec.pad_top + spec.pad_bottom - spec.kernel) / spec.stride + 1;
    width = (width + spec.pad_left + spec.pad_right - spec.kernel) / spec.stride + 1;
    x = graph.conv(x, spec, name);
  };
  const Architecture& architecture = net->architecture;
  std::string appearance;

  conv(net->stem, net->stem_norm, "stem");
  x = activated(graph, x, architecture.activation);
  for (std::size_t i = 0; i < net->blocks->size(); ++i) {
    auto& block = net->blocks->at<InvertedBottleneckImpl>(i);
    const std::string name = "blocks." + std::to_string(i);
    const std::string entry = x;
    if (block.expand) {
      conv(block.expand, block.expand_norm, name + ".expand");
      x = activated(graph, x, block.spec.activation);
    }
    conv(block.depthwise, block.depthwise_norm, name + ".depthwise");
    x = activated(graph, x, block.spec.activation);
    if (block.squeeze) x = write_squeeze(graph, x, block.squeeze, name + ".squeeze");
    conv(block.project, block.project_norm, name + ".project");
    if (block.spec.shortcut()) x = graph.add(x, entry);
    if (i == architecture.appearance_block()) appearance = x;
  }
  conv(net->head, net->head_norm, "head");
  x = activated(graph, x, architecture.activation);
  if (net->hidden) {
    x = graph.conv(x, one_pixel(net->hidden), "hidden");
    x = activated(graph, x, architecture.activation);
  }

  x = write_mean(graph, x, net->turns(), architecture.features(), height, width);
  ConvSpec map;
  map.in_channels = architecture.features();
  map.out_channels = static_cast<int>(net->classifier->weight.size(0));
  map.weight = values_of(net->classifier->weight);
  const std::string cam = graph.conv(x, map, "cam");
  const std::string pooled = graph.flatten(graph.global_average_pool(cam));
  const std::string logits = graph.add_bias(pooled, values_of(net->classifier->bias), "logits");
  graph.output(logits, {map.out_channels});
  graph.output(cam, {map.out_channels, height, width});
  if (typicality != nullptr) {
    graph.output(write_distance(graph, appearance, net->turns(), *typicality), {1});
  }
  return store_calibrated(graph.serialize(), storage, calibration, input);
}

Result<ExportCheck> check_export(std::span<const std::uint8_t> onnx, Network& net,
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
