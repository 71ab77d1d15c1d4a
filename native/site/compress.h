// Compressed twins (.br, .gz) of a site's files, remembered by content between runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nevus/result.h"

namespace nevus {

enum class Encoding { brotli, gzip };

/// Brotli at quality 11 with a 16 MiB window (the largest of RFC 7932), or gzip at level 9. Looks
/// in `cache` first, a folder that may be removed at any time (empty path: no cache); a cache that
/// can't be written is no error. Thread-safe.
Result<std::vector<std::uint8_t>> compress(std::span<const std::uint8_t> bytes, Encoding encoding,
                                           const std::filesystem::path& cache);

/// ${XDG_CACHE_HOME:-~/.cache}/nevus/compressed; empty where neither is known.
std::filesystem::path compression_cache();

}  // namespace nevus
