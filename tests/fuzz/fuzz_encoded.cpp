// Any bytes as an image file: no crash, and what is accepted keeps its promises.
#include <cstdlib>

#include "nevus/encoded.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = nevus::inspect_encoded({data, size});
  if (info) {
    const bool sane = info->width >= 0 && info->height >= 0 && info->orientation >= 1 &&
                      info->orientation <= 8 &&
                      std::int64_t{info->width} * info->height <= nevus::kMaxPixels;
    if (!sane) std::abort();
  } else if (info.error().message.empty() || info.error().message.find('\n') != std::string::npos) {
    std::abort();
  }
  return 0;
}
