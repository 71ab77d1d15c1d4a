// Augmented views: the right size, what the settings ask for, nothing invented.
#include "data/augment.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>

#include "nevus/preprocess.h"
#include "support/odd_images.h"

namespace nevus {
namespace {

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

// Everything off: the flips remain.
AugmentSpec still() {
  AugmentSpec spec;
  spec.min_scale = 1;
  spec.aspect = 1;
  spec.max_rotation = 0;
  spec.color = spec.hue = spec.blur = 0;
  return spec;
}

TEST(Augment, WithEverythingOffIsThePreprocessingOrAFlipOfIt) {
  PreprocessSpec input;
  for (const auto& [width, height] :
       {std::pair{224, 224}, std::pair{700, 700}, std::pair{1500, 1500}}) {
    const Image photo = test::lopsided_photo(width, height);
    const Image plain = crop_and_resize(photo.view(), input);
    // Orientations 1 to 4 are the four combinations of flips.
    bool seen[5] = {};
    for (std::uint64_t seed = 0; seed < 16; ++seed) {
      const Image view = augment(photo.view(), input, still(), seed);
      double best = 1e9;
      int which = 0;
      for (int o = 1; o <= 4; ++o) {
        const double d = mean_difference(view, apply_orientation(plain.view(), o));
        if (d < best) {
          best = d;
          which = o;
        }
      }
      EXPECT_LT(best, 1.5) << width << " " << seed;
      seen[which] = true;
    }
    for (int o = 1; o <= 4; ++o) EXPECT_TRUE(seen[o]) << o;
  }
}

TEST(Augment, SeedDecides) {
  const Image photo = test::lopsided_photo(300, 200);
  const Image a = augment(photo.view(), {}, {}, 11), b = augment(photo.view(), {}, {}, 11);
  const Image c = augment(photo.view(), {}, {}, 12);
  EXPECT_EQ(a.pixels, b.pixels);
  EXPECT_NE(a.pixels, c.pixels);
  EXPECT_EQ(a.width, 224);
  EXPECT_EQ(a.height, 224);
  EXPECT_EQ(a.format, PixelFormat::rgb);
}

TEST(Augment, AUniformPhotoStaysUniform) {
  // Reflected borders, no black corners: only colour may change, and everywhere alike.
  for (const PixelFormat format : {PixelFormat::gray, PixelFormat::rgb, PixelFormat::rgba}) {
    Image photo(90, 60, format);
    std::fill(photo.pixels.begin(), photo.pixels.end(), std::uint8_t{180});
    if (format == PixelFormat::rgba)
      for (std::size_t i = 3; i < photo.pixels.size(); i += 4) photo.pixels[i] = 255;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      const Image view = augment(photo.view(), {}, {}, seed);
      for (std::size_t i = 3; i < view.pixels.size(); ++i)
        ASSERT_EQ(view.pixels[i], view.pixels[i - 3]) << seed;
    }
  }
}

TEST(Augment, ShrinkingDoesNotAlias) {
  // A fine checkerboard averages to grey; point sampling would give black and white noise.
  Image photo(2240, 2240, PixelFormat::rgb);
  for (int y = 0; y < 2240; ++y)
    for (int x = 0; x < 2240; ++x)
      for (int k = 0; k < 3; ++k)
        photo.pixels[3 * (static_cast<std::size_t>(y) * 2240 + static_cast<std::size_t>(x)) +
                     static_cast<std::size_t>(k)] = (x + y) % 2 ? 255 : 0;
  AugmentSpec spec = still();
  spec.max_rotation = 180;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Image view = augment(photo.view(), {}, spec, seed);
    for (const std::uint8_t value : view.pixels) ASSERT_NEAR(value, 127, 20);
  }
}

TEST(Augment, HairCutOutAndJpegDoWhatTheySay) {
  const PreprocessSpec input;
  Image photo(300, 300, PixelFormat::rgb);
  for (std::size_t i = 0; i < photo.pixels.size(); ++i)
    photo.pixels[i] = static_cast<std::uint8_t>(150 + (i / 3 % 300) / 6 + (i / 900) / 10);
  AugmentSpec none;
  none.min_scale = none.aspect = 1;
  none.max_rotation = none.color = none.hue = none.blur = 0;
  const Image plain = augment(photo.view(), input, none, 5);
  const auto changed = [&](const AugmentSpec& spec) {
    const Image view = augment(photo.view(), input, spec, 5);
    std::size_t pixels = 0;
    for (std::size_t i = 0; i < view.pixels.size(); i += 3)
      pixels += std::abs(view.pixels[i] - plain.pixels[i]) > 8 ? 1 : 0;
    return static_cast<double>(pixels) / (224.0 * 224.0);
  };
  AugmentSpec hair = none, cutout = none, jpeg = none;
  hair.hair = cutout.cutout = jpeg.jpeg = 1;
  EXPECT_GT(changed(hair), 0.001);
  EXPECT_LT(changed(hair), 0.2);
  EXPECT_GT(changed(cutout), 0.005);
  EXPECT_LT(changed(cutout), 0.16);
  EXPECT_LT(changed(jpeg), 0.01) << "a smooth photo survives";
  EXPECT_NE(augment(photo.view(), input, jpeg, 5).pixels, plain.pixels);
}

TEST(Augment, TheTrainingCopyIsSmallAndOpaque) {
  const PreprocessSpec input;
  const Image big(1200, 900, PixelFormat::rgba);
  const Image copy = training_copy(big.view(), input);
  EXPECT_EQ(copy.height, 336);
  EXPECT_EQ(copy.width, 448);
  EXPECT_EQ(copy.format, PixelFormat::rgb);
  EXPECT_EQ(copy.pixels[0], 255) << "transparent lies over white";
  const Image small(300, 224, PixelFormat::rgb);
  EXPECT_EQ(training_copy(small.view(), input).width, 300);
}

TEST(Augment, OddShapesDoNotCrash) {
  for (const auto& [w, h] : {std::pair{1, 1}, std::pair{1, 3000}, std::pair{3000, 1},
                             std::pair{17, 31}, std::pair{5000, 40}}) {
    const Image photo(w, h, PixelFormat::rgb);
    for (std::uint64_t seed = 0; seed < 10; ++seed)
      EXPECT_EQ(augment(photo.view(), {}, {}, seed).pixels.size(), std::size_t{224} * 224 * 3);
  }
}

TEST(Augment, IsFasterThanTraining) {
  const Image photo = test::lopsided_photo(224, 224);
  const auto start = std::chrono::steady_clock::now();
  for (std::uint64_t seed = 0; seed < 100; ++seed) augment(photo.view(), {}, {}, seed);
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() /
      100;
  RecordProperty("ms_per_view", std::to_string(ms));
  std::printf("%.2f ms a view\n", ms);
  EXPECT_LT(ms, 40);  // wide: sanitizers and busy machines
}

}  // namespace
}  // namespace nevus
