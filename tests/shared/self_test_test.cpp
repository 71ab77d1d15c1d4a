// The self-test's picture: fixed for ever, different for each seed.
#include "nevus/self_test.h"

#include <gtest/gtest.h>

#include "nevus/quality.h"
#include "nevus/sha256.h"

namespace {

using namespace nevus;

TEST(SelfTestImage, SameBytesOnEveryMachine) {
  const PreprocessSpec spec;
  EXPECT_EQ(sha256_hex(self_test_image(1, spec).pixels),
            "ab05b310a52045d06ca832b8216485ad767c99f9b97ee343882f8a0bbed53a6e");
  EXPECT_EQ(sha256_hex(self_test_image(0, spec).pixels),
            "f7afe42498bbf0a4590e80cf1174027b18f53255da24c4c2fbebf5c5f1132c12");
  EXPECT_EQ(sha256_hex(self_test_image(0xffffffff, spec).pixels),
            "7ea763da94a0274be778b16b05005a879bad94d0ff91e8d03fccdc7ee634c8c9");
}

TEST(SelfTestImage, LooksLikeSkin) {
  for (const int side : {32, 224, 1024}) {
    PreprocessSpec spec;
    spec.width = spec.height = side;
    for (std::uint32_t seed = 0; seed < 20; ++seed) {
      const Image image = self_test_image(seed, spec);
      ASSERT_EQ(image.width, side);
      ASSERT_EQ(image.pixels.size(), static_cast<std::size_t>(side) * side * 3);
      for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
        ASSERT_GT(image.pixels[i], image.pixels[i + 1]);
        ASSERT_GE(image.pixels[i + 1], image.pixels[i + 2]);
      }
    }
  }
}

}  // namespace
