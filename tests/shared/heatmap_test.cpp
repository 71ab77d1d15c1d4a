// Class activation map to picture.
#include "nevus/heatmap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nevus/sha256.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

std::array<int, 4> pixel(const Image& image, int x, int y) {
  std::array<int, 4> p{};
  const auto cn = static_cast<std::size_t>(channels(image.format));
  const std::size_t at = static_cast<std::size_t>(y * image.width + x) * cn;
  for (std::size_t c = 0; c < cn; ++c) p[c] = image.pixels[at + c];
  return p;
}

TEST(Evidence, GreatestMalignantMinusGreatestBenign) {
  ModelPackage package;
  package.classes = {{"a", "A", true}, {"b", "B", false}, {"c", "C", true}};
  package.cam_width = 2;
  package.cam_height = 1;
  const std::vector<float> cam{1, -3, /**/ 0.5f, 2, /**/ 4, -5};
  EXPECT_EQ(malignancy_evidence(cam, package), (std::vector<float>{3.5f, -5}));
}

TEST(Evidence, NonsenseIsNoEvidence) {
  ModelPackage package;
  package.classes = {{"a", "A", true}, {"b", "B", false}};
  package.cam_width = package.cam_height = 1;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(malignancy_evidence(std::vector<float>{inf, 0}, package), std::vector<float>{0});
  EXPECT_EQ(malignancy_evidence(std::vector<float>{0, nan}, package)[0],
            malignancy_evidence(std::vector<float>{0, nan}, package)[0]);
  EXPECT_EQ(malignancy_evidence(std::vector<float>{1, 2, 3}, package), std::vector<float>{0});
}

TEST(Render, NoEvidenceIsTransparentAndMuchIsNot) {
  std::vector<float> evidence(49, -2.0f);
  for (const auto& image : {render_heatmap(evidence, 7, 7, 224)}) {
    for (std::size_t i = 3; i < image.pixels.size(); i += 4) ASSERT_EQ(image.pixels[i], 0);
  }
  evidence[24] = 5;  // the middle cell
  const Image spot = render_heatmap(evidence, 7, 7, 224);
  EXPECT_GE(pixel(spot, 112, 112)[3], 200);
  EXPECT_EQ(pixel(spot, 5, 5)[3], 0);
  EXPECT_EQ(pixel(spot, 112, 112)[0], 249);  // the ramp's end
}

TEST(Render, FaintEvidenceStaysFaint) {
  const std::vector<float> faint(49, 0.1f);
  EXPECT_LE(pixel(render_heatmap(faint, 7, 7, 64, 1.0f), 30, 30)[3], 24);
  const std::vector<float> strong(49, 10.0f);
  EXPECT_GE(pixel(render_heatmap(strong, 7, 7, 64, 1.0f), 30, 30)[3], 220);
}

TEST(Render, AlphaGrowsWithEvidenceAndNothingIsGreen) {
  std::vector<float> evidence(64);
  for (std::size_t i = 0; i < 64; ++i) evidence[i] = static_cast<float>(i % 8);
  const Image ramp = render_heatmap(evidence, 8, 8, 256);
  int last = -1;
  for (int x = 0; x < 256; ++x) {
    const auto p = pixel(ramp, x, 128);
    // Catmull-Rom may dip by a level beside the flat repeated edge, no more.
    EXPECT_GE(p[3], last - 1) << x;
    last = p[3];
    EXPECT_GT(p[0], p[1]) << "green at " << x;
  }
}

TEST(Render, MirroredEvidenceGivesAMirroredPicture) {
  std::vector<float> evidence(49), mirrored(49);
  Noise noise(5);
  for (auto& e : evidence) e = static_cast<float>(noise.next()) / 64.0f - 1;
  for (std::size_t y = 0; y < 7; ++y) {
    for (std::size_t x = 0; x < 7; ++x) mirrored[y * 7 + x] = evidence[y * 7 + 6 - x];
  }
  const Image a = render_heatmap(evidence, 7, 7, 224), b = render_heatmap(mirrored, 7, 7, 224);
  for (int y = 0; y < 224; y += 3) {
    for (int x = 0; x < 224; x += 3) {
      EXPECT_NEAR(pixel(a, x, y)[3], pixel(b, 223 - x, y)[3], 1) << x << ',' << y;
    }
  }
}

TEST(Render, HostileValuesAndSizes) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Image image = render_heatmap(std::vector<float>{nan, inf, -inf, 1e38f}, 2, 2, 32);
  EXPECT_EQ(image.width, 32);
  EXPECT_EQ(render_heatmap(std::vector<float>{1, 2, 3}, 2, 2, 32).pixels,
            std::vector<std::uint8_t>(32 * 32 * 4, 0));
  EXPECT_GT(pixel(render_heatmap(std::vector<float>{2}, 1, 1, 32), 3, 3)[3], 200);
}

TEST(Render, SameBytesOnEveryMachine) {
  std::vector<float> evidence(49);
  Noise noise(9);
  for (auto& e : evidence) e = static_cast<float>(noise.next()) / 100.0f - 1;
  const Image image = render_heatmap(evidence, 7, 7, 224);
  EXPECT_EQ(sha256_hex(image.pixels),
            "9047b13410a0213c40a0274efa80d3433d1fb97f59c2330148d33f5f1042abe1");
}

TEST(Blend, OpacityAndPlace) {
  const Image photo = uniform_picture(40, 20, PixelFormat::rgb, 100);
  Image overlay(20, 20, PixelFormat::rgba);
  for (std::size_t i = 0; i < overlay.pixels.size(); i += 4) {
    overlay.pixels[i] = 200;
    overlay.pixels[i + 3] = 255;
  }
  EXPECT_EQ(blend_heatmap(photo.view(), overlay.view(), 0).pixels, photo.pixels);
  const Image full = blend_heatmap(photo.view(), overlay.view(), 1);
  EXPECT_EQ(pixel(full, 9, 10), (std::array<int, 4>{100, 100, 100, 0}));  // beside the square
  EXPECT_EQ(pixel(full, 10, 10), (std::array<int, 4>{200, 0, 0, 0}));
  EXPECT_EQ(pixel(full, 29, 19), (std::array<int, 4>{200, 0, 0, 0}));
  EXPECT_EQ(pixel(full, 30, 10), (std::array<int, 4>{100, 100, 100, 0}));
  const Image half = blend_heatmap(photo.view(), overlay.view(), 0.5);
  EXPECT_EQ(pixel(half, 15, 15), (std::array<int, 4>{150, 50, 50, 0}));
  EXPECT_EQ(blend_heatmap(photo.view(), overlay.view(), 7).pixels, full.pixels);
  EXPECT_EQ(blend_heatmap(photo.view(), overlay.view(), std::nan("")).pixels, photo.pixels);
}

TEST(Blend, AnyPhotoFormatAndSize) {
  const Image overlay = render_heatmap(std::vector<float>(49, 3.0f), 7, 7, 224);
  for (const auto format : {PixelFormat::gray, PixelFormat::rgb, PixelFormat::rgba}) {
    for (const auto& [w, h] : {std::pair{1, 1}, {3, 500}, {500, 3}, {300, 400}}) {
      const Image blended = blend_heatmap(noise_picture(w, h, format).view(), overlay.view(), 0.6);
      EXPECT_EQ(blended.width, w);
      EXPECT_EQ(blended.height, h);
      EXPECT_EQ(blended.format, PixelFormat::rgb);
    }
  }
}

}  // namespace
