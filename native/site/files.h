// Whole files, read and written, with errors that name the file and the system's reason.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "nevus/result.h"

namespace nevus {

Result<std::vector<std::uint8_t>> read_file(const std::filesystem::path& path);
Result<bool> write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

}  // namespace nevus
