// Photo files: read with the core's checks, write PNG.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// A photo's pixels; of a JPEG perhaps fewer than the file has.
struct DecodedPhoto : Image {
  int reduction = 1;   ///< how many of the file's pixels a side one of these stands for (jpeg.h)
  int full_width = 0;  ///< the file's, upright
  int full_height = 0;
};

/// Reads and decodes a photo upright. Greyscale becomes rgb, 16 bit becomes 8, alpha is kept
/// (rgba). Errors are one line without the file's name: can't be opened, what inspect_encoded()
/// refuses, a codec that this program doesn't read, damaged data. Thread-safe.
/// @param least_side  the shorter side may be decoded as small as that (needed_side), as the page
/// does
///                    it; 0: all pixels
Result<DecodedPhoto> read_photo(const std::filesystem::path& path, int least_side = 0);

/// Writes a PNG atomically (a temporary file beside it, then renamed).
Result<bool> write_png(const std::filesystem::path& path, const ImageView& image);

/// Writes a JPEG atomically; alpha is dropped.
/// @param quality  libjpeg's scale, 1 to 100
Result<bool> write_jpeg(const std::filesystem::path& path, const ImageView& image, int quality);
/// A JPEG's bytes, as write_jpeg() writes them.
Result<std::vector<std::uint8_t>> encode_jpeg(const ImageView& image, int quality);

}  // namespace nevus
