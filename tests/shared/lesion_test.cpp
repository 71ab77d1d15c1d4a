// The outline on pictures whose lesion is known, and on everything that is no photo of one.
#include "nevus/lesion.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "nevus/lesion_measures.h"
#include "odd_pictures.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

using Colour = std::array<int, 3>;
constexpr Colour kLight{222, 178, 160}, kDark{96, 66, 52};
constexpr Colour kMole{120, 74, 58}, kDarkMole{44, 28, 24};

/// Skin with `mole` where `inside` says so; a little grain.
Image skin(int width, int height, const Colour& around, const Colour& mole,
           const std::function<bool(double, double)>& inside) {
  Image image(width, height, PixelFormat::rgb);
  Noise noise(11);
  std::size_t at = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const int grain = noise.next() % 9 - 4;
      const Colour& colour = inside(x + 0.5, y + 0.5) ? mole : around;
      for (const int value : colour)
        image.pixels[at++] = static_cast<std::uint8_t>(std::clamp(value + grain, 0, 255));
    }
  }
  return image;
}

std::function<bool(double, double)> disc(double cx, double cy, double radius) {
  return [=](double x, double y) {
    return (x - cx) * (x - cx) + (y - cy) * (y - cy) < radius * radius;
  };
}

void paint(Image& image, const Colour& colour, const std::function<bool(int, int)>& where) {
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (where(x, y))
        for (std::size_t c = 0; c < 3; ++c)
          image.pixels[3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                            static_cast<std::size_t>(x)) +
                       c] = static_cast<std::uint8_t>(colour[c]);
}

/// Wants a disc of this centre and radius. The outline is meant to lie just outside.
void expect_disc(const Image& image, double cx, double cy, double radius, const char* what) {
  const Lesion lesion = find_lesion(image.view());
  ASSERT_TRUE(lesion.found()) << what << ": " << sentence(*lesion.issue);
  const double cell = std::max(1.0, std::max(image.width, image.height) / 128.0);
  for (const Point& p : lesion.outline) {
    const double off = std::hypot(p.x - cx, p.y - cy) - radius;
    EXPECT_GT(off, -1.5 * cell) << what << " at " << p.x << " " << p.y;
    EXPECT_LT(off, 3.0 * cell) << what << " at " << p.x << " " << p.y;
  }
  const double expected = std::numbers::pi * radius * radius / image.width / image.height;
  EXPECT_NEAR(lesion.area / expected, 1 + 2 * cell / radius, 2.5 * cell / radius) << what;
  EXPECT_GT(lesion.confidence, 0.8) << what;
  EXPECT_LE(std::abs(lesion.box.x + lesion.box.width / 2.0 - cx), 2 * cell) << what;
  EXPECT_GE(lesion.crop.width, lesion.box.width) << what;
  EXPECT_EQ(lesion.crop.width, lesion.crop.height) << what;
}

TEST(Lesion, ADiscIsFoundOnLightAndDarkSkinAtEverySize) {
  for (const auto& [w, h] : {std::pair{64, 64}, {200, 150}, {600, 450}, {450, 600}, {1500, 1000}}) {
    const double radius = std::min(w, h) * 0.24;
    expect_disc(skin(w, h, kLight, kMole, disc(w * 0.5, h * 0.48, radius)), w * 0.5, h * 0.48,
                radius, "light");
    expect_disc(skin(w, h, kDark, kDarkMole, disc(w * 0.5, h * 0.48, radius)), w * 0.5, h * 0.48,
                radius, "dark");
  }
}

TEST(Lesion, DarkCornersHairAndARulerAreNotTheLesion) {
  constexpr int w = 600, h = 450;
  const auto fresh = [] { return skin(w, h, kLight, kMole, disc(290, 230, 80)); };
  Image corners = fresh();
  paint(corners, {8, 8, 10}, [](int x, int y) { return std::hypot(x - w / 2, y - h / 2) > 300; });
  expect_disc(corners, 290, 230, 80, "dark corners");

  Image hair = fresh();
  for (int k = 0; k < 12; ++k) {
    paint(hair, {40, 30, 28},
          [k](int x, int y) { return std::abs(y - (20 + 40 * k + (x * (k % 5 - 2)) / 6)) < 2; });
  }
  expect_disc(hair, 290, 230, 80, "hair");

  Image ruler = fresh();
  paint(ruler, {30, 30, 35}, [](int x, int y) { return y > h - 30 && x % 20 < 2; });
  expect_disc(ruler, 290, 230, 80, "ruler");
}

