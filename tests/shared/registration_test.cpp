// Alignment on pictures that were turned by a known amount, and on pictures of something else.
#include "nevus/registration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "nevus/lesion.h"
#include "odd_pictures.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

/// A dozen waves over the skin: its mottling, another one for each seed.
class Mottle {
 public:
  explicit Mottle(unsigned seed) {
    Noise noise(seed);
    for (Wave& wave : waves_) {
      const double turn = noise.next() * 0.0246;
      const double per_pixel = 2 * std::numbers::pi / (9 + noise.next() * 0.08);
      wave = {std::cos(turn) * per_pixel, std::sin(turn) * per_pixel, noise.next() * 0.0246};
    }
  }
  double operator()(double x, double y) const {
    double sum = 0;
    for (const Wave& wave : waves_) sum += std::sin(x * wave.x + y * wave.y + wave.phase);
    return 3.2 * sum;
  }

 private:
  struct Wave {
    double x, y, phase;
  };
  std::array<Wave, 12> waves_{};
};

/// What a camera sees whose pixels lie at `to_scene` of the scene: skin with a lobed, mottled spot
/// about (150, 112); a spot of its own for each seed. Gain and offset are the light.
Image seen(int width, int height, const Similarity& to_scene, unsigned seed, double gain = 1,
           double offset = 0) {
  static constexpr double kSkin[] = {222, 178, 160}, kMole[] = {130, 84, 68};
  const Mottle mottle(seed);
  Noise lobe(100 * seed + 1);
  const double size = 32 + lobe.next() * 0.06;
  const double lobes[] = {lobe.next() * 0.04 - 5, lobe.next() * 0.04 - 5, lobe.next() * 0.03 - 4};
  const double phase = lobe.next() * 0.0246;
  Image image(width, height, PixelFormat::rgb);
  Noise noise(seed + 5);
  std::size_t at = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Point p = to_scene({x + 0.5, y + 0.5});
      const double dx = p.x - 150, dy = p.y - 112, turn = std::atan2(dy, dx);
      const double radius = size + lobes[0] * std::sin(2 * turn) +
                            lobes[1] * std::sin(3 * turn + phase) +
                            lobes[2] * std::sin(5 * turn + 2 * phase);
      const double inside = std::clamp((radius - std::hypot(dx, dy)) / 3 + 0.5, 0.0, 1.0);
      const double texture = mottle(p.x, p.y);
      for (std::size_t c = 0; c < 3; ++c) {
        const double value = kSkin[c] * (1 - inside) + kMole[c] * inside + texture;
        image.pixels[at++] = static_cast<std::uint8_t>(
            std::clamp(gain * value + offset + noise.next() % 7 - 3, 0.0, 255.0));
      }
    }
  }
  return image;
}

/// A camera turned about the spot's middle, nearer by `scale`, with the spot at (x, y).
Similarity camera(double degrees, double scale, double x, double y) {
  const double turn = degrees * std::numbers::pi / 180;
  Similarity to_scene{std::cos(turn) / scale, std::sin(turn) / scale, 0, 0};
  const Point there = to_scene({x, y});
  to_scene.tx = 150 - there.x;
  to_scene.ty = 112 - there.y;
  return to_scene;
}

Registration align(const Image& fixed, const Image& moving) {
  return register_photos(fixed.view(), find_lesion(fixed.view()).outline, moving.view(),
                         find_lesion(moving.view()).outline);
}

TEST(Registration, AKnownTurnScaleAndShiftIsFoundUnderOtherLight) {
  const Image fixed = seen(300, 225, {}, 1);
  for (const auto& [degrees, scale, x, y, width, height] :
       {std::tuple{0.0, 1.0, 150.0, 112.0, 300, 225},
        {12.0, 1.1, 140.0, 120.0, 300, 225},
        {-75.0, 0.8, 165.0, 100.0, 300, 225},
        {178.0, 1.3, 145.0, 112.0, 300, 225},
        {40.0, 2.0, 300.0, 230.0, 600, 450},
        {95.0, 0.9, 112.0, 150.0, 225, 300}}) {
    const Similarity truth = camera(degrees, scale, x, y);
    const Registration found = align(fixed, seen(width, height, truth, 1, 0.85, 20));
    SCOPED_TRACE(testing::Message() << degrees << " degrees, scale " << scale);
    ASSERT_TRUE(found.aligned()) << sentence(*found.issue) << " " << found.detail;
    for (const Point& corner : {Point{x - 30, y - 30}, {x + 30, y}, {x, y + 30}}) {
      const Point wanted = truth(corner), got = found.transform(corner);
      EXPECT_LT(std::hypot(wanted.x - got.x, wanted.y - got.y), 0.5);
    }
    EXPECT_NEAR(found.transform.scale(), 1 / scale, 0.005);
    EXPECT_NEAR(std::remainder(found.transform.degrees() - degrees, 360), 0, 0.3);
    EXPECT_GT(found.after, 0.9);
    EXPECT_GT(found.detail, 0.7);
    EXPECT_GE(found.after, found.before - 0.01);
  }
}

