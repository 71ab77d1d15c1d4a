// Photo files: every kind that is read, and a clear line for every kind that isn't.
#include "image_io/photo.h"
#include "nevus/preprocess.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/odd_images.h"
#include "support/program.h"

namespace nevus {
namespace {

using test::Bytes;
using test::Folder;

int greatest_difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.format != b.format) return 256;
  int greatest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    greatest = std::max(greatest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  return greatest;
}

class Photo : public testing::Test {
 protected:
  Result<DecodedPhoto> read(const std::string& name, const Bytes& bytes) {
    return read_photo(folder_.write(name, bytes));
  }
  std::string error(const std::string& name, const Bytes& bytes) {
    const auto photo = read(name, bytes);
    return photo ? "no error" : photo.error().message;
  }
  Folder folder_;
  Image photo_ = test::lopsided_photo();
};

TEST_F(Photo, LosslessFormatsGiveBackTheirPixels) {
  for (const char* extension : {".png", ".bmp"}) {
    const auto read_back =
        read(std::string("a") + extension, test::encode(extension, test::bgr(photo_)));
    ASSERT_TRUE(read_back) << extension << read_back.error().message;
    EXPECT_EQ(greatest_difference(*read_back, photo_), 0) << extension;
  }
  const auto webp =
      read("a.webp", test::encode(".webp", test::bgr(photo_), {cv::IMWRITE_WEBP_QUALITY, 101}));
  ASSERT_TRUE(webp) << webp.error().message;
  EXPECT_EQ(greatest_difference(*webp, photo_), 0);
}

TEST_F(Photo, JpegAgreesWithTheOtherReader) {
  const Bytes bytes = test::jpeg(photo_, 85);
  const auto ours = read("a.jpg", bytes);
  ASSERT_TRUE(ours) << ours.error().message;
  cv::Mat theirs = cv::imdecode(bytes, cv::IMREAD_COLOR);
  cv::cvtColor(theirs, theirs, cv::COLOR_BGR2RGB);
  ASSERT_EQ(ours->pixels.size(), theirs.total() * 3);
  EXPECT_TRUE(std::equal(ours->pixels.begin(), ours->pixels.end(), theirs.data));
}

TEST_F(Photo, OneBitAPixelAgreesWithTheOtherReader) {
  cv::Mat gray;
  cv::cvtColor(test::bgr(photo_), gray, cv::COLOR_BGR2GRAY);
  const Bytes bits = test::encode(".png", gray > 120, {cv::IMWRITE_PNG_BILEVEL, 1});
  const auto ours = read("bits.png", bits);
  ASSERT_TRUE(ours) << ours.error().message;
  const cv::Mat theirs = cv::imdecode(bits, cv::IMREAD_COLOR);
  EXPECT_TRUE(std::equal(ours->pixels.begin(), ours->pixels.end(), theirs.data));
}

TEST_F(Photo, GreyBecomesThreeEqualChannels) {
  cv::Mat gray;
  cv::cvtColor(test::bgr(photo_), gray, cv::COLOR_BGR2GRAY);
  for (const char* extension : {".png", ".jpg"}) {
    const auto read_back = read(std::string("g") + extension, test::encode(extension, gray));
    ASSERT_TRUE(read_back) << read_back.error().message;
    ASSERT_EQ(read_back->format, PixelFormat::rgb);
    for (std::size_t i = 0; i < read_back->pixels.size(); i += 3) {
      ASSERT_EQ(read_back->pixels[i], read_back->pixels[i + 1]);
      ASSERT_EQ(read_back->pixels[i], read_back->pixels[i + 2]);
    }
  }
}

TEST_F(Photo, SixteenBitsBecomeEight) {
  cv::Mat wide;
  test::bgr(photo_).convertTo(wide, CV_16U, 257);
  const auto png = read("w.png", test::encode(".png", wide));
  ASSERT_TRUE(png) << png.error().message;
  EXPECT_EQ(greatest_difference(*png, photo_), 0);
}

TEST_F(Photo, AlphaIsKept) {
  cv::Mat bgra;
  cv::cvtColor(test::bgr(photo_), bgra, cv::COLOR_BGR2BGRA);
  bgra.at<cv::Vec4b>(3, 5) = cv::Vec4b(1, 2, 3, 4);
  const auto png = read("a.png", test::encode(".png", bgra));
  ASSERT_TRUE(png) << png.error().message;
  ASSERT_EQ(png->format, PixelFormat::rgba);
  const std::size_t at = 4 * (3 * static_cast<std::size_t>(photo_.width) + 5);
  EXPECT_EQ(Bytes(png->pixels.begin() + static_cast<std::ptrdiff_t>(at),
                  png->pixels.begin() + static_cast<std::ptrdiff_t>(at) + 4),
            (Bytes{3, 2, 1, 4}));
}

TEST_F(Photo, AllEightOrientationsComeOutUpright) {
  const Image wide = test::lopsided_photo(128, 64);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image stored = apply_orientation(wide.view(), test::inverse_orientation(orientation));
    // 4:4:4 at quality 100: turning commutes with coding up to rounding.
    const Bytes bytes = test::with_orientation(
        test::encode(".jpg", test::bgr(stored), {cv::IMWRITE_JPEG_QUALITY, 100}), orientation);
    const auto upright = read("o.jpg", bytes);
    ASSERT_TRUE(upright) << upright.error().message;
    ASSERT_EQ(upright->width, 128) << orientation;
    double sum = 0;
    for (std::size_t i = 0; i < wide.pixels.size(); ++i)
      sum += std::abs(int{wide.pixels[i]} - int{upright->pixels[i]});
    EXPECT_LT(sum / static_cast<double>(wide.pixels.size()), 3) << orientation;
  }
}

