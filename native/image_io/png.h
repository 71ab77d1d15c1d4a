// PNG through libpng itself, with its messages as values instead of lines on the terminal.
#pragma once

#include <cstdint>
#include <span>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// Decodes any PNG to 8 bits: gray or rgb, or rgba where there is transparency. 16 bits are scaled
/// by 1/257; gamma and colour profiles are left alone, as the page does. Damaged data is an error.
/// @param bytes  what inspect_encoded() let through
Result<Image> decode_png(std::span<const std::uint8_t> bytes);

}  // namespace nevus
