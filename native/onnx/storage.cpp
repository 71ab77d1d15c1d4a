// Kernels from one storage into another, in a serialised network.
#include "onnx/storage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "nevus/package.h"
#include "onnx/half.h"
#include "onnx/quantize.h"
#include "onnx/wire.h"

namespace nevus {
namespace {

using Views = std::vector<protozero::data_view>;

constexpr std::size_t kInt8Weights = 65536;
constexpr std::size_t kHalfWeights = 4096;
constexpr double kHalfError = 1e-3;  // a half of 11 bits is off by up to 1 in 2048

constexpr std::array kNames{std::pair{WeightStorage::float16, std::string_view("float16")},
                            std::pair{WeightStorage::int8, std::string_view("int8")},
                            std::pair{WeightStorage::float32, std::string_view("float32")}};

// ---- A file's parts --------------------------------------------------------------------------

struct Node {
  std::string name, op;
  std::vector<std::string> inputs, outputs;
  std::int64_t group = 1, to = 0;
  protozero::data_view bytes;
};

struct File {
  std::vector<std::pair<protozero::pbf_tag_type, std::string>> model;  // fields but the graph
  std::vector<Node> nodes;
  std::map<std::string, wire::Tensor> tensors;
  std::vector<std::string> tensor_names;  // in the file's order
  std::map<std::string, protozero::data_view> tensor_bytes;
  std::string graph_name;
  Views inputs, outputs;
  std::set<std::string> output_names;
};

constexpr auto bytes_tag(protozero::pbf_tag_type field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::length_delimited);
}

Node read_node(protozero::data_view bytes) {
  Node out;
  out.bytes = bytes;
  protozero::pbf_reader reader(bytes);
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_tag(wire::node::input):
        out.inputs.push_back(reader.get_string());
        break;
      case bytes_tag(wire::node::output):
        out.outputs.push_back(reader.get_string());
        break;
      case bytes_tag(wire::node::name):
        out.name = reader.get_string();
        break;
      case bytes_tag(wire::node::op_type):
        out.op = reader.get_string();
        break;
      case bytes_tag(wire::node::attribute): {
        std::string key;
        std::int64_t value = 0;
        protozero::pbf_reader attribute = reader.get_message();
        while (attribute.next()) {
          switch (attribute.tag_and_type()) {
            case bytes_tag(wire::attribute::name):
              key = attribute.get_string();
              break;
            case protozero::tag_and_type(wire::attribute::i, protozero::pbf_wire_type::varint):
              value = attribute.get_int64();
              break;
            default:
              attribute.skip();
          }
        }
        if (key == "group") out.group = value;
        if (key == "to") out.to = value;
        break;
      }
      default:
        reader.skip();
    }
  }
  return out;
}

std::string value_name(protozero::data_view value_info) {
  protozero::pbf_reader reader(value_info);
  std::string out;
  while (reader.next()) {
    if (reader.tag_and_type() == bytes_tag(wire::value_info::name)) {
      out = reader.get_string();
    } else {
      reader.skip();
    }
  }
  return out;
}

void read_graph(protozero::pbf_reader reader, File& file) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_tag(wire::graph::node):
        file.nodes.push_back(read_node(reader.get_view()));
        break;
      case bytes_tag(wire::graph::name):
        file.graph_name = reader.get_string();
        break;
      case bytes_tag(wire::graph::initializer): {
        const protozero::data_view bytes = reader.get_view();
        wire::Tensor tensor = wire::read_tensor(protozero::pbf_reader(bytes));
        const std::string name = tensor.name;
        if (!file.tensors.emplace(name, std::move(tensor)).second) break;
        file.tensor_names.push_back(name);
        file.tensor_bytes.emplace(name, bytes);
        break;
      }
      case bytes_tag(wire::graph::input):
        file.inputs.push_back(reader.get_view());
        break;
      case bytes_tag(wire::graph::output):
        file.outputs.push_back(reader.get_view());
        file.output_names.insert(value_name(file.outputs.back()));
        break;
      default:
        reader.skip();
    }
  }
}

bool is_description(const std::string& metadata) {
  protozero::pbf_reader reader(metadata);
  while (reader.next()) {
    if (reader.tag_and_type() == bytes_tag(1)) return reader.get_string() == kMetadataKey;
    reader.skip();
  }
  return false;
}