TEST(Lesion, OfSeveralSpotsTheCentralOne) {
  const auto two = [](double x, double y) {
    return disc(300, 225, 60)(x, y) || disc(60, 60, 30)(x, y);
  };
  expect_disc(skin(600, 450, kLight, kMole, two), 300, 225, 60, "two spots");
}

TEST(Lesion, ALesionCutByThePhotosBorderEndsThere) {
  const Image image = skin(300, 200, kLight, kMole, disc(150, 0, 90));
  const Lesion lesion = find_lesion(image.view());
  ASSERT_TRUE(lesion.found());
  double top = 200;
  for (const Point& p : lesion.outline) {
    top = std::min(top, p.y);
    EXPECT_GE(p.x, 0);
    EXPECT_GE(p.y, 0);
    EXPECT_LE(p.x, 300);
    EXPECT_LE(p.y, 200);
  }
  EXPECT_EQ(top, 0);
  EXPECT_EQ(lesion.box.y, 0);
  EXPECT_NEAR(lesion.area, std::numbers::pi * 90 * 90 / 2 / 60000, 0.04);
}

TEST(Lesion, NothingIsFoundWhereNothingIs) {
  using enum PixelFormat;
  for (const auto format : {gray, rgb, rgba}) {
    for (const std::uint8_t value : {0, 128, 255}) {
      const Lesion lesion = find_lesion(uniform_picture(300, 200, format, value).view());
      ASSERT_FALSE(lesion.found()) << int{value};
      EXPECT_EQ(*lesion.issue, OutlineIssue::nothing_stands_out);
      EXPECT_TRUE(lesion.outline.empty());
      EXPECT_EQ(lesion.confidence, 0);
    }
  }
}

TEST(Lesion, TinyAndNarrowPicturesAreRefusedWithAReason) {
  EXPECT_EQ(find_lesion(noise_picture(1, 1, PixelFormat::rgb).view()).issue,
            OutlineIssue::too_small);
  EXPECT_EQ(find_lesion(noise_picture(1, 5000, PixelFormat::rgb).view()).issue,
            OutlineIssue::too_small);
  EXPECT_EQ(find_lesion(noise_picture(31, 300, PixelFormat::gray).view()).issue,
            OutlineIssue::too_small);
  EXPECT_EQ(find_lesion(noise_picture(40, 330, PixelFormat::rgba).view()).issue,
            OutlineIssue::too_narrow);
}

TEST(Lesion, WhateverThePictureTheOutlineLiesInIt) {
  for (const auto& [name, image] : odd_pictures()) {
    const Lesion lesion = find_lesion(image.view());
    EXPECT_EQ(lesion.found(), !lesion.outline.empty()) << name;
    EXPECT_GE(lesion.confidence, 0) << name;
    EXPECT_LE(lesion.confidence, 1) << name;
    for (const Point& p : lesion.outline) {
      ASSERT_TRUE(p.x >= 0 && p.x <= image.width && p.y >= 0 && p.y <= image.height) << name;
    }
    if (!lesion.found()) continue;
    for (const Rect& rect : {lesion.box, lesion.crop}) {
      EXPECT_TRUE(rect.x >= 0 && rect.y >= 0 && rect.width > 0 && rect.height > 0 &&
                  rect.x + rect.width <= image.width && rect.y + rect.height <= image.height)
          << name;
    }
  }
}

