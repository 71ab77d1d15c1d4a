// Photo files: read with the core's checks, write PNG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// Reads and decodes a photo upright. Greyscale becomes rgb, 16 bit becomes 8, alpha is kept
/// (rgba). Errors are one line without the file's name: can't be opened, what inspect_encoded()
/// refuses, a codec that this program doesn't read, damaged data. Thread-safe.
Result<Image> read_photo(const std::filesystem::path& path);

/// Writes a PNG atomically (a temporary file beside it, then renamed).
Result<bool> write_png(const std::filesystem::path& path, const ImageView& image);

/// Writes a JPEG atomically; alpha is dropped.
/// @param quality  libjpeg's scale, 1 to 100
Result<bool> write_jpeg(const std::filesystem::path& path, const ImageView& image, int quality);
/// A JPEG's bytes, as write_jpeg() writes them.
Result<std::vector<std::uint8_t>> encode_jpeg(const ImageView& image, int quality);

}  // namespace nevus
