// float to half: against the definition, for every half and the halves' midpoints.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "onnx/half.h"

namespace nevus {
namespace {

// IEEE 754-2008, 3.4: the value of a finite half.
double value_of(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(Half, EveryFiniteHalfIsKept) {
  for (unsigned bits = 0; bits < 0x7c00; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    ASSERT_EQ(half_bits(static_cast<float>(value_of(half))), half);
    ASSERT_EQ(half_value(half), value_of(half));
    const auto negative = static_cast<std::uint16_t>(bits | 0x8000);
    ASSERT_EQ(half_bits(static_cast<float>(value_of(negative))), negative);
    ASSERT_EQ(half_value(negative), value_of(negative));
  }
}

TEST(Half, RoundsToNearestTiesToEven) {
  for (unsigned bits = 0; bits + 1 < 0x7c00; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const auto middle = static_cast<float>((value_of(low) + value_of(high)) / 2);
    ASSERT_EQ(half_bits(middle), bits % 2 == 0 ? low : high) << bits;
    ASSERT_EQ(half_bits(std::nextafter(middle, 0.0f)), low) << bits;
    ASSERT_EQ(half_bits(std::nextafter(middle, 1e9f)), high) << bits;
  }
}

TEST(Half, BeyondTheRange) {
  EXPECT_EQ(half_bits(65504.0f), 0x7bff);
  EXPECT_EQ(half_bits(65519.0f), 0x7bff);
  EXPECT_EQ(half_bits(65520.0f), 0x7c00);
  EXPECT_EQ(half_bits(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(half_bits(std::numeric_limits<float>::quiet_NaN()) & 0x7c00, 0x7c00);
  EXPECT_NE(half_bits(std::numeric_limits<float>::quiet_NaN()) & 0x03ff, 0);
  EXPECT_EQ(half_bits(-0.0f), 0x8000);
}

}  // namespace
}  // namespace nevus
