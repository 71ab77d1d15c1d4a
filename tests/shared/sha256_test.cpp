// SHA-256 against published vectors.
#include "nevus/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace {

std::vector<std::uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

// NIST, "Cryptographic Standards and Guidelines: Examples with Intermediate Values", and FIPS
// 180-2, B.3.
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(nevus::sha256_hex({}),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(nevus::sha256_hex(bytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(nevus::sha256_hex(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(nevus::sha256_hex(bytes("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu")),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(nevus::sha256_hex(std::vector<std::uint8_t>(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, AnyPortionsGiveTheSame) {
  std::vector<std::uint8_t> data(300);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7);
  for (std::size_t length : {0u, 1u, 55u, 56u, 57u, 63u, 64u, 65u, 119u, 120u, 128u, 300u}) {
    const std::span<const std::uint8_t> all(data.data(), length);
    nevus::Sha256 whole;
    whole.update(all);
    const auto expected = whole.finish();
    for (std::size_t portion : {1u, 3u, 63u, 64u, 100u}) {
      nevus::Sha256 parts;
      for (std::size_t at = 0; at < length; at += portion) {
        parts.update(all.subspan(at, std::min(portion, length - at)));
      }
      EXPECT_EQ(parts.finish(), expected) << length << " bytes by " << portion;
    }
  }
}

}  // namespace
