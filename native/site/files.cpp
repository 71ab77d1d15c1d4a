// See files.h. C's stdio rather than streams: errno says why.
#include "site/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace nevus {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error system_error(const std::filesystem::path& path) {
  return Error{path.string() + ": " + std::strerror(errno), ""};
}

}  // namespace

Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path) {
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (!file) return system_error(path);
  struct stat status {};
  if (fstat(fileno(file.get()), &status) != 0) return system_error(path);
  if (!S_ISREG(status.st_mode)) return Error{path.string() + ": not a file", ""};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  if (std::ferror(file.get())) return system_error(path);
  return bytes;
}

Result<bool> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wb"));
  if (!file) return system_error(path);
  if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    return system_error(path);
  if (std::fclose(file.release()) != 0) return system_error(path);
  return true;
}

}  // namespace nevus
