// Crop, resize, normalise: exact values, and golden hashes that hold on every machine.
#include "nevus/preprocess.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "nevus/sha256.h"
#include "odd_pictures.h"
#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

TEST(CenterSquare, IsTheLargestAndCentred) {
  const auto same = [](const Rect& r, int x, int y, int side) {
    return r.x == x && r.y == y && r.width == side && r.height == side;
  };
  EXPECT_TRUE(same(center_square(10, 10), 0, 0, 10));
  EXPECT_TRUE(same(center_square(11, 4), 3, 0, 4));
  EXPECT_TRUE(same(center_square(4, 11), 0, 3, 4));
  EXPECT_TRUE(same(center_square(1, 5000), 0, 2499, 1));
}

PreprocessSpec spec_of(int side) {
  PreprocessSpec spec;
  spec.width = spec.height = side;
  return spec;
}

/// Straightforward area averaging in double: the reference for the integer one.
double area_mean(const Image& square, int side, int i, int j, int channel) {
  const double scale = static_cast<double>(square.width) / side;
  const double top = i * scale, bottom = top + scale, left = j * scale, right = left + scale;
  double sum = 0;
  for (int y = static_cast<int>(top); y < square.height && y < bottom; ++y) {
    const double h = std::min<double>(y + 1, bottom) - std::max<double>(y, top);
    for (int x = static_cast<int>(left); x < square.width && x < right; ++x) {
      const double w = std::min<double>(x + 1, right) - std::max<double>(x, left);
      sum += h * w * square.pixels[static_cast<std::size_t>((y * square.width + x) * 3 + channel)];
    }
  }
  return sum / (scale * scale);
}

TEST(CropAndResize, ShrinksByAreaAveraging) {
  for (const int source : {33, 64, 65, 127, 300, 4500}) {
    const int side = 32;
    const Image photo = noise_picture(source, source, PixelFormat::rgb, 3);
    const Image small = crop_and_resize(photo.view(), spec_of(side));
    ASSERT_EQ(small.width, side);
    const int step = source > 1000 ? 13 : 1;
    for (int i = 0; i < side; i += step) {
      for (int j = 0; j < side; j += step) {
        for (int c = 0; c < 3; ++c) {
          const int value = small.pixels[static_cast<std::size_t>((i * side + j) * 3 + c)];
          EXPECT_NEAR(value, area_mean(photo, side, i, j, c), 0.5 + 1e-6)
              << source << " at " << i << ',' << j;
        }
      }
    }
  }
}

TEST(CropAndResize, AgreesWithOpenCvAreaResize) {
  const Image photo = lesion_picture(640, 640);
  const Image small = crop_and_resize(photo.view(), spec_of(224));
  cv::Mat theirs;
  cv::resize(cv::Mat(640, 640, CV_8UC3, const_cast<std::uint8_t*>(photo.pixels.data())), theirs,
             cv::Size(224, 224), 0, 0, cv::INTER_AREA);
  int worst = 0;
  for (std::size_t i = 0; i < small.pixels.size(); ++i) {
    worst = std::max(worst, std::abs(small.pixels[i] - theirs.data[i]));
  }
  EXPECT_LE(worst, 1);
}

TEST(CropAndResize, SameSizeIsACopyAndUniformStaysUniform) {
  const Image photo = noise_picture(64, 64, PixelFormat::rgb);
  EXPECT_EQ(crop_and_resize(photo.view(), spec_of(64)).pixels, photo.pixels);
  for (const int source : {1, 5, 63, 64, 65, 1000}) {
    const Image flat = uniform_picture(source, source, PixelFormat::rgb, 201);
    const Image resized = crop_and_resize(flat.view(), spec_of(64));
    EXPECT_EQ(resized.pixels, uniform_picture(64, 64, PixelFormat::rgb, 201).pixels) << source;
  }
}

