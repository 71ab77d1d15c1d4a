// libjpeg reports errors by calling back and must not return: setjmp/longjmp is its documented way.
#include "image_io/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <string>

// jpeglib.h needs FILE and size_t to be declared before it.
#include <jpeglib.h>

#include <jerror.h>

#include "nevus/encoded.h"

namespace nevus {
namespace {

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands this back as cinfo->err
  std::jmp_buf jump;
  bool damaged = false;
  char message[JMSG_LENGTH_MAX] = {};
};

ErrorState& state_of(j_common_ptr info) {
  return *reinterpret_cast<ErrorState*>(info->err);
}

void on_error(j_common_ptr info) {
  ErrorState& state = state_of(info);
  (*info->err->format_message)(info, state.message);
  std::longjmp(state.jump, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // padding between segments: common, and no pixel is lost
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
      return;
    default: {
      ErrorState& state = state_of(info);
      if (state.damaged) return;
      state.damaged = true;
      (*info->err->format_message)(info, state.message);
    }
  }
}

// No object with a destructor may live in this frame: longjmp skips destructors.
bool decode(jpeg_decompress_struct& info, ErrorState& state, std::span<const std::uint8_t> bytes,
            Image& image) {
  if (setjmp(state.jump) != 0) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  const bool gray = info.num_components == 1;
  info.out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB;
  // Checked again here: what libjpeg reads decides how much is written.
  if (static_cast<std::int64_t>(info.image_width) * info.image_height > kMaxPixels) {
    std::snprintf(state.message, sizeof state.message, "too many pixels");
    return false;
  }
  jpeg_start_decompress(&info);
  image = Image(static_cast<int>(info.output_width), static_cast<int>(info.output_height),
                gray ? PixelFormat::gray : PixelFormat::rgb);
  const std::size_t stride = std::size_t{info.output_width} * (gray ? 1 : 3);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.pixels.data() + stride * info.output_scanline;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes) {
  ErrorState state{};
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&state.manager);
  state.manager.error_exit = on_error;
  state.manager.emit_message = on_message;
  Image image;
  const bool ok = decode(info, state, bytes, image);
  jpeg_destroy_decompress(&info);
  if (!ok || state.damaged) return Error{std::string("damaged JPEG: ") + state.message, ""};
  return image;
}

}  // namespace nevus
