// Real JPEGs for tests, by the library that decodes them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

// jpeglib.h needs FILE and size_t to be declared before it.
#include <jpeglib.h>

#include "nevus/image.h"

namespace nevus::test {

/// A JPEG whose channels all have the full resolution.
/// @param colours  what the image's channels are: JCS_GRAYSCALE, JCS_RGB or (of an rgba image)
/// JCS_CMYK
inline std::vector<std::uint8_t> encoded(const Image& image, J_COLOR_SPACE colours = JCS_RGB) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = static_cast<JDIMENSION>(image.width);
  info.image_height = static_cast<JDIMENSION>(image.height);
  info.input_components = channels(image.format);
  info.in_color_space = colours;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 95, TRUE);
  info.comp_info[0].h_samp_factor = info.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&info, TRUE);
  const ImageView view = image.view();
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPROW>(view.data + info.next_scanline * view.stride);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::vector<std::uint8_t> bytes(memory, memory + size);
  jpeg_destroy_compress(&info);
  std::free(memory);
  return bytes;
}

}  // namespace nevus::test