TEST(CropAndResize, OpaqueAlphaGreyAndStrideChangeNothing) {
  for (const int width : {40, 224, 500}) {
    const Image rgb = noise_picture(width, 300, PixelFormat::rgb);
    const Image expected = crop_and_resize(rgb.view(), spec_of(224));
    const Image rgba = with_format(rgb, PixelFormat::rgba);
    EXPECT_EQ(crop_and_resize(rgba.view(), spec_of(224)).pixels, expected.pixels);
    nevus::ImageView known = rgba.view();
    known.opaque = true;
    EXPECT_EQ(crop_and_resize(known, spec_of(224)).pixels, expected.pixels);

    const Image gray = noise_picture(width, 300, PixelFormat::gray);
    const Image copied = with_format(gray, PixelFormat::rgb);
    EXPECT_EQ(crop_and_resize(gray.view(), spec_of(224)).pixels,
              crop_and_resize(copied.view(), spec_of(224)).pixels);

    const auto row = static_cast<std::size_t>(width) * 3;
    std::vector<std::uint8_t> padded(300 * (row + 5), 77);
    for (std::size_t y = 0; y < 300; ++y) {
      std::copy_n(rgb.pixels.data() + y * row, row, padded.data() + y * (row + 5));
    }
    const ImageView view{padded.data(), width, 300, row + 5, PixelFormat::rgb};
    EXPECT_EQ(crop_and_resize(view, spec_of(224)).pixels, expected.pixels);
  }
}

TEST(CropAndResize, TransparencyIsLaidOverWhite) {
  Image image(2, 1, PixelFormat::rgba);
  image.pixels = {0, 0, 0, 0, 10, 20, 30, 128};
  image = apply_orientation(image.view(), 1);
  // the centre square of 2 x 1 is its left pixel: invisible black, so white
  EXPECT_EQ(crop_and_resize(image.view(), spec_of(32)).pixels,
            uniform_picture(32, 32, PixelFormat::rgb, 255).pixels);
  Image half(1, 1, PixelFormat::rgba);
  half.pixels = {10, 20, 30, 128};
  const Image over = crop_and_resize(half.view(), spec_of(32));
  EXPECT_EQ(over.pixels[0], (10 * 128 + 255 * 127 + 127) / 255);
  EXPECT_EQ(over.pixels[1], (20 * 128 + 255 * 127 + 127) / 255);
  EXPECT_EQ(over.pixels[2], (30 * 128 + 255 * 127 + 127) / 255);
}

TEST(Normalize, IsPlanarAndExact) {
  PreprocessSpec spec = spec_of(32);
  spec.mean = {0.5f, 0.25f, 0.0f};
  spec.std = {0.5f, 0.25f, 1.0f};
  const Image image = noise_picture(32, 32, PixelFormat::rgb);
  std::vector<float> out(3 * 32 * 32);
  normalize(image.view(), spec, out);
  for (std::size_t i = 0; i < 32 * 32; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double v = image.pixels[3 * i + c] / 255.0;
      EXPECT_EQ(out[c * 32 * 32 + i], static_cast<float>((v - spec.mean[c]) / spec.std[c]));
    }
  }
}

std::string tensor_hash(const Image& image) {
  PreprocessSpec spec;
  std::vector<float> out(3 * 224 * 224);
  preprocess(image.view(), spec, out);
  return sha256_hex(
      {reinterpret_cast<const std::uint8_t*>(out.data()), out.size() * sizeof(float)});
}

// NEVUS_GOLDEN_WRITE=1 writes the file anew; only a change of the rule itself justifies that, and
// it makes every model trained before it a little less exact.
TEST(Golden, TensorsAreTheSameOnEveryMachine) {
  const std::string path = NEVUS_GOLDEN_DIR "/preprocess.txt";
  if (std::getenv("NEVUS_GOLDEN_WRITE")) {
    std::ofstream out(path);
    out << "# picture, SHA-256 of its 3 x 224 x 224 little-endian float32 tensor\n";
    for (const auto& [name, image] : odd_pictures())
      out << name << ' ' << tensor_hash(image) << '\n';
  }
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  std::map<std::string, std::string> golden;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string name;
    words >> name >> golden[name];
  }
  const auto pictures = odd_pictures();
  EXPECT_EQ(golden.size(), pictures.size());
  for (const auto& [name, image] : pictures) EXPECT_EQ(tensor_hash(image), golden[name]) << name;
}

}  // namespace
