// Model packages on disk.
#include "runtime/model_file.h"

#include <fstream>

#include "files/atomic_file.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxModelBytes = 256u << 20;  // as nevus::read_package

}  // namespace

Result<std::vector<std::uint8_t>> read_model(const fs::path& path) {
  const std::string name = path.string();
  std::error_code code;
  if (!fs::exists(path, code)) return Error{name + ": no such file", ""};
  if (!fs::is_regular_file(path, code)) return Error{name + ": not a file", ""};
  if (fs::file_size(path, code) > kMaxModelBytes) return Error{name + ": larger than 256 MiB", ""};
  std::ifstream in(path, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in.good() && !in.eof()) return Error{name + ": can't be read", ""};
  return bytes;
}

Result<bool> write_model(const fs::path& path, std::span<const std::uint8_t> onnx,
                         const ModelPackage& package) {
  auto bytes = without_metadata(onnx);
  if (!bytes) return Error{path.string() + ": " + bytes.error().message, ""};
  append_metadata(*bytes, package);
  auto written = write_whole(path, *bytes);
  if (!written) return written;
  return write_whole(fs::path(path).replace_extension(".json"), to_json(package));
}

}  // namespace nevus
