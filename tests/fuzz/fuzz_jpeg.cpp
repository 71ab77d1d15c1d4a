// Any bytes as a JPEG, decoded at every size: no crash, and either all pixels or one line.
#include <cstdlib>

#include "nevus/encoded.h"
#include "nevus/jpeg.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nevus;
  const std::span bytes(data, size);
  const auto info = inspect_encoded(bytes);
  // Large pictures of few bytes would take the time that others need.
  if (!info || info->codec != ImageCodec::jpeg ||
      info->width * std::int64_t{info->height} > 1'000'000)
    return 0;
  for (const int n : {1, 2, 4, 8}) {
    const auto decoded = decode_jpeg(bytes, n > 2 ? PixelFormat::rgb : PixelFormat::rgba, n);
    if (decoded ? decoded->width != (info->width + n - 1) / n || decoded->empty()
                : decoded.error().message.empty())
      std::abort();
  }
  return 0;
}
