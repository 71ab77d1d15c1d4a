// The safetensors format: eight bytes of header length, a JSON header, raw little-endian tensors
// (https://huggingface.co/docs/safetensors). The reader treats a file as hostile. No LibTorch here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nevus/result.h"

namespace nevus {

enum class TensorType { f32, i64 };

/// A tensor's shape and its bytes, row-major, little-endian.
struct TensorView {
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;  ///< each >= 0
  std::span<const std::uint8_t> bytes;
};

/// A file in memory; the views look into it.
class SafeTensors {
 public:
  /// Errors, one line each without the file's name: shorter than its header says, not JSON, a type
  /// other than F32 or I64, a shape that doesn't fit its bytes, tensors that overlap or leave gaps.
  static Result<SafeTensors> parse(std::vector<std::uint8_t> bytes);
  /// Reads a file of at most 4 GiB; the error names it.
  static Result<SafeTensors> read(const std::filesystem::path& path);

  /// Null where there is no tensor of that name.
  const TensorView* find(const std::string& name) const;
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  /// The header's "__metadata__", texts by name.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Writes a file atomically: a temporary one beside it, synced, then renamed. The error names it.
Result<bool> write_safetensors(const std::filesystem::path& path,
                               const std::map<std::string, TensorView>& tensors,
                               const std::map<std::string, std::string>& metadata);

}  // namespace nevus
