// Pictures of any shape, format and stride through everything that touches pixels. The first bytes
// choose the shape, the others fill it; the picture has exactly its bytes, so reading beyond them
// is found.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "nevus/heatmap.h"
#include "nevus/lesion.h"
#include "nevus/lesion_measures.h"
#include "nevus/preprocess.h"
#include "nevus/quality.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nevus;
  if (size < 8) return 0;
  const PixelFormat formats[] = {PixelFormat::gray, PixelFormat::rgb, PixelFormat::rgba};
  const int width = 1 + (data[0] | (data[1] & 1) << 8), height = 1 + (data[2] | (data[3] & 1) << 8);
  const PixelFormat format = formats[data[4] % 3];
  const std::size_t padding = data[5] % 7;
  const auto row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels(format));
  const std::size_t stride = row + padding;
  // the last row has no padding behind it
  const std::size_t bytes = stride * static_cast<std::size_t>(height - 1) + row;
  const auto pixels = std::make_unique<std::uint8_t[]>(bytes);
  for (std::size_t i = 0; i < bytes; ++i) pixels[i] = data[i % size];
  const ImageView view{pixels.get(), width, height, stride, format};

  PreprocessSpec spec;
  spec.width = spec.height = 32 + data[6];
  std::vector<float> tensor(3 * static_cast<std::size_t>(spec.width * spec.height));
  preprocess(view, spec, tensor);
  for (const float value : tensor) {
    if (!std::isfinite(value)) std::abort();
  }
  const Quality quality = assess_quality(view);
  const bool sane = quality.sharpness >= 0 && quality.brightness >= 0 && quality.brightness <= 1 &&
                    quality.contrast >= 0 && quality.contrast <= 0.5 + 1e-9 &&
                    quality.clipped >= 0 && quality.clipped <= 1;
  if (!sane) std::abort();

  const Lesion lesion = find_lesion(view);
  for (const Point& p : lesion.outline) {
    if (!(p.x >= 0 && p.x <= width && p.y >= 0 && p.y <= height)) std::abort();
  }
  const LesionMeasures measures = measure_lesion(view, lesion.outline, 0.1);
  if (!(measures.asymmetry >= 0 && measures.asymmetry <= 1 && measures.compactness >= 1 &&
        measures.solidity >= 0 && measures.solidity <= 1)) {
    std::abort();
  }

  const int columns = 1 + data[7] % 9, rows = 1 + data[7] / 9 % 9;
  std::vector<float> evidence(static_cast<std::size_t>(columns * rows));
  for (std::size_t i = 0; i < evidence.size(); ++i) {
    // any bit pattern: infinities and NaN, too
    std::uint32_t bits = 0;
    for (std::size_t b = 0; b < 4; ++b) bits = bits << 8 | pixels[(4 * i + b) % bytes];
    std::memcpy(&evidence[i], &bits, 4);
  }
  const Image overlay = render_heatmap(evidence, columns, rows, 48);
  const Image blended = blend_heatmap(view, overlay.view(), data[6] / 200.0);
  if (blended.width != width || blended.height != height) std::abort();
  (void)apply_orientation(view, data[5] % 10);
  return 0;
}
