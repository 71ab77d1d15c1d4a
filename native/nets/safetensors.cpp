// The safetensors format.
#include "nets/safetensors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

namespace nevus {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;  // the limit of the reference implementation
constexpr std::uint64_t kMaxFile = std::uint64_t{4} << 30;
constexpr std::size_t kMaxRank = 8;
// A header is an object of objects of arrays: anything deeper is not ours, and may be an attack on
// the parser's stack.
constexpr int kMaxDepth = 4;

std::size_t size_of(TensorType type) {
  return type == TensorType::f32 ? 4 : 8;
}
const char* name_of(TensorType type) {
  return type == TensorType::f32 ? "F32" : "I64";
}

// `shape` times the element's size, or false where it doesn't fit 63 bits.
bool byte_count(const std::vector<std::int64_t>& shape, TensorType type, std::uint64_t& bytes) {
  bytes = size_of(type);
  for (const std::int64_t length : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(length), &bytes) ||
        bytes > kMaxFile) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<SafeTensors> SafeTensors::parse(std::vector<std::uint8_t> bytes) {
  if (bytes.size() < 8) {
    return Error{"not a safetensors file: shorter than 8 bytes", ""};
  }
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), 8);
  if (header_size > kMaxHeader || header_size > bytes.size() - 8) {
    return Error{"not a safetensors file, or truncated: the header ends beyond the file", ""};
  }
  const char* header_text = reinterpret_cast<const char*>(bytes.data()) + 8;
  bool too_deep = false;
  const auto header = nlohmann::json::parse(
      header_text, header_text + header_size,
      [&too_deep](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
        too_deep = too_deep || depth > kMaxDepth;
        return !too_deep;
      },
      false);
  if (too_deep || !header.is_object()) {
    return Error{"not a safetensors file: its header is not a JSON object", ""};
  }

  SafeTensors result;
  result.bytes_ = std::move(bytes);
  const auto data = std::span<const std::uint8_t>(result.bytes_).subspan(8 + header_size);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (!entry.is_object()) {
      return Error{"header entry is not an object", name};
    }
    if (name == "__metadata__") {
      for (const auto& [key, text] : entry.items()) {
        if (!text.is_string()) {
          return Error{"metadata is not a text", key};
        }
        result.metadata_[key] = text.get<std::string>();
      }
      continue;
    }
    const auto dtype = entry.find("dtype");
    const auto shape = entry.find("shape");
    const auto offsets = entry.find("data_offsets");
    if (dtype == entry.end() || !dtype->is_string() || shape == entry.end() || !shape->is_array() ||
        shape->size() > kMaxRank || offsets == entry.end() || !offsets->is_array() ||
        offsets->size() != 2) {
      return Error{"tensor " + name + " lacks a proper dtype, shape or data_offsets", name};
    }
    TensorView view;
    if (*dtype == "F32") {
      view.type = TensorType::f32;
    } else if (*dtype == "I64") {
      view.type = TensorType::i64;
    } else {
      return Error{"tensor " + name + " has a type other than F32 and I64", name};
    }
    for (const auto& length : *shape) {
      if (!length.is_number_unsigned() || length.get<std::uint64_t>() > kMaxFile) {
        return Error{"tensor " + name + " has an absurd shape", name};
      }
      view.shape.push_back(static_cast<std::int64_t>(length.get<std::uint64_t>()));
    }
    if (!(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
      return Error{"tensor " + name + " has absurd data_offsets", name};
    }
    const auto begin = (*offsets)[0].get<std::uint64_t>();
    const auto end = (*offsets)[1].get<std::uint64_t>();
    std::uint64_t expected = 0;
    if (begin > end || end > data.size()) {
      return Error{"tensor " + name + " ends beyond the file (truncated?)", name};
    }
    if (!byte_count(view.shape, view.type, expected) || expected != end - begin) {
      return Error{"tensor " + name + ": its shape doesn't fit its bytes", name};
    }
    view.bytes = data.subspan(begin, end - begin);
    ranges.emplace_back(begin, end);
    result.tensors_[name] = std::move(view);
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t position = 0;
  for (const auto& [begin, end] : ranges) {
    if (begin != position) {
      return Error{"tensors overlap or leave gaps", ""};
    }
    position = end;
  }
  if (position != data.size()) {
    return Error{"bytes after the last tensor", ""};
  }
  return result;
}

Result<SafeTensors> SafeTensors::read(const std::filesystem::path& path) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(path, status)) {
    return Error{path.string() + ": no such file", ""};
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    return Error{path.string() + ": can't be opened: " + std::strerror(errno), ""};
  }
  const std::streamoff size = file.tellg();
  if (size < 0 || static_cast<std::uint64_t>(size) > kMaxFile) {
    return Error{path.string() + ": larger than 4 GiB", ""};
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) {
    return Error{path.string() + ": can't be read", ""};
  }
  auto parsed = parse(std::move(bytes));
  if (!parsed) {
    return Error{path.string() + ": " + parsed.error().message, parsed.error().field};
  }
  return parsed;
}

const TensorView* SafeTensors::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Result<bool> write_safetensors(const std::filesystem::path& path,
                               const std::map<std::string, TensorView>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  std::uint64_t position = 0;
  for (const auto& [name, view] : tensors) {
    header[name] = {{"dtype", name_of(view.type)},
                    {"shape", view.shape},
                    {"data_offsets", {position, position + view.bytes.size()}}};
    position += view.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_size = text.size();

  const std::filesystem::path temporary = path.string() + ".tmp";
  const auto failed = [&](const std::string& what) {
    const std::string reason = std::strerror(errno);
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    return Error{path.string() + ": " + what + ": " + reason, ""};
  };
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&header_size), 8);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& [name, view] : tensors) {
      file.write(reinterpret_cast<const char*>(view.bytes.data()),
                 static_cast<std::streamsize>(view.bytes.size()));
    }
    file.close();
    if (!file) {
      return failed("can't be written");
    }
  }
  // Without this a power cut may leave the new name on an empty file.
  const int descriptor = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 || ::fsync(descriptor) != 0) {
    if (descriptor >= 0) ::close(descriptor);
    return failed("can't be written");
  }
  ::close(descriptor);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    return failed("can't be renamed");
  }
  return true;
}

}  // namespace nevus
