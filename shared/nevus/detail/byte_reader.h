// Bounds-checked reading of untrusted bytes: returns false instead of reading past the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace nevus::detail {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }

  bool seek(std::uint64_t position) {
    if (position > bytes_.size()) return false;
    position_ = static_cast<std::size_t>(position);
    return true;
  }
  bool skip(std::uint64_t count) {
    if (count > left()) return false;
    position_ += static_cast<std::size_t>(count);
    return true;
  }
  /// The next `count` bytes, without a copy.
  bool take(std::uint64_t count, std::span<const std::uint8_t>& out) {
    if (count > left()) return false;
    out = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return true;
  }
  /// Steps over `text` if it comes next.
  bool accept(std::string_view text) {
    if (text.size() > left() ||
        std::memcmp(bytes_.data() + position_, text.data(), text.size()) != 0) {
      return false;
    }
    position_ += text.size();
    return true;
  }
  /// An unsigned integer of Size bytes (1 to 4), most or least significant byte first.
  template <int Size>
  bool read(std::uint32_t& out, bool big_endian) {
    static_assert(Size >= 1 && Size <= 4);
    if (left() < Size) return false;
    out = 0;
    for (int i = 0; i < Size; ++i) {
      const int shift = 8 * (big_endian ? Size - 1 - i : i);
      out |= std::uint32_t{bytes_[position_++]} << shift;
    }
    return true;
  }
  bool u8(std::uint32_t& out) { return read<1>(out, true); }
  bool u16be(std::uint32_t& out) { return read<2>(out, true); }
  bool u32be(std::uint32_t& out) { return read<4>(out, true); }
  bool u16le(std::uint32_t& out) { return read<2>(out, false); }
  bool u24le(std::uint32_t& out) { return read<3>(out, false); }
  bool u32le(std::uint32_t& out) { return read<4>(out, false); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
};

}  // namespace nevus::detail
