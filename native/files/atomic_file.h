// Files that are written whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "nevus/result.h"

namespace nevus {

/// Writes a temporary file beside `path`, then renames it. The error names the file and the reason;
/// nothing is left behind then.
Result<bool> write_whole(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
Result<bool> write_whole(const std::filesystem::path& path, std::string_view text);

}  // namespace nevus
