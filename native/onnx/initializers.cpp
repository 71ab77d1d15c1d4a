// Walks ModelProto.graph.initializer (field numbers of onnx.proto).
#include "onnx/initializers.h"

#include <bit>
#include <cstring>
#include <protozero/pbf_reader.hpp>

#include "onnx/half.h"

namespace nevus {
namespace {

constexpr protozero::pbf_tag_type kGraph = 7, kInitializer = 5;
constexpr protozero::pbf_tag_type kDims = 1, kType = 2, kName = 8, kRaw = 9;
constexpr std::int32_t kFloat32 = 1, kFloat16 = 10;

}  // namespace

Result<std::map<std::string, OnnxTensor>> read_initializers(std::span<const std::uint8_t> onnx) {
  std::map<std::string, OnnxTensor> tensors;
  try {
    protozero::pbf_reader model(reinterpret_cast<const char*>(onnx.data()), onnx.size());
    while (model.next(kGraph)) {
      protozero::pbf_reader graph = model.get_message();
      while (graph.next(kInitializer)) {
        protozero::pbf_reader tensor = graph.get_message();
        OnnxTensor out;
        std::string name;
        std::int32_t type = 0;
        protozero::data_view raw;
        while (tensor.next()) {
          switch (tensor.tag()) {
            case kDims:
              out.shape.push_back(tensor.get_int64());
              break;
            case kType:
              type = tensor.get_int32();
              break;
            case kName:
              name = tensor.get_string();
              break;
            case kRaw:
              raw = tensor.get_view();
              break;
            default:
              tensor.skip();
          }
        }
        std::size_t count = 1;
        for (const std::int64_t length : out.shape) {
          if (length < 0 || length > (1 << 24))
            return Error{"tensor " + name + " has an impossible shape", name};
          count *= static_cast<std::size_t>(length);
        }
        const std::size_t width = type == kFloat32 ? 4 : type == kFloat16 ? 2 : 0;
        if (width == 0) continue;  // no weight
        if (raw.size() != count * width)
          return Error{"tensor " + name + ": its bytes don't fit its shape", name};
        out.values.resize(count);
        if (type == kFloat32) {
          std::memcpy(out.values.data(), raw.data(), raw.size());
        } else {
          for (std::size_t i = 0; i < count; ++i) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, raw.data() + 2 * i, 2);
            out.values[i] = half_value(bits);
          }
        }
        constexpr std::string_view kSuffix = ".float16";
        if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
        tensors[name] = std::move(out);
      }
    }
  } catch (const protozero::exception&) {
    return Error{"not an ONNX file, or damaged", ""};
  }
  return tensors;
}

}  // namespace nevus
