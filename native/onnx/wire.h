// ONNX files on protobuf's wire format: field numbers of onnx.proto (ONNX 1.12, IR version 8), and
// the messages that both the writer and the readers of this folder need.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "nevus/result.h"

namespace nevus::wire {

namespace model {
enum : protozero::pbf_tag_type {
  ir_version = 1,
  producer_name = 2,
  graph = 7,
  opset_import = 8,
  metadata = 14
};
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
enum : std::int32_t { float32 = 1, int8 = 3, int64 = 7, float16 = 10 };
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

inline constexpr std::int64_t kIrVersion = 8;

std::string int_attribute(const std::string& name, std::int64_t value);
std::string float_attribute(const std::string& name, float value);
std::string ints_attribute(const std::string& name, const std::vector<std::int64_t>& values);

/// A node, named as its first output.
std::string make_node(const std::string& op, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs,
                      const std::vector<std::string>& attributes = {});
/// With one output.
std::string make_node(const std::string& op, const std::vector<std::string>& inputs,
                      const std::string& output, const std::vector<std::string>& attributes = {});
/// Cast to float32.
std::string make_widening(const std::string& input, const std::string& output);
std::string make_tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                        std::int32_t data_type, const void* data, std::size_t bytes);
/// float32 [first, dims...], whose first length is open.
std::string make_value_info(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::string& first = "N");

/// A tensor of a file, its bytes not copied.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> dims;
  std::int32_t type = 0;
  protozero::data_view raw;

  /// Of its shape. Errors: an impossible shape; where the type is float32, float16 or int8, bytes
  /// that don't fit.
  Result<std::size_t> count() const;
  /// As float32, whatever of the three types it is. Precondition: count() is no error.
  std::vector<float> values() const;
};
/// Throws protozero::exception.
Tensor read_tensor(protozero::pbf_reader reader);

}  // namespace nevus::wire
