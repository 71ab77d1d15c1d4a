// What is read from image files' bytes: kinds, sizes, orientation, and every reason to refuse.
#include "nevus/encoded.h"

#include <gtest/gtest.h>

#include "encoded_bytes.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

std::string error_of(const ByteString& bytes) {
  const auto info = inspect_encoded(bytes);
  return info ? "" : info.error().message;
}

void expect_info(const ByteString& bytes, ImageCodec codec, int width, int height,
                 int orientation = 1) {
  const auto info = inspect_encoded(bytes);
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(info->codec, codec);
  EXPECT_EQ(info->width, width);
  EXPECT_EQ(info->height, height);
  EXPECT_EQ(info->orientation, orientation);
}

TEST(Encoded, EveryKindIsRecognised) {
  expect_info(jpeg(), ImageCodec::jpeg, 40, 30);
  expect_info(jpeg({.components = 1}), ImageCodec::jpeg, 40, 30);
  expect_info(jpeg({.scans = 5}), ImageCodec::jpeg, 40, 30);
  expect_info(png(), ImageCodec::png, 40, 30);
  expect_info(webp_file(webp_lossy()), ImageCodec::webp, 40, 30);
  expect_info(webp_file(webp_lossless()), ImageCodec::webp, 40, 30);
  expect_info(gif(), ImageCodec::gif, 40, 30);
  expect_info(bmp(), ImageCodec::bmp, 4, 3);
  expect_info(bmp(4, -3), ImageCodec::bmp, 4, 3);
  expect_info(tiff(1, true), ImageCodec::tiff, 0, 0);
  expect_info(tiff(1, false, 40, 30), ImageCodec::tiff, 40, 30);
  expect_info(isobmff("avif", {"avif", "mif1"}), ImageCodec::avif, 0, 0);
  expect_info(isobmff("mif1", {"avif"}), ImageCodec::avif, 0, 0);
  expect_info(isobmff("heic", {"mif1"}), ImageCodec::heic, 0, 0);
}

TEST(Encoded, AllOrientationsInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big : {false, true}) {
      expect_info(jpeg({.orientation = orientation, .big = big}), ImageCodec::jpeg, 40, 30,
                  orientation);
      const auto exif = tiff(orientation, big);
      expect_info(webp_file(ByteWriter()
                                .append(webp_extended(0x08, 40, 30))
                                .append(webp_lossless())
                                .append(webp_chunk("EXIF", exif))
                                .bytes),
                  ImageCodec::webp, 40, 30, orientation);
    }
    expect_info(png(40, 30, 0, orientation), ImageCodec::png, 40, 30, orientation);
  }
}

TEST(Encoded, HostileExifCountsAsUpright) {
  for (const int orientation : {9, 100, 65535}) {
    expect_info(jpeg({.orientation = orientation}), ImageCodec::jpeg, 40, 30, 1);
  }
  // cut at every byte, and every byte turned over in turn: never a crash, never beyond 1..8
  const ByteString exif = tiff(6, false);
  for (std::size_t i = 0; i < exif.size(); ++i) {
    const ByteString cut(exif.begin(), exif.begin() + static_cast<std::ptrdiff_t>(i));
    ByteString flipped = exif;
    flipped[i] ^= 0xff;
    for (const ByteString& data : {cut, flipped}) {
      const auto info = inspect_encoded(webp_file(ByteWriter()
                                                      .append(webp_extended(0x08, 40, 30))
                                                      .append(webp_lossy())
                                                      .append(webp_chunk("EXIF", data))
                                                      .bytes));
      ASSERT_TRUE(info.ok());
      EXPECT_GE(info->orientation, 1);
      EXPECT_LE(info->orientation, 8);
    }
  }
}

TEST(Encoded, NotAnImage) {
  EXPECT_EQ(error_of({}), "the file is empty");
  const std::string text = "BM is how this letter begins, and it is long enough for a header";
  for (const ByteString& bytes :
       {ByteString{0}, ByteString{0xff, 0xd8}, ByteString(text.begin(), text.end()),
        ByteString(1000, 0), ByteString(1000, 0xff), ByteWriter().text("%PDF-1.7 ...").bytes,
        ByteWriter().text("<svg xmlns='http://www.w3.org/2000/svg'/>").bytes,
        ByteWriter().text("RIFF....WAVEfmt ").bytes}) {
    EXPECT_EQ(error_of(bytes), "not an image");
  }
  EXPECT_NE(error_of(isobmff("isom", {"mp41", "avc1"})).find("video"), std::string::npos);
}