Result<File> read_file(std::span<const std::uint8_t> onnx) {
  File file;
  int graphs = 0;
  try {
    protozero::pbf_reader reader(reinterpret_cast<const char*>(onnx.data()), onnx.size());
    while (reader.next()) {
      if (reader.tag_and_type() == bytes_tag(wire::model::graph)) {
        ++graphs;
        read_graph(reader.get_message(), file);
      } else if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
        const auto field = reader.tag();
        std::string text = reader.get_string();
        if (field != wire::model::metadata || !is_description(text))
          file.model.emplace_back(field, std::move(text));
      } else {
        reader.skip();  // the IR version: ours is written
      }
    }
  } catch (const protozero::exception&) {
    return Error{"truncated or damaged .onnx", ""};
  }
  if (graphs != 1) return Error{"truncated or damaged .onnx", ""};
  return file;
}

// ---- Its kernels ------------------------------------------------------------------------------

struct Kernel {
  std::string name;                // the value that Convs read
  std::vector<std::int64_t> dims;  // out, in / groups, height, width
  std::vector<float> values;
  WeightStorage stored = WeightStorage::float32;
  Int8Kernel integers;  // where stored so
  bool spatial = false, one_pixel = false, class_maps = false;
};

class Network {
 public:
  explicit Network(File file) : file_(std::move(file)) {}

  // What every Conv's kernel holds. Kernels that come from elsewhere than a stored tensor are left.
  Result<bool> find_kernels();

  const File& file() const { return file_; }
  std::vector<Kernel>& kernels() { return kernels_; }
  const Kernel* kernel_of(const Node& conv) const {
    const auto found = conv.inputs.size() < 2 ? index_.end() : index_.find(conv.inputs[1]);
    return found == index_.end() ? nullptr : &kernels_[found->second];
  }
  bool replaced(const Node& node) const { return dropped_nodes_.contains(&node); }
  bool replaced(const std::string& tensor) const { return dropped_tensors_.contains(tensor); }

  // A Conv's float32 bias; null: it has none.
  const wire::Tensor* bias_of(const Node& conv) const {
    if (conv.inputs.size() < 3) return nullptr;
    const auto found = file_.tensors.find(conv.inputs[2]);
    if (found == file_.tensors.end() || found->second.type != wire::tensor::float32) return nullptr;
    return &found->second;
  }

 private:
  const wire::Tensor* tensor(const std::string& name, std::int32_t type) const {
    const auto found = file_.tensors.find(name);
    return found == file_.tensors.end() || found->second.type != type ? nullptr : &found->second;
  }
  // The tensor of this type behind a Cast to float32.
  const wire::Tensor* behind_cast(const Node* node, std::int32_t type) const {
    return node != nullptr && node->op == "Cast" && node->to == wire::tensor::float32 &&
                   node->inputs.size() == 1
               ? tensor(node->inputs[0], type)
               : nullptr;
  }
  const Node* maker(const std::string& value) const {
    const auto found = makers_.find(value);
    return found == makers_.end() ? nullptr : found->second;
  }
  Result<bool> read_kernel(const std::string& value, Kernel& kernel);

  File file_;
  std::map<std::string, const Node*> makers_;
  std::vector<Kernel> kernels_;
  std::map<std::string, std::size_t> index_;
  std::set<const Node*> dropped_nodes_;
  std::set<std::string> dropped_tensors_;
};

// False: it is no stored kernel.
Result<bool> Network::read_kernel(const std::string& value, Kernel& kernel) {
  const Node* node = maker(value);
  const wire::Tensor* stored = node == nullptr ? tensor(value, wire::tensor::float32) : nullptr;
  const wire::Tensor* scales = nullptr;
  if (const wire::Tensor* half = behind_cast(node, wire::tensor::float16)) {
    stored = half;
    kernel.stored = WeightStorage::float16;
    dropped_nodes_.insert(node);
  } else if (node != nullptr && node->op == "Mul" && node->inputs.size() == 2) {
    const Node* cast = maker(node->inputs[0]);
    stored = behind_cast(cast, wire::tensor::int8);
    scales = tensor(node->inputs[1], wire::tensor::float32);
    if (stored == nullptr || scales == nullptr) return false;
    kernel.stored = WeightStorage::int8;
    dropped_nodes_.insert({node, cast});
    dropped_tensors_.insert(scales->name);
  }
  if (stored == nullptr) return false;
  const auto count = stored->count();
  if (!count) return count.error();
  if (stored->dims.size() != 4 || *count == 0)
    return Error{"tensor " + stored->name + " is no kernel of a convolution", stored->name};
  kernel.name = value;
  kernel.dims = stored->dims;
  kernel.values = stored->values();
  dropped_tensors_.insert(stored->name);
  if (scales != nullptr) {
    const std::vector<std::int64_t> wanted{kernel.dims[0], 1, 1, 1};
    if (scales->dims != wanted || !scales->count())
      return Error{"tensor " + scales->name + " doesn't fit its kernel", scales->name};
    kernel.integers.scales = scales->values();
    for (const float value_of : kernel.values)
      kernel.integers.integers.push_back(static_cast<std::int8_t>(value_of));
    kernel.values = kernel.integers.values();
  }
  return true;
}

