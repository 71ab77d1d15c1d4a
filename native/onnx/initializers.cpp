// Walks ModelProto.graph.initializer.
#include "onnx/initializers.h"

#include "onnx/wire.h"

namespace nevus {
namespace {

bool take_suffix(std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

}  // namespace

Result<std::map<std::string, OnnxTensor>> read_initializers(std::span<const std::uint8_t> onnx) {
  std::map<std::string, OnnxTensor> tensors;
  std::map<std::string, std::vector<float>> scales;  // of int8 kernels
  std::vector<std::string> integers;
  try {
    protozero::pbf_reader model(reinterpret_cast<const char*>(onnx.data()), onnx.size());
    while (model.next(wire::model::graph)) {
      protozero::pbf_reader graph = model.get_message();
      while (graph.next(wire::graph::initializer)) {
        const wire::Tensor tensor = wire::read_tensor(graph.get_message());
        const auto count = tensor.count();
        if (!count) return count.error();
        std::vector<float> values = tensor.values();
        if (values.empty()) continue;  // no weight
        std::string name = tensor.name;
        if (tensor.type == wire::tensor::float32 && take_suffix(name, ".scale")) {
          scales[name] = std::move(values);
          continue;
        }
        take_suffix(name, ".float16");
        if (tensor.type == wire::tensor::int8 && take_suffix(name, ".int8"))
          integers.push_back(name);
        tensors[name] = {tensor.dims, std::move(values)};
      }
    }
  } catch (const protozero::exception&) {
    return Error{"not an ONNX file, or damaged", ""};
  }
  for (const std::string& name : integers) {
    OnnxTensor& tensor = tensors[name];
    const std::vector<float>& scale = scales[name];
    if (scale.empty() || tensor.shape.empty() ||
        tensor.shape[0] != static_cast<std::int64_t>(scale.size()))
      return Error{"tensor " + name + " has no scale for each of its channels", name};
    const std::size_t size = tensor.values.size() / scale.size();
    for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] *= scale[i / size];
  }
  return tensors;
}

}  // namespace nevus
