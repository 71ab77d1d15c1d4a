// JPEG decoding, natively and in WebAssembly: sizes, colours, and that no damage gets through or
// crashes.
#include "nevus/jpeg.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <vector>

#include "encoded_jpeg.h"
#include "pictures.h"

namespace {

using namespace nevus;
using nevus::test::lesion_picture;
using nevus::test::Noise;

using Bytes = std::vector<std::uint8_t>;
using nevus::test::encoded;

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

TEST(JpegReduction, KeepsWhatIsNeeded) {
  EXPECT_EQ(jpeg_reduction(2848, 0), 1);
  EXPECT_EQ(jpeg_reduction(1279, 640), 1);
  EXPECT_EQ(jpeg_reduction(1280, 640), 2);
  EXPECT_EQ(jpeg_reduction(2848, 640), 4);
  EXPECT_EQ(jpeg_reduction(5120, 640), 8);
  EXPECT_EQ(jpeg_reduction(60000, 640), 8);
  EXPECT_EQ(jpeg_reduction(1, 640), 1);
}

TEST(Jpeg, EachReductionGivesTheMeansOfSquares) {
  const Image photo = lesion_picture(640, 480);
  const Bytes bytes = encoded(photo);
  for (const int n : {1, 2, 4, 8}) {
    const auto decoded = decode_jpeg(bytes, PixelFormat::rgb, n);
    ASSERT_TRUE(decoded) << decoded.error().message;
    const Image expected = reduce(photo.view(), n);
    ASSERT_EQ(decoded->width, expected.width);
    ASSERT_EQ(decoded->height, expected.height);
    EXPECT_LT(mean_difference(*decoded, expected), 2.5) << n;
  }
  // The comparison can fail: a picture turned round is another one.
  EXPECT_GT(mean_difference(photo, apply_orientation(lesion_picture(640, 480).view(), 3)), 2.5);
}

TEST(Jpeg, WhatIsLeftOverBecomesAPixelToo) {
  const auto decoded = decode_jpeg(encoded(lesion_picture(101, 67)), PixelFormat::rgb, 4);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->width, 26);
  EXPECT_EQ(decoded->height, 17);
}

TEST(Jpeg, RgbaIsRgbWithAFullAlpha) {
  const Bytes bytes = encoded(lesion_picture(200, 150));
  for (const int n : {1, 4}) {
    const auto rgb = decode_jpeg(bytes, PixelFormat::rgb, n);
    const auto rgba = decode_jpeg(bytes, PixelFormat::rgba, n);
    ASSERT_TRUE(rgb && rgba);
    EXPECT_EQ(rgba->pixels, test::with_format(*rgb, PixelFormat::rgba).pixels);
  }
}

TEST(Jpeg, GreyBecomesThreeEqualChannels) {
  const auto decoded =
      decode_jpeg(encoded(test::uniform_picture(64, 64, PixelFormat::gray, 90), JCS_GRAYSCALE),
                  PixelFormat::rgb);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->pixels, test::uniform_picture(64, 64, PixelFormat::rgb, 90).pixels);
}

TEST(Jpeg, DamageIsRefusedNotGuessed) {
  Bytes bytes = encoded(lesion_picture(320, 240));
  for (const int n : {1, 2, 8}) {
    const auto cut = decode_jpeg(std::span(bytes).first(bytes.size() / 2), PixelFormat::rgb, n);
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().message.find("damaged JPEG: "), 0u) << cut.error().message;
  }
  // An error in the header, from which libjpeg can't go on.
  const auto header = decode_jpeg(std::span(bytes).first(30), PixelFormat::rgb);
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().message.find("damaged JPEG: "), 0u);
  // The end's marker in the midst of the scan.
  bytes[bytes.size() / 2] = 0xff;
  bytes[bytes.size() / 2 + 1] = 0xd9;
  EXPECT_FALSE(decode_jpeg(bytes, PixelFormat::rgb));
}

TEST(Jpeg, AnyBytesGiveAPictureOrOneLine) {
  const Bytes whole = encoded(lesion_picture(96, 96));
  Noise noise(3);
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    Bytes bytes = whole;
    for (int i = 0; i < 5; ++i) {
      const std::size_t at = (noise.next() * 256u + noise.next()) % bytes.size();
      bytes[at] = noise.next();
    }
    const auto decoded = decode_jpeg(bytes, PixelFormat::rgba, 1 << round % 4);
    if (decoded) continue;
    ++refused;
    EXPECT_EQ(decoded.error().message.find('\n'), std::string::npos);
    EXPECT_FALSE(decoded.error().message.empty());
  }
  EXPECT_GT(refused, 50);
  EXPECT_LT(refused, 300);
}

TEST(Jpeg, WithoutMemoryThereIsAReason) {
  const Bytes bytes = encoded(lesion_picture(96, 96));
  const auto none = decode_jpeg(bytes, PixelFormat::rgb, 1, [](int width, int height) {
    EXPECT_EQ(width, 96);
    EXPECT_EQ(height, 96);
    return static_cast<std::uint8_t*>(nullptr);
  });
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "not enough memory for this photo");
  EXPECT_THROW((void)decode_jpeg(bytes, PixelFormat::rgb, 1,
                                 [](int, int) -> std::uint8_t* { throw std::bad_alloc(); }),
               std::bad_alloc);
}

}  // namespace
