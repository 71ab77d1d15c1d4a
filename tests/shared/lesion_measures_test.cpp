// Measures of shapes whose values are known, colours of pictures made for it, and outlines that are
// none.
#include "nevus/lesion_measures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "nevus/lesion_json.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;
using Outline = std::vector<Point>;

/// Radius by angle, about (200, 150).
template <class Radius>
Outline polar(Radius radius, int points = 360) {
  Outline outline;
  for (int i = 0; i < points; ++i) {
    const double angle = 2 * std::numbers::pi * i / points;
    outline.push_back(
        {200 + radius(angle) * std::cos(angle), 150 + radius(angle) * std::sin(angle)});
  }
  return outline;
}

LesionMeasures shape(const Outline& outline) {
  return measure_lesion(uniform_picture(400, 300, PixelFormat::rgb, 200).view(), outline);
}

TEST(LesionMeasures, ACircle) {
  const LesionMeasures m = shape(polar([](double) { return 100.0; }));
  EXPECT_LT(m.asymmetry, 0.01);
  EXPECT_NEAR(m.compactness, 1, 0.001);
  EXPECT_NEAR(m.solidity, 1, 1e-9);
  EXPECT_NEAR(m.diameter, 200, 1e-9);
  EXPECT_FALSE(m.diameter_mm.has_value());
}

TEST(LesionMeasures, AnEllipseIsSymmetricalHoweverItLies) {
  for (const double turn : {0.0, 0.3, 0.9, 1.4}) {
    Outline outline;
    for (int i = 0; i < 360; ++i) {
      const double a = 2 * std::numbers::pi * i / 360, x = 120 * std::cos(a), y = 50 * std::sin(a);
      outline.push_back({200 + x * std::cos(turn) - y * std::sin(turn),
                         150 + x * std::sin(turn) + y * std::cos(turn)});
    }
    const LesionMeasures m = shape(outline);
    EXPECT_LT(m.asymmetry, 0.02) << turn;
    EXPECT_NEAR(m.diameter, 240, 0.1) << turn;
    // Ramanujan's perimeter: pi (3 (a + b) - sqrt((3 a + b) (a + 3 b)))
    const double perimeter =
        std::numbers::pi * (3 * 170.0 - std::sqrt((360.0 + 50) * (120 + 150.0)));
    EXPECT_NEAR(m.compactness,
                perimeter * perimeter / (4 * std::numbers::pi * std::numbers::pi * 6000), 0.002)
        << turn;
  }
}

TEST(LesionMeasures, AHalfDiscHasOneAxisOfSymmetry) {
  Outline outline;
  for (int i = 0; i <= 180; ++i) {
    const double a = std::numbers::pi * i / 180;
    outline.push_back({200 + 100 * std::cos(a), 100 + 100 * std::sin(a)});
  }
  const LesionMeasures m = shape(outline);
  // By integration over x: heights s = sqrt(1 - x^2), mirrored on y = c, the centroid 4 / (3 pi).
  const double c = 4 / (3 * std::numbers::pi);
  double shared = 0;
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double x = -1 + (i + 0.5) * 2 / n, s = std::sqrt(1 - x * x);
    shared += std::max(0.0, std::min(s, 2 * c) - std::max(0.0, 2 * c - s)) * 2 / n;
  }
  const double expected = 1 - shared / (std::numbers::pi / 2);
  EXPECT_LT(m.asymmetry_axes[0], 0.01);
  EXPECT_NEAR(m.asymmetry_axes[1], expected, 0.015);
  EXPECT_NEAR(m.asymmetry, expected / 2, 0.01);
}

TEST(LesionMeasures, AStarHasALongBorderAndNotches) {
  Outline outline;
  for (int i = 0; i < 10; ++i) {
    const double a = std::numbers::pi * i / 5, r = i % 2 ? 40 : 100;
    outline.push_back({200 + r * std::cos(a), 150 + r * std::sin(a)});
  }
  const LesionMeasures m = shape(outline);
  // ten triangles of sides 100 and 40 and 36 degrees between them
  const double sine = std::sin(std::numbers::pi / 5), cosine = std::cos(std::numbers::pi / 5);
  const double area = 10 * 0.5 * 100 * 40 * sine;
  const double side = std::sqrt(100.0 * 100 + 40 * 40 - 2 * 100 * 40 * cosine);
  EXPECT_NEAR(m.compactness, 100 * side * side / (4 * std::numbers::pi * area), 1e-6);
  const double pentagon = 2.5 * 100 * 100 * std::sin(2 * std::numbers::pi / 5);
  EXPECT_NEAR(m.solidity, area / pentagon, 1e-9);
}

TEST(LesionMeasures, ALopsidedShapeIsMoreAsymmetricThanAnEvenOne) {
  const auto lopsided = [](double a) { return 80 + 25 * std::cos(a) + 20 * std::cos(3 * a + 1); };
  const LesionMeasures m = shape(polar(lopsided));
  EXPECT_GT(m.asymmetry, 0.08);
  EXPECT_LT(m.asymmetry, 0.5);
}