TEST_F(Photo, ALargeJpegIsDecodedAtAFractionWhereThatIsEnough) {
  const Image large = test::lopsided_photo(1601, 1281);
  const Image turned = apply_orientation(large.view(), test::inverse_orientation(6));
  for (const auto& [name, bytes] :
       {std::pair("flat.jpg", test::jpeg(large)),
        std::pair("turned.jpg", test::with_orientation(test::jpeg(turned), 6))}) {
    const auto file = folder_.write(name, bytes);
    const auto half = read_photo(file, 640);
    ASSERT_TRUE(half) << half.error().message;
    EXPECT_EQ(half->reduction, 2) << name;
    EXPECT_EQ(half->width, 801) << name;
    EXPECT_EQ(half->height, 641) << name;
    EXPECT_EQ(half->full_width, 1601) << name;
    EXPECT_EQ(half->full_height, 1281) << name;
    const auto whole = read_photo(file);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->reduction, 1);
    EXPECT_EQ(whole->width, 1601);
    EXPECT_EQ(whole->full_width, 1601);
    // The network's input is nearly the same: the half's last row is one of the file's, not two.
    const PreprocessSpec spec;
    const Image small = crop_and_resize(half->view(), spec);
    const Image full = crop_and_resize(whole->view(), spec);
    double sum = 0;
    for (std::size_t i = 0; i < full.pixels.size(); ++i)
      sum += std::abs(int{small.pixels[i]} - int{full.pixels[i]});
    EXPECT_LT(sum / static_cast<double>(full.pixels.size()), 0.7) << name;
  }
  const auto png =
      read_photo(folder_.write("large.png", test::encode(".png", test::bgr(large))), 640);
  ASSERT_TRUE(png);
  EXPECT_EQ(png->width, 1601);
}

