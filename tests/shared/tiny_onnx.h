// A model package of two hundred bytes, written field by field: a graph of the right shape around
// one weight, and the description that fits it. Nobody could run it; the reader can't tell.
#pragma once

#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "nevus/package.h"

namespace nevus::test {

struct TinyOptions {
  std::vector<std::int64_t> image{-1, 3, 64, 64};  ///< -1: not fixed
  std::vector<std::int64_t> logits{-1, 2};
  std::vector<std::int64_t> cam{-1, 2, 2, 2};
  int image_type = 1;
  std::string image_name = "image", logits_name = "logits", cam_name = "cam";
  bool external_weight = false, external_constant = false, subgraph = false, sparse = false;
  int inputs = 1, graphs = 1, nodes = 1;
  bool functions = false;
};

inline void add_tensor_info(protozero::pbf_writer& graph, std::uint32_t field,
                            const std::string& name, int type,
                            const std::vector<std::int64_t>& dims) {
  protozero::pbf_writer info(graph, field);
  info.add_string(1, name);
  protozero::pbf_writer kind(info, 2);
  protozero::pbf_writer tensor(kind, 1);
  tensor.add_int32(1, type);
  protozero::pbf_writer shape(tensor, 2);
  for (const auto value : dims) {
    protozero::pbf_writer dim(shape, 1);
    if (value < 0) {
      dim.add_string(2, "N");
    } else {
      dim.add_int64(1, value);
    }
  }
}

inline void add_weight(protozero::pbf_writer& parent, std::uint32_t field, bool external) {
  protozero::pbf_writer tensor(parent, field);
  tensor.add_int64(1, 1);
  tensor.add_int32(2, 1);
  tensor.add_string(8, "w");
  tensor.add_bytes(9, "\1\2\3\4", 4);
  if (external) {
    {
      protozero::pbf_writer entry(tensor, 13);
      entry.add_string(1, "location");
      entry.add_string(2, "../../etc/passwd");
    }
    tensor.add_int32(14, 1);
  }
}

/// The model without its description.
inline std::vector<std::uint8_t> tiny_onnx(const TinyOptions& o = {}) {
  std::string bytes;
  {
    protozero::pbf_writer model(bytes);
    model.add_int64(1, 8);
    for (int g = 0; g < o.graphs; ++g) {
      protozero::pbf_writer graph(model, 7);
      for (int n = 0; n < o.nodes; ++n) {
        protozero::pbf_writer node(graph, 1);
        node.add_string(1, "image");
        node.add_string(4, "Constant");
        protozero::pbf_writer attribute(node, 5);
        attribute.add_string(1, "value");
        if (o.subgraph) attribute.add_string(6, "");
        add_weight(attribute, 5, o.external_constant);
      }
      add_weight(graph, 5, o.external_weight);
      if (o.sparse) graph.add_string(15, "");
      for (int i = 0; i < o.inputs; ++i) {
        add_tensor_info(graph, 11, i ? "other" : o.image_name, o.image_type, o.image);
      }
      add_tensor_info(graph, 12, o.cam_name, 1, o.cam);
      add_tensor_info(graph, 12, o.logits_name, 1, o.logits);
    }
    if (o.functions) model.add_string(25, "");
    protozero::pbf_writer opset(model, 8);
    opset.add_int64(2, 13);
  }
  return {bytes.begin(), bytes.end()};
}

/// A description that fits tiny_onnx(), all but the hash.
inline ModelPackage tiny_package() {
  ModelPackage package;
  package.name = "Tiny";
  package.architecture = "none";
  package.sha256 = std::string(64, 'a');
  package.input.width = package.input.height = 64;
  package.classes = {{"benign", "Benign", false}, {"malignant", "Malignant", true}};
  package.cam_width = package.cam_height = 2;
  package.temperature = 1.25;
  package.operating_point = {0.3, 0.95, 0.75, 500};
  package.self_test = {7, {1.5f, -0.1f}, 0.02};
  package.metrics = {{"validation", {{"n", 500}, {"auc", 0.95}, {"auc_ci", {0.93, 0.97}}}}};
  package.training = {{"command_line", "nevus train"}, {"seed", 1}};
  package.license = "CC0";
  package.intended_use = "tests";
  package.known_limits = {"knows nothing"};
  return package;
}

/// Model and description with the right hash.
inline std::vector<std::uint8_t> tiny_model(const TinyOptions& options = {}) {
  auto onnx = tiny_onnx(options);
  ModelPackage package = tiny_package();
  const auto hash = graph_sha256(onnx);
  if (hash) package.sha256 = *hash;
  append_metadata(onnx, package);
  return onnx;
}

}  // namespace nevus::test
