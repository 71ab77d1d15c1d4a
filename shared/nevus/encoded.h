// What an image file says of itself, read from its bytes before anything is decoded: refuses
// what can't be judged (not an image, too large, cut off, animated, CMYK) with the same words
// natively and in the page.
#pragma once

#include <cstdint>
#include <span>

#include "nevus/result.h"

namespace nevus {

enum class ImageCodec { jpeg, png, webp, bmp, tiff, gif, avif, heic };

/// The most pixels that are decoded: 64 megapixels.
inline constexpr std::int64_t kMaxPixels = 64'000'000;

struct EncodedInfo {
  ImageCodec codec = ImageCodec::jpeg;
  int width = 0;  ///< pixels as stored, before orientation; 0 where that isn't told apart here
                  ///< (avif, heic, some tiff: only the limit is checked)
  int height = 0;
  int orientation = 1;  ///< EXIF orientation, 1 to 8
};

/// Reads headers and walks the container to its end; never reads past `bytes`.
/// Errors, one line each without the file's name: empty file; "not an image"; truncated (a JPEG
/// without its end marker, a PNG without IEND, a WebP shorter than it declares); more than
/// kMaxPixels; zero size; animated (GIF with more than one frame, APNG, animated WebP, AVIF
/// sequence); CMYK or 12-bit JPEG; a video.
Result<EncodedInfo> inspect_encoded(std::span<const std::uint8_t> bytes);

}  // namespace nevus
