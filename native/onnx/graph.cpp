// Writes ONNX files over protobuf's wire format.
#include "onnx/graph.h"

#include <stdexcept>

#include "onnx/wire.h"

namespace nevus {
namespace {

constexpr std::int64_t kOpset = 13;

std::int64_t product(const std::vector<std::int64_t>& dims) {
  std::int64_t count = 1;
  for (const std::int64_t length : dims) {
    count *= length;
  }
  return count;
}

}  // namespace

struct OnnxGraph::Impl {
  std::vector<std::string> nodes, initializers, inputs, outputs;
  int unnamed = 0;

  std::string fresh(const std::string& op) { return op + "_" + std::to_string(unnamed++); }

  std::string add_node(const std::string& op, const std::vector<std::string>& arguments,
                       const std::string& result, const std::vector<std::string>& attributes = {}) {
    nodes.push_back(wire::make_node(op, arguments, result, attributes));
    return result;
  }

  std::string add_weight(const std::string& name, const std::vector<std::int64_t>& dims,
                         const std::vector<float>& values) {
    if (product(dims) != static_cast<std::int64_t>(values.size())) {
      throw std::invalid_argument("ONNX weight " + name + ": values don't fit the shape");
    }
    initializers.push_back(wire::make_tensor(name, dims, wire::tensor::float32, values.data(),
                                             values.size() * sizeof(float)));
    return name;
  }

  std::string add_integers(const std::string& name, const std::vector<std::int64_t>& values) {
    initializers.push_back(wire::make_tensor(name, {static_cast<std::int64_t>(values.size())},
                                             wire::tensor::int64, values.data(),
                                             values.size() * sizeof(std::int64_t)));
    return name;
  }
};

OnnxGraph::OnnxGraph() : impl_(new Impl) {}
OnnxGraph::~OnnxGraph() = default;

std::string OnnxGraph::input(const std::string& name, const std::vector<std::int64_t>& shape) {
  impl_->inputs.push_back(wire::make_value_info(name, shape));
  return name;
}

std::string OnnxGraph::conv(const std::string& x, const ConvSpec& conv, const std::string& name) {
  std::vector<std::string> arguments{x};
  arguments.push_back(impl_->add_weight(
      name + ".weight",
      {conv.out_channels, conv.in_channels / conv.groups, conv.kernel, conv.kernel}, conv.weight));
  if (!conv.bias.empty()) {
    arguments.push_back(impl_->add_weight(name + ".bias", {conv.out_channels}, conv.bias));
  }
  return impl_->add_node(
      "Conv", arguments, name,
      {wire::ints_attribute("dilations", {1, 1}), wire::int_attribute("group", conv.groups),
       wire::ints_attribute("kernel_shape", {conv.kernel, conv.kernel}),
       wire::ints_attribute("pads", {conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right}),
       wire::ints_attribute("strides", {conv.stride, conv.stride})});
}

std::string OnnxGraph::clip(const std::string& x, float low, float high) {
  const std::string name = impl_->fresh("clip");
  return impl_->add_node("Clip",
                         {x, impl_->add_weight(name + ".low", {}, {low}),
                          impl_->add_weight(name + ".high", {}, {high})},
                         name);
}

std::string OnnxGraph::relu(const std::string& x) {
  return impl_->add_node("Relu", {x}, impl_->fresh("relu"));
}

std::string OnnxGraph::sigmoid(const std::string& x) {
  return impl_->add_node("Sigmoid", {x}, impl_->fresh("sigmoid"));
}

std::string OnnxGraph::hard_sigmoid(const std::string& x) {
  return impl_->add_node(
      "HardSigmoid", {x}, impl_->fresh("hard_sigmoid"),
      {wire::float_attribute("alpha", 1.0f / 6), wire::float_attribute("beta", 0.5f)});
}

std::string OnnxGraph::add(const std::string& a, const std::string& b) {
  return impl_->add_node("Add", {a, b}, impl_->fresh("add"));
}

std::string OnnxGraph::multiply(const std::string& a, const std::string& b) {
  return impl_->add_node("Mul", {a, b}, impl_->fresh("multiply"));
}

std::string OnnxGraph::add_bias(const std::string& x, const std::vector<float>& bias,
                                const std::string& name) {
  const std::string stored =
      impl_->add_weight(name + ".bias", {static_cast<std::int64_t>(bias.size())}, bias);
  return impl_->add_node("Add", {x, stored}, name);
}

std::string OnnxGraph::global_average_pool(const std::string& x) {
  return impl_->add_node("GlobalAveragePool", {x}, impl_->fresh("pool"));
}

std::string OnnxGraph::flatten(const std::string& x) {
  return impl_->add_node("Flatten", {x}, impl_->fresh("flatten"), {wire::int_attribute("axis", 1)});
}

std::string OnnxGraph::transpose(const std::string& x) {
  return impl_->add_node("Transpose", {x}, impl_->fresh("transpose"),
                         {wire::ints_attribute("perm", {0, 1, 3, 2})});
}

std::string OnnxGraph::reverse(const std::string& x, const std::vector<std::int64_t>& axes,
                               const std::vector<std::int64_t>& sizes) {
  const std::string name = impl_->fresh("reverse");
  const std::vector<std::int64_t> from(axes.size(), -1), step(axes.size(), -1);
  std::vector<std::int64_t> to;
  for (const std::int64_t size : sizes) to.push_back(-size - 1);
  return impl_->add_node(
      "Slice",
      {x, impl_->add_integers(name + ".starts", from), impl_->add_integers(name + ".ends", to),
       impl_->add_integers(name + ".axes", axes), impl_->add_integers(name + ".steps", step)},
      name);
}

std::string OnnxGraph::concatenate(const std::vector<std::string>& parts) {
  return impl_->add_node("Concat", parts, impl_->fresh("concat"), {wire::int_attribute("axis", 0)});
}

std::vector<std::string> OnnxGraph::split(const std::string& x, int parts) {
  std::vector<std::string> results;
  for (int i = 0; i < parts; ++i) results.push_back(impl_->fresh("split"));
  impl_->nodes.push_back(wire::make_node("Split", {x}, results, {wire::int_attribute("axis", 0)}));
  return results;
}

std::string OnnxGraph::identity(const std::string& x, const std::string& name) {
  return impl_->add_node("Identity", {x}, name);
}

void OnnxGraph::output(const std::string& value, const std::vector<std::int64_t>& shape) {
  impl_->outputs.push_back(wire::make_value_info(value, shape));
}

std::vector<std::uint8_t> OnnxGraph::serialize() const {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_int64(wire::model::ir_version, wire::kIrVersion);
  writer.add_string(wire::model::producer_name, "nevus");
  {
    protozero::pbf_writer graph_writer{writer, wire::model::graph};
    for (const std::string& one : impl_->nodes) {
      graph_writer.add_message(wire::graph::node, one);
    }
    graph_writer.add_string(wire::graph::name, "nevus");
    for (const std::string& one : impl_->initializers) {
      graph_writer.add_message(wire::graph::initializer, one);
    }
    for (const std::string& one : impl_->inputs) {
      graph_writer.add_message(wire::graph::input, one);
    }
    for (const std::string& one : impl_->outputs) {
      graph_writer.add_message(wire::graph::output, one);
    }
  }
  {
    protozero::pbf_writer opset_writer{writer, wire::model::opset_import};
    opset_writer.add_int64(wire::opset::version, kOpset);
  }
  return {text.begin(), text.end()};
}

}  // namespace nevus
