// A temporary name of this process's own, so that two runs into one folder don't mix their bytes.
#include "files/atomic_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

namespace nevus {

Result<bool> write_whole(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  std::filesystem::path temporary = path;
  temporary += ".part" + std::to_string(::getpid());
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code code;
  if (!out) {
    const std::string reason = errno != 0 ? std::strerror(errno) : "unknown error";
    std::filesystem::remove(temporary, code);
    return Error{path.string() + ": can't be written: " + reason, ""};
  }
  std::filesystem::rename(temporary, path, code);
  if (code) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    return Error{path.string() + ": can't be written: " + code.message(), ""};
  }
  return true;
}

Result<bool> write_whole(const std::filesystem::path& path, std::string_view text) {
  return write_whole(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace nevus