TEST_F(Photo, RefusesWhatIsNoPhoto) {
  const Bytes jpeg = test::jpeg(photo_), png = test::encode(".png", test::bgr(photo_));
  const std::string text = "This is not a photo, it only says so.";
  const std::vector<std::pair<std::string, std::string>> lines{
      {"empty", error("empty.jpg", {})},
      {"text", error("text.jpg", Bytes(text.begin(), text.end()))},
      {"truncated jpeg",
       error("cut.jpg",
             Bytes(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(jpeg.size() / 2)))},
      {"truncated png",
       error("cut.png",
             Bytes(png.begin(), png.begin() + static_cast<std::ptrdiff_t>(png.size() / 2)))},
      {"huge png", error("huge.png", test::hollow_png(20000, 20000))},
      {"hollow png", error("hollow.png", test::hollow_png(100, 100))},
      {"cmyk", error("cmyk.jpg", test::cmyk_jpeg())},
      {"animated png", error("a.png", test::animated_png(photo_))},
      {"animated gif", error("a.gif", test::gif(2))},
      {"gif", error("b.gif", test::gif(1))},
      {"tiff", error("a.tiff", test::encode(".tiff", test::bgr(photo_)))}};
  for (const auto& [what, line] : lines) {
    EXPECT_NE(line, "no error") << what;
    EXPECT_EQ(line.find('\n'), std::string::npos) << what;
    EXPECT_FALSE(line.empty()) << what;
    std::printf("%s: %s\n", what.c_str(), line.c_str());
  }
  EXPECT_NE(lines[4].second.find("20000"), std::string::npos);
  EXPECT_EQ(read_photo(folder_ / "absent.jpg").error().message, "no such file");
  EXPECT_EQ(read_photo(folder_.str()).error().message, "is a folder, not a photo");
  EXPECT_EQ(read_photo("/dev/null").error().message, "is not a regular file");
}

TEST_F(Photo, NoPrefixOfAFileCrashesOrIsTakenForAPhoto) {
  const std::vector<Bytes> files{test::jpeg(photo_, 60), test::encode(".png", test::bgr(photo_)),
                                 test::encode(".webp", test::bgr(photo_))};
  for (const Bytes& file : files)
    for (std::size_t size = 0; size + 2 < file.size(); size += 1 + file.size() / 150)
      EXPECT_FALSE(
          read("cut", Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))).ok())
          << size;
}

TEST_F(Photo, DamagedBytesNeverCrash) {
  std::uint32_t state = 5;
  for (const Bytes& file :
       {test::jpeg(photo_, 60), test::encode(".png", test::bgr(photo_)),
        test::encode(".bmp", test::bgr(photo_)), test::encode(".webp", test::bgr(photo_))})
    for (int round = 0; round < 60; ++round) {
      Bytes spoilt = file;
      for (int i = 0; i < 6; ++i) {
        state = state * 1664525u + 1013904223u;
        spoilt[(state >> 8) % spoilt.size()] = static_cast<std::uint8_t>(state >> 24);
      }
      const auto photo = read("spoilt", spoilt);
      if (photo) {
        EXPECT_GE(photo->width, 1);
      }
    }
}

TEST_F(Photo, DamagedJpegDataIsRefusedNotGuessed) {
  Bytes bytes = test::jpeg(photo_, 90);
  // Zeros in the middle of the scan: libjpeg would paint the rest grey.
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2),
            bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2 + 400), std::uint8_t{0});
  EXPECT_NE(error("d.jpg", bytes).find("damaged JPEG"), std::string::npos);
}

TEST_F(Photo, WritesAPngThatReadsBack) {
  ASSERT_TRUE(write_png(folder_ / "w.png", photo_.view()).ok());
  EXPECT_EQ(greatest_difference(read_photo(folder_ / "w.png").value(), photo_), 0);
  folder_.write("file", std::string("x"));
  const auto failed = write_png(folder_ / "file/under.png", photo_.view());
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("file/under.png: can't be written"), std::string::npos);
  std::size_t left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.str()))
    left += entry.path().string().find(".part") != std::string::npos;
  EXPECT_EQ(left, 0u);
}

TEST_F(Photo, ReadsTheRealPhotos) {
  const std::filesystem::path real = std::filesystem::path(NEVUS_DATA_DIR) / "photos";
  if (!std::filesystem::exists(real)) GTEST_SKIP() << "not there, skipped";
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(real)) {
    const auto photo = read_photo(entry.path());
    ASSERT_TRUE(photo) << entry.path() << photo.error().message;
    ++n;
  }
  EXPECT_EQ(n, 10);
}

}  // namespace
}  // namespace nevus