TEST(Lesion, FortyMegapixels) {
  const double radius = 1300;
  Image image(8000, 5000, PixelFormat::gray);
  for (int y = 0; y < image.height; ++y) {
    std::uint8_t* row = image.pixels.data() + static_cast<std::size_t>(y) * 8000;
    const double half = radius * radius - (y - 2500.0) * (y - 2500.0);
    const int reach = half > 0 ? static_cast<int>(std::sqrt(half)) : 0;
    std::fill(row, row + 8000, std::uint8_t{190});
    std::fill(row + 4000 - reach, row + 4000 + reach, std::uint8_t{90});
  }
  expect_disc(image, 4000, 2500, radius, "40 megapixels");
}

TEST(Lesion, FormatsAndRowsWithGapsAgree) {
  const Image rgb = lesion_picture(300, 200);
  const Lesion expected = find_lesion(rgb.view());
  ASSERT_TRUE(expected.found());
  EXPECT_EQ(find_lesion(with_format(rgb, PixelFormat::rgba).view()).outline, expected.outline);
  std::vector<std::uint8_t> padded(200 * 913, 77);
  for (int y = 0; y < 200; ++y)
    std::copy_n(rgb.pixels.begin() + y * 900, 900, padded.begin() + y * 913);
  EXPECT_EQ(find_lesion({padded.data(), 300, 200, 913, PixelFormat::rgb}).outline,
            expected.outline);
}

TEST(Lesion, TurnsAndMirrorImagesGiveTheSameOutline) {
  // Lopsided, so that no turn looks like another.
  const Image upright = skin(320, 240, kLight, kMole, [](double x, double y) {
    return disc(150, 110, 50)(x, y) || disc(190, 140, 30)(x, y) ||
           (x > 100 && x < 120 && y > 110 && y < 190);
  });
  const Lesion expected = find_lesion(upright.view());
  ASSERT_TRUE(expected.found());
  const LesionMeasures measured = measure_lesion(upright.view(), expected.outline);
  const double w = upright.width, h = upright.height;
  for (int orientation = 2; orientation <= 8; ++orientation) {
    const Image turned = apply_orientation(upright.view(), orientation);
    const Lesion lesion = find_lesion(turned.view());
    ASSERT_TRUE(lesion.found()) << orientation;
    ASSERT_EQ(lesion.outline.size(), expected.outline.size()) << orientation;
    EXPECT_NEAR(lesion.area, expected.area, 1e-12) << orientation;
    EXPECT_NEAR(lesion.confidence, expected.confidence, 1e-12) << orientation;
    double worst = 0;
    for (const Point& p : expected.outline) {
      const Point moved[] = {{w - p.x, p.y}, {w - p.x, h - p.y}, {p.x, h - p.y}, {p.y, p.x},
                             {h - p.y, p.x}, {h - p.y, w - p.x}, {p.y, w - p.x}};
      const Point& to = moved[orientation - 2];
      double nearest = 1e9;
      for (const Point& q : lesion.outline)
        nearest = std::min(nearest, std::hypot(q.x - to.x, q.y - to.y));
      worst = std::max(worst, nearest);
    }
    EXPECT_LT(worst, 1e-9) << orientation;
    const LesionMeasures again = measure_lesion(turned.view(), lesion.outline);
    // Mirrored on a raster, whose cells fall differently after a turn.
    EXPECT_NEAR(again.asymmetry, measured.asymmetry, 0.01) << orientation;
    EXPECT_NEAR(again.compactness, measured.compactness, 1e-9) << orientation;
    EXPECT_NEAR(again.solidity, measured.solidity, 1e-9) << orientation;
    EXPECT_NEAR(again.diameter, measured.diameter, 1e-9) << orientation;
    EXPECT_EQ(again.colour_count, measured.colour_count) << orientation;
    for (std::size_t k = 0; k < kLesionColours; ++k)
      EXPECT_NEAR(again.colours[k], measured.colours[k], 0.02) << orientation;
  }
}

TEST(Lesion, EveryIssueHasAWordAndASentence) {
  using enum OutlineIssue;
  EXPECT_EQ(id(nothing_stands_out), "nothing_stands_out");
  std::vector<std::string_view> seen;
  for (const auto issue : {too_small, too_narrow, nothing_stands_out, unclear}) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), id(issue)), 0);
    seen.push_back(id(issue));
    EXPECT_EQ(sentence(issue).back(), '.');
  }
}

}  // namespace