TEST(Registration, WithoutOutlinesThePhotosMiddleServes) {
  const Image fixed = seen(300, 225, {}, 2);
  const Similarity truth = camera(20, 1.1, 155, 107);
  const Image moving = seen(300, 225, truth, 2);
  const Registration found = register_photos(fixed.view(), {}, moving.view(), {});
  ASSERT_TRUE(found.aligned());
  const Point there = found.transform({155, 107});
  EXPECT_LT(std::hypot(there.x - 150, there.y - 112), 0.5);
}

TEST(Registration, OtherSpotsAreMostlyRefusedAndOtherPicturesAlways) {
  const Image fixed = seen(300, 225, {}, 1);
  int refused = 0;
  for (unsigned seed = 3; seed < 9; ++seed) {
    const Registration found = align(fixed, seen(300, 225, {}, seed));
    EXPECT_LT(found.detail, 0.6) << seed;
    refused += !found.aligned();
  }
  EXPECT_GE(refused, 4);
  const Image noise = noise_picture(300, 225, PixelFormat::rgb);
  EXPECT_EQ(align(fixed, noise).issue, RegistrationIssue::no_match);
  EXPECT_EQ(align(noise, fixed).issue, RegistrationIssue::no_match);
}

TEST(Registration, WhatHoldsNothingIsRefusedWithItsReason) {
  const Image fixed = seen(200, 150, {}, 1);
  const Image plain = uniform_picture(200, 150, PixelFormat::rgb, 180);
  EXPECT_EQ(align(fixed, plain).issue, RegistrationIssue::nothing_to_align);
  EXPECT_EQ(align(plain, fixed).issue, RegistrationIssue::nothing_to_align);
  const Image tiny = seen(20, 20, {}, 1);
  EXPECT_EQ(align(fixed, tiny).issue, RegistrationIssue::too_small);
  EXPECT_EQ(align(fixed, fixed).issue, std::nullopt);
}

TEST(Registration, SillyOutlinesDoNoHarm) {
  const Image image = seen(300, 225, {}, 1);
  const std::vector<Point> line{{10, 10}, {50, 50}, {90, 90}};
  const std::vector<Point> far{{-1e6, -1e6}, {1e6, -1e6}, {1e6, 1e6}, {-1e6, 1e6}};
  const std::vector<Point> small{{299, 224}, {300, 224}, {300, 225}, {299, 225}};
  const std::vector<Point> odd{{std::nan(""), 1}, {2, std::nan("")}, {3, 4}};
  for (const auto& outline : {line, far, small, odd}) {
    for (const Registration& found : {register_photos(image.view(), outline, image.view(), {}),
                                      register_photos(image.view(), {}, image.view(), outline)}) {
      EXPECT_TRUE(std::isfinite(found.after));
      if (found.aligned()) {
        EXPECT_NEAR(found.transform.scale(), 1, 0.01);
      }
    }
  }
}

TEST(Registration, OddShapesAndFormats) {
  const Image gray = noise_picture(64, 400, PixelFormat::gray);
  EXPECT_TRUE(register_photos(gray.view(), {}, gray.view(), {}).aligned());
  const Image rgba = with_format(seen(300, 225, {}, 1), PixelFormat::rgba);
  EXPECT_TRUE(register_photos(rgba.view(), {}, rgba.view(), {}).aligned());
}

TEST(Registration, ASimilaritysInverseTakesBack) {
  const Similarity there{0.8, -0.9, 12, -7};
  const Point back = there.inverse()(there({3, 4}));
  EXPECT_NEAR(back.x, 3, 1e-12);
  EXPECT_NEAR(back.y, 4, 1e-12);
  EXPECT_NEAR(there.inverse().scale(), 1 / there.scale(), 1e-12);
  EXPECT_NEAR(there.inverse().degrees(), -there.degrees(), 1e-9);
}

}  // namespace
