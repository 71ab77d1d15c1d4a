// JPEG through libjpeg(-turbo) itself: the decoder that browsers use, with its warnings as values
// instead of lines on the terminal.
#pragma once

#include <cstdint>
#include <span>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// Decodes a JPEG as stored (orientation is the caller's work): rgb, or gray for one component.
/// Data that libjpeg could only guess at (a broken Huffman code, an early end) is an error.
/// @param bytes  what inspect_encoded() let through
Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes);

}  // namespace nevus