Result<bool> Network::find_kernels() {
  for (const Node& node : file_.nodes)
    for (const std::string& output : node.outputs) makers_[output] = &node;
  // Values that are always the same; and values of one pixel: behind a global average, and whatever
  // is made of such alone.
  std::set<std::string> constant, pooled;
  for (const std::string& name : file_.tensor_names) constant.insert(name);
  // The class maps are an output, or an output is another name for them.
  std::set<std::string> class_maps = file_.output_names;
  for (const Node& node : file_.nodes)
    if (node.op == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1 &&
        file_.output_names.contains(node.outputs[0]))
      class_maps.insert(node.inputs[0]);
  for (const Node& node : file_.nodes) {
    bool constants = true, small = true;
    for (const std::string& input : node.inputs) {
      constants &= constant.contains(input);
      small &= constant.contains(input) || pooled.contains(input);
    }
    const bool one_pixel = small && !constants;
    if (constants) {
      constant.insert(node.outputs.begin(), node.outputs.end());
    } else if (one_pixel || node.op == "GlobalAveragePool") {
      pooled.insert(node.outputs.begin(), node.outputs.end());
    }
    if (node.op != "Conv") continue;
    if (node.inputs.size() < 2 || node.outputs.size() != 1)
      return Error{"the convolution " + node.name + " has no kernel", node.name};
    if (!index_.contains(node.inputs[1])) {
      Kernel kernel;
      const auto found = read_kernel(node.inputs[1], kernel);
      if (!found) return found.error();
      if (!*found) continue;
      index_[kernel.name] = kernels_.size();
      kernels_.push_back(std::move(kernel));
    }
    Kernel& kernel = kernels_[index_[node.inputs[1]]];
    if (node.group < 1 || kernel.dims[0] % node.group != 0)
      return Error{"the convolution " + node.name + " has impossible groups", node.name};
    kernel.spatial |= kernel.dims[2] * kernel.dims[3] > 1;
    kernel.one_pixel |= one_pixel;
    kernel.class_maps |= class_maps.contains(node.outputs[0]);
  }
  return true;
}

bool half_holds(const std::vector<float>& values) {
  double lost = 0, squares = 0;
  for (const float value : values) {
    const std::uint16_t bits = half_bits(value);
    if ((bits & 0x7c00u) == 0x7c00u) return false;  // infinite, or not a number
    const double off = static_cast<double>(value) - half_value(bits);
    lost += off * off;
    squares += static_cast<double>(value) * value;
  }
  return lost <= kHalfError * kHalfError * squares;
}

WeightStorage storage_of(const Kernel& kernel, WeightStorage wanted) {
  if (wanted == WeightStorage::float32 || kernel.class_maps) return WeightStorage::float32;
  const bool finite = std::all_of(kernel.values.begin(), kernel.values.end(),
                                  [](float value) { return std::isfinite(value); });
  const bool pointwise = !kernel.spatial && !kernel.one_pixel;
  if (wanted == WeightStorage::int8 && pointwise && finite && kernel.values.size() >= kInt8Weights)
    return WeightStorage::int8;
  const bool half =
      pointwise || (wanted == WeightStorage::int8 && kernel.values.size() >= kHalfWeights);
  return half && half_holds(kernel.values) ? WeightStorage::float16 : WeightStorage::float32;
}

// ---- Writing ----------------------------------------------------------------------------------

