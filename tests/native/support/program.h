// Runs a program as a user would, and keeps what it said.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace nevus::test {

struct Ran {
  int status = -1;  ///< exit status; 128 + signal where it was killed
  std::string out, err;
};

/// Runs to the end, at most 100 seconds; the terminal is never seen by it.
Ran run(const std::string& program, const std::vector<std::string>& arguments);

/// Lines of a text without their ends.
std::vector<std::string> lines(const std::string& text);

/// A folder for one test, gone afterwards.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::string str() const { return path_.string(); }
  /// Writes a file, with the folders above it.
  std::filesystem::path write(const std::string& name, std::span<const std::uint8_t> bytes) const;
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& path);

}  // namespace nevus::test
