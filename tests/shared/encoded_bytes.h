// Small image files made byte by byte: whole containers, without pixels that anybody could decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nevus::test {

using ByteString = std::vector<std::uint8_t>;

/// Appends numbers and text; what a decoder reads, in reverse.
class ByteWriter {
 public:
  ByteWriter& text(std::string_view t) {
    bytes.insert(bytes.end(), t.begin(), t.end());
    return *this;
  }
  ByteWriter& append(const ByteString& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  ByteWriter& be(std::uint32_t value, int size) {
    for (int i = size - 1; i >= 0; --i)
      bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  ByteWriter& le(std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return *this;
  }
  ByteWriter& number(std::uint32_t value, int size, bool big) {
    return big ? be(value, size) : le(value, size);
  }
  ByteString bytes;
};

/// A TIFF structure with one directory: image size (as LONG), then orientation (as SHORT).
inline ByteString tiff(int orientation, bool big, std::uint32_t width = 0,
                       std::uint32_t height = 0) {
  ByteWriter out;
  out.text(big ? "MM" : "II").number(42, 2, big).number(8, 4, big);
  out.number(width ? 3 : 1, 2, big);
  if (width) {
    out.number(0x0100, 2, big).number(4, 2, big).number(1, 4, big).number(width, 4, big);
    out.number(0x0101, 2, big).number(4, 2, big).number(1, 4, big).number(height, 4, big);
  }
  out.number(0x0112, 2, big).number(3, 2, big).number(1, 4, big);
  out.number(static_cast<std::uint32_t>(orientation), 2, big).number(0, 2, big);
  out.number(0, 4, big);
  return out.bytes;
}

struct JpegOptions {
  std::uint32_t width = 40, height = 30;
  int components = 3, precision = 8;
  int orientation = 0;  ///< 0: no EXIF
  bool big = false;
  int scans = 1;
};

inline ByteString jpeg(const JpegOptions& o = {}) {
  ByteWriter out;
  out.be(0xffd8, 2);
  out.be(0xffe0, 2).be(16, 2).text(std::string_view("JFIF\0\1\1\0\0\1\0\1\0\0", 14));
  if (o.orientation) {
    // the EXIF block carries a thumbnail whose end marker is not the file's
    ByteString exif = ByteWriter().text(std::string_view("Exif\0\0", 6)).bytes;
    for (const auto b : tiff(o.orientation, o.big)) exif.push_back(b);
    for (const auto b : {0xff, 0xd8, 0xff, 0xd9}) exif.push_back(static_cast<std::uint8_t>(b));
    out.be(0xffe1, 2).be(static_cast<std::uint32_t>(exif.size() + 2), 2).append(exif);
  }
  out.be(0xffc0, 2).be(static_cast<std::uint32_t>(8 + 3 * o.components), 2);
  out.be(static_cast<std::uint32_t>(o.precision), 1).be(o.height, 2).be(o.width, 2);
  out.be(static_cast<std::uint32_t>(o.components), 1);
  for (int c = 1; c <= o.components; ++c) out.be(static_cast<std::uint32_t>(c), 1).be(0x1100, 2);
  for (int s = 0; s < o.scans; ++s) {
    out.be(0xffda, 2).be(8, 2).be(0x01010000, 4).be(0x3f00, 2);
    out.be(0x12ff0034, 4).be(0xffd0, 2).be(0x5678ff00, 4);  // stuffed bytes and a restart marker
  }
  out.be(0xffd9, 2);
  return out.bytes;
}

inline ByteString png_chunk(std::string_view type, const ByteString& data) {
  // The check sum is not looked at: decoders do that.
  return ByteWriter()
      .be(static_cast<std::uint32_t>(data.size()), 4)
      .text(type)
      .append(data)
      .be(0, 4)
      .bytes;
}

inline ByteString png(std::uint32_t width = 40, std::uint32_t height = 30, int animation_frames = 0,
                      int orientation = 0, bool with_data = true) {
  ByteWriter out;
  out.text("\x89PNG\r\n\x1a\n");
  out.append(
      png_chunk("IHDR", ByteWriter().be(width, 4).be(height, 4).be(0x08020000, 4).be(0, 1).bytes));
  if (animation_frames) {
    out.append(png_chunk(
        "acTL", ByteWriter().be(static_cast<std::uint32_t>(animation_frames), 4).be(0, 4).bytes));
  }
  if (orientation) out.append(png_chunk("eXIf", tiff(orientation, true)));
  if (with_data) out.append(png_chunk("IDAT", {1, 2, 3, 4, 5}));
  out.append(png_chunk("IEND", {}));
  return out.bytes;
}

inline ByteString webp_chunk(std::string_view type, ByteString data) {
  ByteWriter out;
  out.text(type).le(static_cast<std::uint32_t>(data.size()), 4).append(data);
  if (data.size() % 2) out.le(0, 1);
  return out.bytes;
}

inline ByteString webp_file(const ByteString& chunks) {
  return ByteWriter()
      .text("RIFF")
      .le(static_cast<std::uint32_t>(chunks.size() + 4), 4)
      .text("WEBP")
      .append(chunks)
      .bytes;
}

inline ByteString webp_lossy(std::uint32_t width = 40, std::uint32_t height = 30) {
  return webp_chunk(
      "VP8 ",
      ByteWriter().le(0x000110, 3).text("\x9d\x01\x2a").le(width, 2).le(height, 2).le(7, 3).bytes);
}

inline ByteString webp_lossless(std::uint32_t width = 40, std::uint32_t height = 30) {
  return webp_chunk(
      "VP8L", ByteWriter().le(0x2f, 1).le((width - 1) | (height - 1) << 14, 4).le(9, 2).bytes);
}

inline ByteString webp_extended(std::uint32_t flags, std::uint32_t width, std::uint32_t height) {
  return webp_chunk("VP8X", ByteWriter().le(flags, 4).le(width - 1, 3).le(height - 1, 3).bytes);
}

inline ByteString gif(int frames = 1, std::uint32_t width = 40, std::uint32_t height = 30) {
  ByteWriter out;
  out.text("GIF89a").le(width, 2).le(height, 2).le(0x80, 1).le(0, 2).append(ByteString(6, 9));
  out.le(0x21, 1).le(0xf9, 1).le(4, 1).le(0, 4).le(0, 1);
  for (int f = 0; f < frames; ++f) {
    out.le(0x2c, 1).le(0, 4).le(width, 2).le(height, 2).le(0, 1);
    out.le(2, 1).le(3, 1).append({1, 2, 3}).le(0, 1);
  }
  out.le(0x3b, 1);
  return out.bytes;
}

inline ByteString bmp(std::int32_t width = 4, std::int32_t height = 3,
                      std::uint32_t compression = 0) {
  const auto rows = static_cast<std::uint32_t>(height < 0 ? -height : height);
  const std::uint32_t row = (static_cast<std::uint32_t>(width) * 3 + 3) / 4 * 4;
  const std::uint32_t data = rows < 1000 ? row * rows : 0;
  ByteWriter out;
  out.text("BM").le(54 + data, 4).le(0, 4).le(54, 4);
  out.le(40, 4).le(static_cast<std::uint32_t>(width), 4).le(static_cast<std::uint32_t>(height), 4);
  out.le(1, 2).le(24, 2).le(compression, 4).le(data, 4).le(0, 4).le(0, 4).le(0, 4).le(0, 4);
  out.append(ByteString(data, 5));
  return out.bytes;
}

inline ByteString isobmff(std::string_view major, const std::vector<std::string_view>& compatible,
                          std::uint32_t width = 40, std::uint32_t height = 30) {
  ByteWriter out;
  out.be(static_cast<std::uint32_t>(16 + 4 * compatible.size()), 4)
      .text("ftyp")
      .text(major)
      .be(0, 4);
  for (const auto brand : compatible) out.text(brand);
  out.be(32, 4).text("meta").be(0, 4);
  out.be(20, 4).text("ispe").be(0, 4).be(width, 4).be(height, 4);
  out.be(13, 4).text("mdat").append({1, 2, 3, 4, 5});
  return out.bytes;
}

/// One whole, still, small file of each kind.
inline std::vector<std::pair<std::string, ByteString>> whole_files() {
  return {{"jpeg", jpeg()},
          {"jpeg with EXIF, 3 scans", jpeg({.orientation = 6, .scans = 3})},
          {"png", png()},
          {"png with EXIF", png(40, 30, 0, 6)},
          {"webp lossy", webp_file(webp_lossy())},
          {"webp lossless", webp_file(webp_lossless())},
          {"webp extended", webp_file(ByteWriter()
                                          .append(webp_extended(0x08, 40, 30))
                                          .append(webp_lossy())
                                          .append(webp_chunk("EXIF", tiff(6, false)))
                                          .bytes)},
          {"gif", gif()},
          {"bmp", bmp()},
          {"avif", isobmff("avif", {"avif", "mif1", "miaf"})},
          {"heic", isobmff("heic", {"mif1", "heic"})},
          {"tiff", tiff(1, false, 40, 30)}};
}

}  // namespace nevus::test