TEST(LesionMeasures, MillimetresWhereTheScaleIsKnown) {
  const Image photo = uniform_picture(400, 300, PixelFormat::rgb, 200);
  const Outline circle = polar([](double) { return 100.0; });
  const auto mm = [&](double scale) {
    return measure_lesion(photo.view(), circle, scale).diameter_mm;
  };
  ASSERT_TRUE(mm(0.03).has_value());
  EXPECT_NEAR(*mm(0.03), 6, 1e-9);
  for (const double odd : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()})
    EXPECT_FALSE(mm(odd).has_value()) << odd;
}

TEST(LesionMeasures, ColoursAreCounted) {
  // Dark brown left, blue-grey right, a little black in the middle; skin around.
  Image photo(400, 300, PixelFormat::rgb);
  for (int y = 0; y < 300; ++y) {
    for (int x = 0; x < 400; ++x) {
      const int dx = x - 200, dy = y - 150, r2 = dx * dx + dy * dy;
      const std::array<int, 3> skin{224, 180, 165}, brown{95, 55, 40}, blue{92, 105, 128},
          black{20, 18, 20};
      const auto& c = r2 > 100 * 100 ? skin : r2 < 15 * 15 ? black : dx < 0 ? brown : blue;
      for (std::size_t k = 0; k < 3; ++k)
        photo.pixels[3 * static_cast<std::size_t>(y * 400 + x) + k] =
            static_cast<std::uint8_t>(c[k]);
    }
  }
  const LesionMeasures m = measure_lesion(photo.view(), polar([](double) { return 100.0; }));
  const auto share = [&](LesionColour colour) {
    return m.colours[static_cast<std::size_t>(colour)];
  };
  EXPECT_NEAR(share(LesionColour::dark_brown), 0.49, 0.03);
  EXPECT_NEAR(share(LesionColour::blue_grey), 0.49, 0.03);
  EXPECT_NEAR(share(LesionColour::black), 0.0225, 0.01);  // under a twentieth
  EXPECT_EQ(m.colour_count, 2);
  // A wider outline takes skin in, which is none of the six.
  const LesionMeasures wide = measure_lesion(photo.view(), polar([](double) { return 130.0; }));
  double sum = 0;
  for (const double value : wide.colours) sum += value;
  EXPECT_NEAR(sum, 100.0 * 100 / (130 * 130), 0.03);
}

TEST(LesionMeasures, WhatIsNoOutlineMeasuresNothing) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Outline& outline :
       {Outline{}, Outline{{1, 1}}, Outline{{1, 1}, {5, 5}}, Outline{{1, 1}, {2, 2}, {3, 3}},
        Outline{{1, 1}, {1, 1}, {1, 1}}, Outline{{nan, 1}, {3, 1}, {2, 9}}}) {
    const LesionMeasures m = shape(outline);
    EXPECT_EQ(m.asymmetry, 0);
    EXPECT_EQ(m.diameter, 0);
    EXPECT_EQ(m.colour_count, 0);
  }
  // Far outside the photo: no colours, and nothing breaks.
  const LesionMeasures m =
      shape({{-1e7, -1e7}, {-1e7 + 50, -1e7}, {-1e7 + 50, -1e7 + 50}, {-1e7, -1e7 + 50}});
  EXPECT_EQ(m.colour_count, 0);
  EXPECT_NEAR(m.solidity, 1, 1e-6);
}

TEST(LesionMeasures, JsonSaysWhatWasFoundAndWhatEachMeasureMeans) {
  const Image photo = lesion_picture(300, 200);
  const Lesion lesion = find_lesion(photo.view());
  const LesionMeasures m = measure_lesion(photo.view(), lesion.outline, 0.02);
  const auto json = lesion_json(lesion, m);
  EXPECT_EQ(json.at("found"), true);
  EXPECT_EQ(json.at("outline").size(), lesion.outline.size());
  EXPECT_EQ(json.at("measures").at("diameter_mm").get<double>(), *m.diameter_mm);
  EXPECT_EQ(json.at("measures").at("colours").size(), kLesionColours);
  for (const auto measure : {LesionMeasure::asymmetry, LesionMeasure::border,
                             LesionMeasure::colours, LesionMeasure::diameter}) {
    const std::string text = json.at("sentences").at(std::string(id(measure)));
    EXPECT_EQ(text.back(), '.');
    // Calm, and no verdict.
    for (const char* word : {"benign", "malignant", "cancer", "safe", "danger", "suspicious"})
      EXPECT_EQ(text.find(word), std::string::npos) << text;
  }
  const Lesion none = find_lesion(uniform_picture(300, 200, PixelFormat::rgb, 128).view());
  const auto nothing = lesion_json(none, {});
  EXPECT_EQ(nothing.at("found"), false);
  EXPECT_EQ(nothing.at("issue").at("id"), "nothing_stands_out");
}

}  // namespace
