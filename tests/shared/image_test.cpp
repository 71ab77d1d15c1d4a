// Orientation: all eight ways of storing one picture give that picture back.
#include "nevus/image.h"

#include <gtest/gtest.h>

#include <string>

namespace {

using nevus::Image;
using nevus::PixelFormat;

Image letters(const std::string& text, int width) {
  Image image(width, static_cast<int>(text.size()) / width, PixelFormat::gray);
  image.pixels.assign(text.begin(), text.end());
  return image;
}

std::string text(const Image& image) {
  return std::to_string(image.width) + ":" + std::string(image.pixels.begin(), image.pixels.end());
}

// The upright picture is  a b c   and each stored one is what CIPA DC-008 says of where its row 0
//                         d e f   and column 0 belong.
TEST(Orientation, AllEightAreTurnedUpright) {
  const std::string upright = "3:abcdef";
  EXPECT_EQ(text(apply_orientation(letters("abcdef", 3).view(), 1)), upright);
  EXPECT_EQ(text(apply_orientation(letters("cbafed", 3).view(), 2)), upright);  // right, top
  EXPECT_EQ(text(apply_orientation(letters("fedcba", 3).view(), 3)), upright);  // bottom, right
  EXPECT_EQ(text(apply_orientation(letters("defabc", 3).view(), 4)), upright);  // bottom, left
  EXPECT_EQ(text(apply_orientation(letters("adbecf", 2).view(), 5)), upright);  // left, top
  EXPECT_EQ(text(apply_orientation(letters("cfbead", 2).view(), 6)), upright);  // right, top
  EXPECT_EQ(text(apply_orientation(letters("fcebda", 2).view(), 7)), upright);  // right, bottom
  EXPECT_EQ(text(apply_orientation(letters("daebfc", 2).view(), 8)), upright);  // left, bottom
}

TEST(Orientation, NonsenseCountsAsUpright) {
  for (const int orientation : {-1, 0, 9, 1000}) {
    EXPECT_EQ(text(apply_orientation(letters("abcdef", 3).view(), orientation)), "3:abcdef");
  }
}

TEST(Orientation, HonoursStrideAndChannels) {
  // two RGB pixels a row, two bytes of padding
  const std::uint8_t padded[] = {1, 2, 3, 4, 5, 6, 99, 99, 7, 8, 9, 10, 11, 12, 99, 99};
  const Image turned = nevus::apply_orientation({padded, 2, 2, 8, PixelFormat::rgb}, 3);
  EXPECT_EQ(turned.pixels, (std::vector<std::uint8_t>{10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3}));
}

TEST(Reduce, EveryPixelIsTheRoundedMeanOfItsSquare) {
  // Two by two, and a column and a row that are left over.
  const Image gray = letters({0, 1, 10, 20, 99, 2, 4, 30, 41, 99, 99, 99, 99, 99, 99}, 5);
  EXPECT_EQ(nevus::reduce(gray.view(), 2).pixels, (std::vector<std::uint8_t>{2, 25}));
  EXPECT_EQ(nevus::reduce(gray.view(), 1).pixels, gray.pixels);
  // Channels keep to themselves, gaps between rows are not looked at.
  const std::uint8_t padded[] = {0, 100, 255, 2, 200, 255, 7, 7, 4, 100, 255, 6, 200, 255, 7, 7};
  EXPECT_EQ(nevus::reduce({padded, 2, 2, 8, PixelFormat::rgb}, 2).pixels,
            (std::vector<std::uint8_t>{3, 150, 255}));
}

TEST(Reduce, TheBrightestStaysSo) {
  const Image white = letters(std::string(32 * 48, '\xff'), 32);
  EXPECT_EQ(nevus::reduce(white.view(), 16).pixels, std::vector<std::uint8_t>(6, 255));
}

}  // namespace
