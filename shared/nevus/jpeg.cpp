// libjpeg reports errors by calling back, and the callback must not return.
#include "nevus/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <memory>
#include <string>

// jpeglib.h needs FILE and size_t to be declared before it.
#include <jpeglib.h>

#include <jerror.h>

#include "nevus/encoded.h"

namespace nevus {
namespace {

constexpr const char* kNoMemory = "not enough memory for this photo";

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands this back as cinfo->err
  std::jmp_buf jump;
  bool damaged = false;
  const char* refused = nullptr;
  char message[JMSG_LENGTH_MAX] = {};
};

// longjmp is libjpeg's documented way out. In WebAssembly it takes JavaScript's help at each call,
// while exceptions pass through C as it is compiled there (-fwasm-exceptions).
#ifdef __EMSCRIPTEN__
struct Stopped {};

[[noreturn]] void stop(ErrorState&) {
  throw Stopped{};
}

template <class Work>
bool unless_stopped(ErrorState&, const Work& work) {
  try {
    return work();
  } catch (const Stopped&) {
    return false;
  }
}
#else
[[noreturn]] void stop(ErrorState& state) {
  std::longjmp(state.jump, 1);
}

// No object with a destructor may live in `work`: longjmp skips destructors.
template <class Work>
bool unless_stopped(ErrorState& state, const Work& work) {
  return setjmp(state.jump) == 0 && work();
}
#endif

ErrorState& state_of(j_common_ptr info) {
  return *reinterpret_cast<ErrorState*>(info->err);
}

void on_error(j_common_ptr info) {
  ErrorState& state = state_of(info);
  if (info->err->msg_code == JERR_OUT_OF_MEMORY) state.refused = kNoMemory;
  (*info->err->format_message)(info, state.message);
  stop(state);
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

bool decode(jpeg_decompress_struct& info, ErrorState& state, std::span<const std::uint8_t> bytes,
            PixelFormat format, int reduction, const PixelRoom& room) {
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&info, TRUE);
  info.out_color_space = format == PixelFormat::rgba ? JCS_EXT_RGBA : JCS_RGB;
  info.scale_num = 1;
  info.scale_denom = static_cast<unsigned>(reduction);
  // Checked again here: what libjpeg reads decides how much is written.
  if (static_cast<std::int64_t>(info.image_width) * info.image_height > kMaxPixels) {
    state.refused = "more than 64 megapixels";
    return false;
  }
  jpeg_start_decompress(&info);
  JSAMPROW row = room(static_cast<int>(info.output_width), static_cast<int>(info.output_height));
  if (row == nullptr) {
    state.refused = kNoMemory;
    return false;
  }
  const std::size_t stride =
      std::size_t{info.output_width} * static_cast<std::size_t>(channels(format));
  for (; info.output_scanline < info.output_height; row += stride)
    jpeg_read_scanlines(&info, &row, 1);
  jpeg_finish_decompress(&info);
  return true;
}

}  // namespace

int jpeg_reduction(int part_side, int least_side) {
  int reduction = 1;
  if (least_side > 0) {
    while (reduction < 8 && part_side / (2 * reduction) >= least_side) reduction *= 2;
  }
  return reduction;
}

Result<bool> decode_jpeg(std::span<const std::uint8_t> bytes, PixelFormat format, int reduction,
                         const PixelRoom& room) {
  ErrorState state{};
  jpeg_decompress_struct info{};
  info.err = jpeg_std_error(&state.manager);
  state.manager.error_exit = on_error;
  state.manager.emit_message = on_message;
  // `room` may throw.
  const std::unique_ptr<jpeg_decompress_struct, decltype(&jpeg_destroy_decompress)> destroyer(
      &info, &jpeg_destroy_decompress);
  const bool ok =
      unless_stopped(state, [&] { return decode(info, state, bytes, format, reduction, room); });
  if (state.refused) return Error{state.refused, ""};
  if (!ok || state.damaged) return Error{std::string("damaged JPEG: ") + state.message, ""};
  return true;
}

Result<Image> decode_jpeg(std::span<const std::uint8_t> bytes, PixelFormat format, int reduction) {
  Image image;
  const auto decoded = decode_jpeg(bytes, format, reduction, [&](int width, int height) {
    image = Image(width, height, format);
    return image.pixels.data();
  });
  if (!decoded) return decoded.error();
  return image;
}

}  // namespace nevus
