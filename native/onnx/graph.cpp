// Writes ONNX files over protobuf's wire format.
#include "onnx/graph.h"

#include <bit>
#include <cstring>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <stdexcept>

#include "onnx/half.h"

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

namespace nevus {
namespace {

// Field numbers of onnx/onnx.proto (ONNX 1.12, IR version 8).
namespace model {
enum : protozero::pbf_tag_type { ir_version = 1, producer_name = 2, graph = 7, opset_import = 8 };
}
namespace opset {
enum : protozero::pbf_tag_type { version = 2 };
}
namespace graph {
enum : protozero::pbf_tag_type { node = 1, name = 2, initializer = 5, input = 11, output = 12 };
}
namespace node {
enum : protozero::pbf_tag_type { input = 1, output = 2, name = 3, op_type = 4, attribute = 5 };
}
namespace attribute {
enum : protozero::pbf_tag_type { name = 1, f = 2, i = 3, ints = 8, type = 20 };
enum : std::int32_t { type_float = 1, type_int = 2, type_ints = 7 };
}  // namespace attribute
namespace tensor {
enum : protozero::pbf_tag_type { dims = 1, data_type = 2, name = 8, raw_data = 9 };
enum : std::int32_t { float32 = 1, float16 = 10 };
}  // namespace tensor
namespace value_info {
enum : protozero::pbf_tag_type { name = 1, type = 2 };
}
namespace type {
enum : protozero::pbf_tag_type { tensor_type = 1 };
}
namespace tensor_type {
enum : protozero::pbf_tag_type { elem_type = 1, shape = 2 };
}
namespace shape {
enum : protozero::pbf_tag_type { dim = 1 };
}
namespace dimension {
enum : protozero::pbf_tag_type { value = 1, param = 2 };
}

constexpr std::int64_t kIrVersion = 8;
constexpr std::int64_t kOpset = 13;
constexpr int kToFloat32 = 1;  // Cast's `to`: TensorProto.DataType.FLOAT

std::string int_attribute(const std::string& name, std::int64_t value) {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_string(attribute::name, name);
  writer.add_int64(attribute::i, value);
  writer.add_enum(attribute::type, attribute::type_int);
  return text;
}

std::string float_attribute(const std::string& name, float value) {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_string(attribute::name, name);
  writer.add_float(attribute::f, value);
  writer.add_enum(attribute::type, attribute::type_float);
  return text;
}

std::string ints_attribute(const std::string& name, const std::vector<std::int64_t>& values) {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_string(attribute::name, name);
  // onnx.proto is proto2: repeated numbers are not packed.
  for (const std::int64_t value : values) {
    writer.add_int64(attribute::ints, value);
  }
  writer.add_enum(attribute::type, attribute::type_ints);
  return text;
}

std::string value_info_text(const std::string& name, const std::vector<std::int64_t>& dims) {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_string(value_info::name, name);
  protozero::pbf_writer type_writer{writer, value_info::type};
  protozero::pbf_writer tensor_writer{type_writer, type::tensor_type};
  tensor_writer.add_enum(tensor_type::elem_type, tensor::float32);
  protozero::pbf_writer shape_writer{tensor_writer, tensor_type::shape};
  {
    protozero::pbf_writer batch{shape_writer, shape::dim};
    batch.add_string(dimension::param, "N");
  }
  for (const std::int64_t length : dims) {
    protozero::pbf_writer dim{shape_writer, shape::dim};
    dim.add_int64(dimension::value, length);
  }
  return text;
}

std::int64_t product(const std::vector<std::int64_t>& dims) {
  std::int64_t count = 1;
  for (const std::int64_t length : dims) {
    count *= length;
  }
  return count;
}

}  // namespace

struct OnnxGraph::Impl {
  WeightStorage storage;
  std::vector<std::string> nodes, initializers, inputs, outputs;
  int unnamed = 0;

  std::string fresh(const std::string& op) { return op + "_" + std::to_string(unnamed++); }

  std::string add_node(const std::string& op, const std::vector<std::string>& arguments,
                       const std::string& result, const std::vector<std::string>& attributes = {}) {
    std::string text;
    protozero::pbf_writer writer{text};
    for (const std::string& argument : arguments) {
      writer.add_string(node::input, argument);
    }
    writer.add_string(node::output, result);
    writer.add_string(node::name, result);
    writer.add_string(node::op_type, op);
    for (const std::string& one : attributes) {
      writer.add_message(node::attribute, one);
    }
    nodes.push_back(std::move(text));
    return result;
  }

  void add_tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                  std::int32_t data_type, const void* data, std::size_t bytes) {
    std::string text;
    protozero::pbf_writer writer{text};
    for (const std::int64_t length : dims) {
      writer.add_int64(tensor::dims, length);
    }
    writer.add_int32(tensor::data_type, data_type);
    writer.add_string(tensor::name, name);
    writer.add_bytes(tensor::raw_data, static_cast<const char*>(data), bytes);
    initializers.push_back(std::move(text));
  }