struct Graph {
  std::vector<std::string> first_nodes;  // what makes kernels of tensors
  std::vector<std::string> tensors;
};

// Adds the kernel; returns its values as the network will see them.
std::vector<float> add_kernel(const Kernel& kernel, WeightStorage storage, Graph& graph) {
  switch (storage) {
    case WeightStorage::float32:
      break;
    case WeightStorage::float16: {
      std::vector<std::uint16_t> halves(kernel.values.size());
      std::vector<float> values(kernel.values.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        halves[i] = half_bits(kernel.values[i]);
        values[i] = half_value(halves[i]);
      }
      const std::string stored = kernel.name + ".float16";
      graph.tensors.push_back(wire::make_tensor(stored, kernel.dims, wire::tensor::float16,
                                                halves.data(), 2 * halves.size()));
      graph.first_nodes.push_back(wire::make_widening(stored, kernel.name));
      return values;
    }
    case WeightStorage::int8: {
      const Int8Kernel integers =
          kernel.stored == WeightStorage::int8
              ? kernel.integers
              : quantize_kernel(kernel.values, static_cast<int>(kernel.dims[0]));
      const std::string stored = kernel.name + ".int8", wide = kernel.name + ".wide",
                        scale = kernel.name + ".scale";
      graph.tensors.push_back(wire::make_tensor(stored, kernel.dims, wire::tensor::int8,
                                                integers.integers.data(),
                                                integers.integers.size()));
      graph.tensors.push_back(wire::make_tensor(scale, {kernel.dims[0], 1, 1, 1},
                                                wire::tensor::float32, integers.scales.data(),
                                                sizeof(float) * integers.scales.size()));
      graph.first_nodes.push_back(wire::make_widening(stored, wide));
      graph.first_nodes.push_back(wire::make_node("Mul", {wide, scale}, kernel.name));
      return integers.values();
    }
  }
  graph.tensors.push_back(wire::make_tensor(kernel.name, kernel.dims, wire::tensor::float32,
                                            kernel.values.data(),
                                            sizeof(float) * kernel.values.size()));
  return kernel.values;
}

// What the kernel's rounding takes from each output on average.
Result<std::vector<float>> corrected_bias(const Node& conv, const Kernel& kernel,
                                          const std::vector<float>& rounded,
                                          const wire::Tensor& bias,
                                          const std::vector<float>& means) {
  const auto outputs = static_cast<std::size_t>(kernel.dims[0]);
  const auto inputs = static_cast<std::size_t>(kernel.dims[1]);
  const auto groups = static_cast<std::size_t>(conv.group);
  const std::size_t area = kernel.values.size() / outputs / inputs;
  if (means.size() != inputs * groups)
    return Error{"the means for " + conv.name + " are " + std::to_string(means.size()) +
                     " instead of " + std::to_string(inputs * groups),
                 conv.name};
  const auto count = bias.count();
  if (!count) return count.error();
  if (*count != outputs) return Error{"tensor " + bias.name + " doesn't fit its kernel", bias.name};
  std::vector<float> out = bias.values();
  for (std::size_t to = 0; to < outputs; ++to) {
    double lost = 0;
    for (std::size_t in = 0; in < inputs; ++in) {
      const double typical = means[to / (outputs / groups) * inputs + in];
      for (std::size_t k = 0; k < area; ++k) {
        const std::size_t at = (to * inputs + in) * area + k;
        lost += (static_cast<double>(kernel.values[at]) - rounded[at]) * typical;
      }
    }
    out[to] = static_cast<float>(out[to] + lost);
  }
  return out;
}

std::vector<std::uint8_t> write(const Network& network, const Graph& graph,
                                const std::vector<std::string>& last_nodes,
                                const std::vector<std::string>& further_outputs) {
  const File& file = network.file();
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_int64(wire::model::ir_version, wire::kIrVersion);
  {
    protozero::pbf_writer graph_writer{writer, wire::model::graph};
    for (const std::string& node : graph.first_nodes)
      graph_writer.add_message(wire::graph::node, node);
    for (const Node& node : file.nodes)
      if (!network.replaced(node)) graph_writer.add_message(wire::graph::node, node.bytes);
    for (const std::string& node : last_nodes) graph_writer.add_message(wire::graph::node, node);
    graph_writer.add_string(wire::graph::name, file.graph_name);
    for (const std::string& tensor : graph.tensors)
      graph_writer.add_message(wire::graph::initializer, tensor);
    for (const auto& input : file.inputs) graph_writer.add_message(wire::graph::input, input);
    for (const auto& output : file.outputs) graph_writer.add_message(wire::graph::output, output);
    for (const auto& output : further_outputs)
      graph_writer.add_message(wire::graph::output, output);
  }
  for (const auto& [field, bytes] : file.model) writer.add_bytes(field, bytes);
  return {text.begin(), text.end()};
}

