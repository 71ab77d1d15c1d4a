// JPEG through libjpeg-turbo, the decoder that browsers use: the same version natively and in
// WebAssembly, so that both see the same pixels. A photo far larger than anything that looks at it
// is decoded at a half, a quarter or an eighth of its size, which costs a fraction of the time and
// of the memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// How many of a JPEG's pixels a side become one: the greatest of 1, 2, 4 and 8 that leaves
/// `part_side` at least `least_side` pixels.
/// @param part_side   of the part that matters, pixels of the photo
/// @param least_side  0: all pixels are wanted
int jpeg_reduction(int part_side, int least_side);

/// Memory for width x height pixels without gaps between rows; null: there is none.
using PixelRoom = std::function<std::uint8_t*(int width, int height)>;

/// Decodes a JPEG as stored (orientation is the caller's work). With a `reduction` of n, each pixel
/// stands for n x n of the photo's, by inverse DCTs of fewer points (libjpeg's scaling); at the
/// right and at the bottom, for what is left. Data of which libjpeg warns (an early end, a marker
/// out of place) is an error; a wrong code that it doesn't notice is not.
/// @param bytes      what inspect_encoded() let through
/// @param format     rgb or rgba (alpha 255); greyscale is copied to three channels
/// @param reduction  1, 2, 4 or 8
/// @param room       called once, before the first pixel
Result<bool> decode_jpeg(std::span<const std::uint8_t> bytes, PixelFormat format, int reduction,
                         const PixelRoom& room);
/// The same into an image.
Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes,
                          PixelFormat format = PixelFormat::rgb, int reduction = 1);

}  // namespace nevus