  // A weight as the graph uses it (float32). Biases and bounds stay float32: they are a hundredth
  // of the bytes, and rounding them costs as much accuracy as rounding the kernels.
  std::string add_weight(const std::string& name, const std::vector<std::int64_t>& dims,
                         const std::vector<float>& values, bool exact = false) {
    if (product(dims) != static_cast<std::int64_t>(values.size())) {
      throw std::invalid_argument("ONNX weight " + name + ": values don't fit the shape");
    }
    if (exact || storage == WeightStorage::float32 || dims.size() < 2) {
      add_tensor(name, dims, tensor::float32, values.data(), values.size() * sizeof(float));
      return name;
    }
    std::vector<std::uint16_t> halves(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      halves[i] = half_bits(values[i]);
    }
    const std::string stored = name + ".float16";
    add_tensor(stored, dims, tensor::float16, halves.data(), halves.size() * sizeof(std::uint16_t));
    return add_node("Cast", {stored}, name, {int_attribute("to", kToFloat32)});
  }
};

OnnxGraph::OnnxGraph(WeightStorage storage) : impl_(new Impl{storage, {}, {}, {}, {}, 0}) {}
OnnxGraph::~OnnxGraph() = default;

std::string OnnxGraph::input(const std::string& name, const std::vector<std::int64_t>& shape) {
  impl_->inputs.push_back(value_info_text(name, shape));
  return name;
}

std::string OnnxGraph::conv(const std::string& x, const ConvSpec& conv, const std::string& name) {
  std::vector<std::string> arguments{x};
  arguments.push_back(impl_->add_weight(
      name + ".weight",
      {conv.out_channels, conv.in_channels / conv.groups, conv.kernel, conv.kernel}, conv.weight,
      conv.exact));
  if (!conv.bias.empty()) {
    arguments.push_back(impl_->add_weight(name + ".bias", {conv.out_channels}, conv.bias));
  }
  return impl_->add_node(
      "Conv", arguments, name,
      {ints_attribute("dilations", {1, 1}), int_attribute("group", conv.groups),
       ints_attribute("kernel_shape", {conv.kernel, conv.kernel}),
       ints_attribute("pads", {conv.pad_top, conv.pad_left, conv.pad_bottom, conv.pad_right}),
       ints_attribute("strides", {conv.stride, conv.stride})});
}

std::string OnnxGraph::clip(const std::string& x, float low, float high) {
  const std::string name = impl_->fresh("clip");
  impl_->add_tensor(name + ".low", {}, tensor::float32, &low, sizeof low);
  impl_->add_tensor(name + ".high", {}, tensor::float32, &high, sizeof high);
  return impl_->add_node("Clip", {x, name + ".low", name + ".high"}, name);
}

std::string OnnxGraph::relu(const std::string& x) {
  return impl_->add_node("Relu", {x}, impl_->fresh("relu"));
}

std::string OnnxGraph::sigmoid(const std::string& x) {
  return impl_->add_node("Sigmoid", {x}, impl_->fresh("sigmoid"));
}

std::string OnnxGraph::hard_sigmoid(const std::string& x) {
  return impl_->add_node("HardSigmoid", {x}, impl_->fresh("hard_sigmoid"),
                         {float_attribute("alpha", 1.0f / 6), float_attribute("beta", 0.5f)});
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
  return impl_->add_node("Flatten", {x}, impl_->fresh("flatten"), {int_attribute("axis", 1)});
}

std::string OnnxGraph::identity(const std::string& x, const std::string& name) {
  return impl_->add_node("Identity", {x}, name);
}

void OnnxGraph::output(const std::string& value, const std::vector<std::int64_t>& shape) {
  impl_->outputs.push_back(value_info_text(value, shape));
}

std::vector<std::uint8_t> OnnxGraph::serialize() const {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_int64(model::ir_version, kIrVersion);
  writer.add_string(model::producer_name, "nevus");
  {
    protozero::pbf_writer graph_writer{writer, model::graph};
    for (const std::string& one : impl_->nodes) {
      graph_writer.add_message(graph::node, one);
    }
    graph_writer.add_string(graph::name, "nevus");
    for (const std::string& one : impl_->initializers) {
      graph_writer.add_message(graph::initializer, one);
    }
    for (const std::string& one : impl_->inputs) {
      graph_writer.add_message(graph::input, one);
    }
    for (const std::string& one : impl_->outputs) {
      graph_writer.add_message(graph::output, one);
    }
  }
  {
    protozero::pbf_writer opset_writer{writer, model::opset_import};
    opset_writer.add_int64(opset::version, kOpset);
  }
  return {text.begin(), text.end()};
}

}  // namespace nevus