Result<Network> read_network(std::span<const std::uint8_t> onnx) {
  auto file = read_file(onnx);
  if (!file) return file.error();
  Network network(std::move(*file));
  const auto found = network.find_kernels();
  if (!found) return found.error();
  return network;
}

}  // namespace

std::string_view name(WeightStorage storage) {
  for (const auto& [value, text] : kNames)
    if (value == storage) return text;
  return "";
}

std::optional<WeightStorage> weight_storage(std::string_view name) {
  for (const auto& [value, text] : kNames)
    if (text == name) return value;
  return std::nullopt;
}

Result<std::vector<std::uint8_t>> store_weights(std::span<const std::uint8_t> onnx,
                                                WeightStorage storage, const InputMeans& means) {
  auto network = read_network(onnx);
  if (!network) return network.error();
  Graph graph;
  std::map<std::string, std::vector<float>> rounded;  // by the kernel's name, where it was rounded
  for (const Kernel& kernel : network->kernels()) {
    const WeightStorage to = storage_of(kernel, storage);
    std::vector<float> values = add_kernel(kernel, to, graph);
    if (to != WeightStorage::float32 && to != kernel.stored)
      rounded[kernel.name] = std::move(values);
  }
  std::map<std::string, std::vector<float>> biases;
  for (const Node& node : network->file().nodes) {
    const Kernel* kernel = node.op == "Conv" ? network->kernel_of(node) : nullptr;
    const auto mean = means.find(node.name);
    if (kernel == nullptr || mean == means.end() || !rounded.contains(kernel->name)) continue;
    const wire::Tensor* bias = network->bias_of(node);
    if (bias == nullptr) continue;
    auto corrected = corrected_bias(node, *kernel, rounded[kernel->name], *bias, mean->second);
    if (!corrected) return corrected.error();
    biases[bias->name] = std::move(*corrected);
  }
  for (const std::string& name : network->file().tensor_names) {
    if (network->replaced(name)) continue;
    const auto bias = biases.find(name);
    graph.tensors.push_back(bias == biases.end()
                                ? std::string(network->file().tensor_bytes.at(name))
                                : wire::make_tensor(name, network->file().tensors.at(name).dims,
                                                    wire::tensor::float32, bias->second.data(),
                                                    sizeof(float) * bias->second.size()));
  }
  return write(*network, graph, {}, {});
}

Result<ProbedNetwork> probe_inputs(std::span<const std::uint8_t> onnx, WeightStorage storage) {
  auto network = read_network(onnx);
  if (!network) return network.error();
  Graph graph;
  ProbedNetwork out;
  for (const Kernel& kernel : network->kernels()) add_kernel(kernel, kernel.stored, graph);
  for (const std::string& name : network->file().tensor_names)
    if (!network->replaced(name)) graph.tensors.emplace_back(network->file().tensor_bytes.at(name));
  std::vector<std::string> nodes, outputs;
  for (const Node& node : network->file().nodes) {
    const Kernel* kernel = node.op == "Conv" ? network->kernel_of(node) : nullptr;
    if (kernel == nullptr || network->bias_of(node) == nullptr) continue;
    const WeightStorage to = storage_of(*kernel, storage);
    if (to == WeightStorage::float32 || to == kernel->stored) continue;
    const std::int64_t channels = kernel->dims[1] * node.group;
    if (channels <= 0) continue;
    const std::string mean = node.name + ".input_mean";
    nodes.push_back(wire::make_node("GlobalAveragePool", {node.inputs[0]}, mean));
    outputs.push_back(wire::make_value_info(mean, {channels, 1, 1}, "images"));
    out.outputs[node.name] = {mean, static_cast<std::size_t>(channels)};
  }
  out.onnx = write(*network, graph, nodes, outputs);
  return out;
}

}  // namespace nevus
