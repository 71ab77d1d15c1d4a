// Synthetic lesions: the same for a seed, different otherwise, and with what their label says.
#include "synth/lesion.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "nevus/quality.h"

namespace nevus {
namespace {

Image lesion(bool malignant, std::uint64_t seed) {
  LesionSpec spec;
  spec.width = 240;
  spec.height = 180;
  spec.malignant = malignant;
  spec.seed = seed;
  return synthesize_lesion(spec);
}

TEST(Synth, SeedAndLabelDecide) {
  EXPECT_EQ(lesion(false, 5).pixels, lesion(false, 5).pixels);
  EXPECT_NE(lesion(false, 5).pixels, lesion(false, 6).pixels);
  EXPECT_NE(lesion(false, 5).pixels, lesion(true, 5).pixels);
}

TEST(Synth, HasTheSizeAskedFor) {
  for (const auto& [w, h] : {std::pair{64, 64}, std::pair{100, 300}, std::pair{1000, 700}}) {
    LesionSpec spec;
    spec.width = w;
    spec.height = h;
    const Image image = synthesize_lesion(spec);
    EXPECT_EQ(image.width, w);
    EXPECT_EQ(image.height, h);
    EXPECT_EQ(image.format, PixelFormat::rgb);
  }
}

// Spread of colour direction (chroma) among the dark pixels: several colours against one.
double colour_spread(const Image& image) {
  double sum[2] = {}, squares[2] = {};
  double n = 0, mean = 0;
  for (const std::uint8_t v : image.pixels) mean += v;
  mean /= static_cast<double>(image.pixels.size());
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    const double r = image.pixels[i], g = image.pixels[i + 1], b = image.pixels[i + 2],
                 all = r + g + b + 1;
    if (all / 3 > 0.75 * mean) continue;
    const double c[2] = {r / all, b / all};
    for (int k = 0; k < 2; ++k) {
      sum[k] += c[k];
      squares[k] += c[k] * c[k];
    }
    ++n;
  }
  if (n < 10) return 0;
  return std::sqrt(squares[0] / n - sum[0] * sum[0] / n / n + squares[1] / n -
                   sum[1] * sum[1] / n / n);
}

TEST(Synth, MalignantOnesHaveMoreColours) {
  double benign = 0, malignant = 0;
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    benign += colour_spread(lesion(false, seed));
    malignant += colour_spread(lesion(true, seed));
  }
  EXPECT_GT(malignant, 1.3 * benign);
}

TEST(Synth, CoversLightAndDarkSkinAndCanBeJudged) {
  double lightest = 0, darkest = 255;
  int refused = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Image image = lesion(seed % 2 == 0, seed);
    const double corner =
        (image.pixels[3 * 20] + image.pixels[3 * 20 + 1] + image.pixels[3 * 20 + 2]) / 3.0;
    lightest = std::max(lightest, corner);
    darkest = std::min(darkest, corner);
    refused += assess_quality(image.view()).judgeable() ? 0 : 1;
  }
  EXPECT_GT(lightest, 165);
  EXPECT_LT(darkest, 100);
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace nevus
