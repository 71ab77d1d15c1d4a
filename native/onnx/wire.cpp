// Messages of ONNX files, written and read.
#include "onnx/wire.h"

#include <bit>
#include <cstring>

#include "onnx/half.h"

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

namespace nevus::wire {
namespace {

constexpr int kToFloat32 = 1;                             // Cast's `to`: TensorProto.DataType.FLOAT
constexpr std::size_t kMaxValues = std::size_t{1} << 28;  // a gigabyte of float32

std::size_t width(std::int32_t type) {
  switch (type) {
    case tensor::float32:
      return 4;
    case tensor::float16:
      return 2;
    case tensor::int8:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

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

std::string make_node(const std::string& op, const std::vector<std::string>& inputs,
                      const std::string& output, const std::vector<std::string>& attributes) {
  return make_node(op, inputs, std::vector<std::string>{output}, attributes);
}

std::string make_node(const std::string& op, const std::vector<std::string>& inputs,
                      const std::vector<std::string>& outputs,
                      const std::vector<std::string>& attributes) {
  std::string text;
  protozero::pbf_writer writer{text};
  for (const std::string& input : inputs) {
    writer.add_string(node::input, input);
  }
  for (const std::string& output : outputs) {
    writer.add_string(node::output, output);
  }
  writer.add_string(node::name, outputs.front());
  writer.add_string(node::op_type, op);
  for (const std::string& one : attributes) {
    writer.add_message(node::attribute, one);
  }
  return text;
}

std::string make_widening(const std::string& input, const std::string& output) {
  return make_node("Cast", {input}, output, {int_attribute("to", kToFloat32)});
}

std::string make_tensor(const std::string& name, const std::vector<std::int64_t>& dims,
                        std::int32_t data_type, const void* data, std::size_t bytes) {
  std::string text;
  protozero::pbf_writer writer{text};
  for (const std::int64_t length : dims) {
    writer.add_int64(tensor::dims, length);
  }
  writer.add_int32(tensor::data_type, data_type);
  writer.add_string(tensor::name, name);
  writer.add_bytes(tensor::raw_data, static_cast<const char*>(data), bytes);
  return text;
}

std::string make_value_info(const std::string& name, const std::vector<std::int64_t>& dims,
                            const std::string& first) {
  std::string text;
  protozero::pbf_writer writer{text};
  writer.add_string(value_info::name, name);
  protozero::pbf_writer type_writer{writer, value_info::type};
  protozero::pbf_writer tensor_writer{type_writer, type::tensor_type};
  tensor_writer.add_enum(tensor_type::elem_type, tensor::float32);
  protozero::pbf_writer shape_writer{tensor_writer, tensor_type::shape};
  {
    protozero::pbf_writer batch{shape_writer, shape::dim};
    batch.add_string(dimension::param, first);
  }
  for (const std::int64_t length : dims) {
    protozero::pbf_writer dim{shape_writer, shape::dim};
    dim.add_int64(dimension::value, length);
  }
  return text;
}

Tensor read_tensor(protozero::pbf_reader reader) {
  Tensor out;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case protozero::tag_and_type(tensor::dims, protozero::pbf_wire_type::varint):
        out.dims.push_back(reader.get_int64());
        break;
      case protozero::tag_and_type(tensor::data_type, protozero::pbf_wire_type::varint):
        out.type = reader.get_int32();
        break;
      case protozero::tag_and_type(tensor::name, protozero::pbf_wire_type::length_delimited):
        out.name = reader.get_string();
        break;
      case protozero::tag_and_type(tensor::raw_data, protozero::pbf_wire_type::length_delimited):
        out.raw = reader.get_view();
        break;
      default:
        reader.skip();
    }
  }
  return out;
}

Result<std::size_t> Tensor::count() const {
  std::size_t count = 1;
  for (const std::int64_t length : dims) {
    if (length < 0 || static_cast<std::uint64_t>(length) > kMaxValues)
      return Error{"tensor " + name + " has an impossible shape", name};
    count *= static_cast<std::size_t>(length);
    if (count > kMaxValues) return Error{"tensor " + name + " has an impossible shape", name};
  }
  if (width(type) != 0 && raw.size() != count * width(type))
    return Error{"tensor " + name + ": its bytes don't fit its shape", name};
  return count;
}

std::vector<float> Tensor::values() const {
  std::vector<float> out(width(type) == 0 ? 0 : raw.size() / width(type));
  switch (type) {
    case tensor::float32:
      if (!out.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      break;
    case tensor::float16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, raw.data() + 2 * i, 2);
        out[i] = half_value(bits);
      }
      break;
    case tensor::int8:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(static_cast<signed char>(raw.data()[i]));
      }
      break;
    default:
      break;
  }
  return out;
}

}  // namespace nevus::wire