TEST(Encoded, CutOffAtEveryByteIsAnError) {
  for (const auto& [name, bytes] : whole_files()) {
    ASSERT_EQ(error_of(bytes), "") << name;
    if (name == "tiff") continue;  // its container has no end to miss
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const ByteString cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      EXPECT_NE(error_of(cut), "") << name << " cut to " << length << " of " << bytes.size();
    }
  }
  ByteString cut = jpeg();
  cut.erase(cut.end() - 5, cut.end());
  EXPECT_EQ(error_of(cut), "the file is cut off (incomplete JPEG)");
}

TEST(Encoded, EveryByteTurnedOverNeverCrashes) {
  for (const auto& [name, bytes] : whole_files()) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const int value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
        ByteString changed = bytes;
        changed[i] = static_cast<std::uint8_t>(value);
        const auto info = inspect_encoded(changed);
        if (info) {
          EXPECT_LE(std::int64_t{info->width} * info->height, kMaxPixels) << name;
        } else {
          EXPECT_FALSE(info.error().message.empty());
          EXPECT_EQ(info.error().message.find('\n'), std::string::npos);
        }
      }
    }
  }
}

TEST(Encoded, SomethingAfterTheEndIsFine) {
  for (auto bytes : {jpeg(), png(), webp_file(webp_lossy()), gif(), bmp()}) {
    bytes.insert(bytes.end(), {'m', 'o', 'r', 'e', 0xff, 0xd8, 0xff});
    EXPECT_EQ(error_of(bytes), "");
  }
}

TEST(Encoded, TooManyPixels) {
  const std::string expected = "20000 x 20000 pixels; at most 64 megapixels can be judged";
  EXPECT_EQ(error_of(png(20000, 20000)), expected);
  EXPECT_EQ(error_of(jpeg({.width = 20000, .height = 20000})), expected);
  EXPECT_EQ(error_of(gif(1, 20000, 20000)), expected);
  EXPECT_EQ(error_of(bmp(20000, 20000)), expected);
  EXPECT_EQ(error_of(tiff(1, true, 20000, 20000)), expected);
  EXPECT_EQ(error_of(isobmff("avif", {"mif1"}, 20000, 20000)), expected);
  EXPECT_EQ(error_of(webp_file(
                ByteWriter().append(webp_extended(0, 20000, 20000)).append(webp_lossy()).bytes)),
            expected);
  EXPECT_NE(error_of(png(0x7fffffff, 0x7fffffff)), "");
  EXPECT_NE(error_of(png(0xffffffff, 1)), "");
  EXPECT_EQ(error_of(png(8000, 8000)), "");
  EXPECT_NE(error_of(png(8001, 8000)), "");
}

TEST(Encoded, NoPixels) {
  EXPECT_EQ(error_of(png(0, 30)), "the picture has no pixels");
  EXPECT_EQ(error_of(jpeg({.height = 0})), "the picture has no pixels");
  EXPECT_EQ(error_of(gif(1, 0, 30)), "the picture has no pixels");
  EXPECT_EQ(error_of(webp_file(webp_lossy(0, 30))), "the picture has no pixels");
  EXPECT_EQ(error_of(gif(0)), "a damaged GIF");
  EXPECT_EQ(error_of(png(40, 30, 0, 0, false)), "a damaged PNG");
}

TEST(Encoded, Animated) {
  const std::string expected = "an animated picture; choose a still photo";
  EXPECT_EQ(error_of(gif(2)), expected);
  EXPECT_EQ(error_of(png(40, 30, 2)), expected);
  EXPECT_EQ(error_of(png(40, 30, 1)), "");  // one frame only
  EXPECT_EQ(error_of(webp_file(ByteWriter()
                                   .append(webp_extended(0x02, 40, 30))
                                   .append(webp_chunk("ANIM", ByteString(6)))
                                   .bytes)),
            expected);
  EXPECT_EQ(error_of(isobmff("avis", {"avif", "avis"})), expected);
}

TEST(Encoded, PrintColoursAndDeepColours) {
  EXPECT_EQ(error_of(jpeg({.components = 4})),
            "uses CMYK colours (made for print); save it as an RGB JPEG");
  EXPECT_EQ(error_of(jpeg({.precision = 12})),
            "has 12 bits a colour; save it as an ordinary (8-bit) JPEG");
}

TEST(Encoded, RandomBytesAfterEachSignature) {
  Noise noise(11);
  for (const auto& [name, bytes] : whole_files()) {
    for (int round = 0; round < 200; ++round) {
      ByteString changed(bytes.begin(), bytes.begin() + 12);
      for (int i = 0; i < 100; ++i) changed.push_back(noise.next());
      (void)inspect_encoded(changed);  // the sanitizers watch
    }
  }
}

}  // namespace
