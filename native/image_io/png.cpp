// libpng reports errors by calling back and must not return: setjmp/longjmp is its documented way.
#include "image_io/png.h"

#include <png.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "nevus/encoded.h"

namespace nevus {
namespace {

struct Reader {
  std::span<const std::uint8_t> rest;
  char message[128] = {};
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto& reader = *static_cast<Reader*>(png_get_error_ptr(png));
  std::snprintf(reader.message, sizeof reader.message, "%s", text);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // odd metadata; no pixel is wrong

void read_data(png_structp png, png_bytep out, std::size_t size) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader.rest.size()) png_error(png, "ends too early");
  std::memcpy(out, reader.rest.data(), size);
  reader.rest = reader.rest.subspan(size);
}

// No object with a destructor may live in this frame: longjmp skips destructors.
bool decode(png_structp png, png_infop info, Image& image, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // the area is what counts, below
  png_read_info(png, info);
  const png_uint_32 width = png_get_image_width(png, info),
                    height = png_get_image_height(png, info);
  if (std::uint64_t{width} * height > std::uint64_t{kMaxPixels}) png_error(png, "too many pixels");
  png_set_expand(png);  // palette to RGB, 1-4 bits to 8, tRNS to alpha
  png_set_scale_16(png);
  const int color = png_get_color_type(png, info);
  const bool transparent =
      (color & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  const bool gray = (color & PNG_COLOR_MASK_COLOR) == 0;
  if (gray && transparent) png_set_gray_to_rgb(png);
  const int passes = png_set_interlace_handling(png);
  (void)passes;  // png_read_image() makes them
  png_read_update_info(png, info);
  const PixelFormat format =
      transparent ? PixelFormat::rgba : (gray ? PixelFormat::gray : PixelFormat::rgb);
  const std::size_t stride = std::size_t{width} * static_cast<std::size_t>(channels(format));
  if (png_get_rowbytes(png, info) != stride) png_error(png, "unexpected row size");
  image = Image(static_cast<int>(width), static_cast<int>(height), format);
  rows.resize(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = image.pixels.data() + y * stride;
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

Result<Image> decode_png(std::span<const std::uint8_t> bytes) {
  Reader reader{bytes};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (png == nullptr) return Error{"libpng can't be started", ""};
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &reader, read_data);
  Image image;
  std::vector<png_bytep> rows;
  const bool ok = info != nullptr && decode(png, info, image, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  if (!ok) return Error{std::string("damaged PNG: ") + reader.message, ""};
  return image;
}

}  // namespace nevus
