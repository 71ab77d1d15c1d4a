// A model package as files: model.onnx, and its description beside it for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"

namespace nevus {

/// The file's bytes. Errors name the file: not there, not a file, larger than 256 MiB, unreadable.
Result<std::vector<std::uint8_t>> read_model(const std::filesystem::path& path);

/// Writes `onnx`, whatever description it holds replaced by `package`, and that as text to the same
/// name with .json; each whole or not at all. Errors name the file.
Result<bool> write_model(const std::filesystem::path& path, std::span<const std::uint8_t> onnx,
                         const ModelPackage& package);

}  // namespace nevus
