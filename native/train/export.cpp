// A trained network as an ONNX file.
#include "train/export.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "onnx/half.h"
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
  // A handful of weights that decide over whole channels: not rounded.
  const auto exactly = [](torch::nn::Conv2d& conv) {
    ConvSpec spec = one_pixel(conv);
    spec.exact = true;
    return spec;
  };
  const std::string inner =
      graph.conv(graph.global_average_pool(x), exactly(squeeze->reduce), name + ".reduce");
  const std::string gate =
      graph.conv(activated(graph, inner, squeeze->hard ? Activation::relu : Activation::silu),
                 exactly(squeeze->expand), name + ".expand");
  return graph.multiply(x, squeeze->hard ? graph.hard_sigmoid(gate) : graph.sigmoid(gate));
}

// What rounding the kernel to half takes from each output, given the inputs' means, goes to the
// bias.
void correct_bias(ConvSpec& spec, const torch::Tensor& x) {
  const std::vector<float> mean = values_of(x.mean({0, 2, 3}));
  const int inputs = spec.in_channels / spec.groups;
  const int outputs = spec.out_channels / spec.groups;
  const int area = spec.kernel * spec.kernel;
  for (int out = 0; out < spec.out_channels; ++out) {
    double lost = 0;
    for (int in = 0; in < inputs; ++in) {
      const double typical = mean[static_cast<std::size_t>(out / outputs * inputs + in)];
      for (int k = 0; k < area; ++k) {
        const float w = spec.weight[static_cast<std::size_t>((out * inputs + in) * area + k)];
        lost += (static_cast<double>(w) - half_value(half_bits(w))) * typical;
      }
    }
    float& bias = spec.bias[static_cast<std::size_t>(out)];
    bias = static_cast<float>(bias + lost);
  }
}

// |z|^2 / noise - sum gain * (direction . z)^2 with z = (x - mean) * scale of the pooled map, by
// convolutions over one pixel, which every backend has.
std::string write_distance(OnnxGraph& graph, const std::string& map,
                           const EmbeddingGaussian& gaussian) {
  const int size = static_cast<int>(gaussian.mean.size());
  const int directions = static_cast<int>(gaussian.gain.size());
  const auto one_pixel = [](int in, int out, std::vector<float> weight, bool exact) {
    ConvSpec spec;
    spec.in_channels = in;
    spec.out_channels = out;
    spec.weight = std::move(weight);
    spec.exact = exact;
    return spec;
  };
  ConvSpec standard = one_pixel(size, size, gaussian.scale, true);
  standard.groups = size;
  standard.bias = gaussian.mean;
  for (std::size_t i = 0; i < gaussian.mean.size(); ++i) standard.bias[i] *= -gaussian.scale[i];
  const std::string centred =
      graph.conv(graph.global_average_pool(map), standard, "distance.standard");
  const std::string whole = graph.conv(
      graph.multiply(centred, centred),
      one_pixel(size, 1, std::vector<float>(gaussian.mean.size(), gaussian.inverse_noise), true),
      "distance.whole");
  const std::string along = graph.conv(
      centred, one_pixel(size, directions, gaussian.directions, false), "distance.directions");
  std::vector<float> minus_gain = gaussian.gain;
  for (float& value : minus_gain) value = -value;
  const std::string explained =
      graph.conv(graph.multiply(along, along), one_pixel(directions, 1, minus_gain, true),
                 "distance.explained");
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

std::vector<std::uint8_t> export_onnx(Network& net, const PreprocessSpec& input,
                                      WeightStorage storage, std::span<const float> calibration,
                                      const EmbeddingGaussian* typicality) {
  const torch::NoGradGuard no_grad;
  const bool was_training = net->is_training();
  net->eval();
  // The network is walked with real inputs, so that each kernel's typical input is at hand.
  const std::int64_t one = std::int64_t{3} * input.height * input.width;
  const bool correct = storage == WeightStorage::float16 && !calibration.empty();
  torch::Tensor values =
      torch::from_blob(const_cast<float*>(calibration.data()),
                       {correct ? static_cast<std::int64_t>(calibration.size()) / one : 0, 3,
                        input.height, input.width},
                       torch::kFloat32)
          .to(net->classifier->weight.device());
  OnnxGraph graph(storage);
  int height = input.height, width = input.width;
  std::string x = graph.input("image", {3, height, width});
  const auto conv = [&](PaddedConv& layer, torch::nn::BatchNorm2d& norm, const std::string& name) {
    ConvSpec spec = folded(layer, norm, height, width);
    // The stem and the depthwise kernels are a twentieth of the weights and, with few numbers to
    // average over, the greater part of what rounding does to the answer.
    spec.exact = spec.kernel > 1;
    if (correct) {
      if (!spec.exact) correct_bias(spec, values);
      values = norm(layer(values));
    }
    height = (height + spec.pad_top + spec.pad_bottom - spec.kernel) / spec.stride + 1;
    width = (width + spec.pad_left + spec.pad_right - spec.kernel) / spec.stride + 1;
    x = graph.conv(x, spec, name);
  };
  const auto activation = [&](Activation kind) {
    x = activated(graph, x, kind);
    if (correct) values = activate(values, kind);
  };
  const Architecture& architecture = net->architecture;
  std::string appearance;

  conv(net->stem, net->stem_norm, "stem");
  activation(architecture.activation);
  for (std::size_t i = 0; i < net->blocks->size(); ++i) {
    auto& block = net->blocks->at<InvertedBottleneckImpl>(i);
    const std::string name = "blocks." + std::to_string(i);
    const std::string entry = x;
    const torch::Tensor entry_values = values;
    if (block.expand) {
      conv(block.expand, block.expand_norm, name + ".expand");
      activation(block.spec.activation);
    }
    conv(block.depthwise, block.depthwise_norm, name + ".depthwise");
    activation(block.spec.activation);
    if (block.squeeze) {
      x = write_squeeze(graph, x, block.squeeze, name + ".squeeze");
      if (correct) values = block.squeeze(values);
    }
    conv(block.project, block.project_norm, name + ".project");
    if (block.spec.shortcut()) {
      x = graph.add(x, entry);
      if (correct) values = values + entry_values;
    }
    if (i == architecture.appearance_block()) appearance = x;
  }
  conv(net->head, net->head_norm, "head");
  activation(architecture.activation);
  if (net->hidden) {
    ConvSpec spec = one_pixel(net->hidden);
    if (correct) {
      correct_bias(spec, values);
      values = net->hidden(values);
    }
    x = graph.conv(x, spec, "hidden");
    activation(architecture.activation);
  }

  ConvSpec map;
  map.in_channels = architecture.features();
  map.out_channels = static_cast<int>(net->classifier->weight.size(0));
  map.weight = values_of(net->classifier->weight);
  map.exact = true;
  const std::string cam = graph.conv(x, map, "cam");
  const std::string pooled = graph.flatten(graph.global_average_pool(cam));
  const std::string logits = graph.add_bias(pooled, values_of(net->classifier->bias), "logits");
  graph.output(logits, {map.out_channels});
  graph.output(cam, {map.out_channels, height, width});
  if (typicality != nullptr) {
    graph.output(write_distance(graph, appearance, *typicality), {1});
  }
  net->train(was_training);
  return graph.serialize();
}

double export_tolerance(WeightStorage storage) {
  return storage == WeightStorage::float32 ? 1e-4 : 1e-2;
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
