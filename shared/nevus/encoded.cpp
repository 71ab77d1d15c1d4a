// Reads what an image file says of itself and walks its container to the end. Sources: ITU-T T.81
// (JPEG), CIPA DC-008 (EXIF), W3C PNG 3rd edition, the WebP container specification, GIF89a,
// ISO/IEC 14496-12 and 23008-12 (AVIF, HEIC), TIFF 6.0.
#include "nevus/encoded.h"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "nevus/detail/byte_reader.h"

namespace nevus {
namespace {

using detail::ByteReader;
using Bytes = std::span<const std::uint8_t>;

Error cut_off(std::string_view format) {
  return {"the file is cut off (incomplete " + std::string(format) + ")", {}};
}
Error damaged(std::string_view format) {
  return {"a damaged " + std::string(format), {}};
}
Error animated() {
  return {"an animated picture; choose a still photo", {}};
}

/// Takes the size over, or says why it can't be judged.
std::optional<Error> set_size(EncodedInfo& info, std::uint32_t width, std::uint32_t height) {
  if (width == 0 || height == 0) return Error{"the picture has no pixels", {}};
  if (width > 0x7fffffffu || height > 0x7fffffffu ||
      std::uint64_t{width} * height > std::uint64_t{kMaxPixels}) {
    return Error{std::to_string(width) + " x " + std::to_string(height) + " pixels; at most " +
                     std::to_string(kMaxPixels / 1'000'000) + " megapixels can be judged",
                 {}};
  }
  info.width = static_cast<int>(width);
  info.height = static_cast<int>(height);
  return std::nullopt;
}

struct TiffTags {
  int orientation = 1;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// The first directory of a TIFF structure (which EXIF is, too); whatever is broken counts as
/// absent.
TiffTags read_tiff_tags(Bytes tiff) {
  TiffTags tags;
  ByteReader in(tiff);
  bool big_endian = false;
  if (in.accept("MM")) {
    big_endian = true;
  } else if (!in.accept("II")) {
    return tags;
  }
  std::uint32_t magic, directory, count;
  if (!in.read<2>(magic, big_endian) || magic != 42 || !in.read<4>(directory, big_endian) ||
      !in.seek(directory) || !in.read<2>(count, big_endian)) {
    return tags;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t tag, type, values;
    Bytes field;
    if (!in.read<2>(tag, big_endian) || !in.read<2>(type, big_endian) ||
        !in.read<4>(values, big_endian) || !in.take(4, field)) {
      return tags;
    }
    constexpr std::uint32_t kShort = 3, kLong = 4;
    if (values != 1 || (type != kShort && type != kLong)) continue;
    std::uint32_t value = 0;
    ByteReader in_field(field);
    if (!(type == kShort ? in_field.read<2>(value, big_endian)
                         : in_field.read<4>(value, big_endian))) {
      return tags;
    }
    if (tag == 0x0112 && type == kShort && value >= 1 && value <= 8) {
      tags.orientation = static_cast<int>(value);
    } else if (tag == 0x0100) {
      tags.width = value;
    } else if (tag == 0x0101) {
      tags.height = value;
    }
  }
  return tags;
}

Result<EncodedInfo> inspect_jpeg(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::jpeg;
  ByteReader in(bytes);
  if (!in.skip(2)) return cut_off("JPEG");
  bool has_frame = false, has_exif = false;

  // After a scan's header come entropy-coded data, in which 0xff is followed by 0x00, a restart
  // marker or (fill) another 0xff; anything else is the next marker. Between segments, stray bytes
  // are stepped over as libjpeg does, by the same search.
  const auto next_marker = [&](std::uint32_t& marker) {
    for (;;) {
      const void* found =
          in.left() ? std::memchr(bytes.data() + in.position(), 0xff, in.left()) : nullptr;
      if (!found) return false;
      in.seek(static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data()));
      marker = 0xff;
      while (marker == 0xff) {
        if (!in.u8(marker)) return false;
      }
      const bool restart = marker >= 0xd0 && marker <= 0xd7;
      if (marker != 0x00 && marker != 0x01 && !restart) return true;
    }
  };

  bool has_scan = false;
  std::uint32_t marker;
  while (next_marker(marker)) {
    if (marker == 0xd9) {  // end of image
      if (!has_frame || !has_scan) return damaged("JPEG");
      return info;
    }
    if (marker == 0xd8) return damaged("JPEG");
    std::uint32_t length;
    Bytes segment;
    if (!in.u16be(length)) break;
    if (length < 2) return damaged("JPEG");
    if (!in.take(length - 2, segment)) break;

    const bool frame =
        marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame) {
      if (has_frame) return damaged("JPEG");
      has_frame = true;
      ByteReader header(segment);
      std::uint32_t precision, width, height, components;
      if (!header.u8(precision) || !header.u16be(height) || !header.u16be(width) ||
          !header.u8(components)) {
        return damaged("JPEG");
      }
      if (auto error = set_size(info, width, height)) return *error;
      if (components == 4) {
        return Error{"uses CMYK colours (made for print); save it as an RGB JPEG", {}};
      }
      if (precision != 8) {
        return Error{"has " + std::to_string(precision) +
                         " bits a colour; save it as an ordinary (8-bit) JPEG",
                     {}};
      }
      if (components != 1 && components != 3) return damaged("JPEG");
    } else if (marker == 0xda) {
      if (!has_frame) return damaged("JPEG");
      has_scan = true;
    } else if (marker == 0xe1 && !has_exif) {
      ByteReader exif(segment);
      if (exif.accept(std::string_view("Exif\0\0", 6))) {
        has_exif = true;
        info.orientation = read_tiff_tags(segment.subspan(6)).orientation;
      }
    }
  }
  return cut_off("JPEG");
}

Result<EncodedInfo> inspect_png(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::png;
  ByteReader in(bytes);
  in.skip(8);
  bool has_header = false, has_data = false;
  for (;;) {
    std::uint32_t length, checksum;
    Bytes type, data;
    if (!in.u32be(length) || !in.take(4, type)) return cut_off("PNG");
    const std::string_view name(reinterpret_cast<const char*>(type.data()), 4);
    if (has_header != (name != "IHDR") || length > 0x7fffffffu) return damaged("PNG");
    if (name == "IHDR") {
      // Its size is looked at before anything else can be missing.
      ByteReader header = in;
      std::uint32_t width, height;
      if (length != 13) return damaged("PNG");
      if (!header.u32be(width) || !header.u32be(height)) return cut_off("PNG");
      if (auto error = set_size(info, width, height)) return *error;
      has_header = true;
    }
    if (!in.take(length, data) || !in.u32be(checksum)) return cut_off("PNG");
    if (name == "IDAT") {
      has_data = true;
    } else if (name == "acTL" && !has_data) {
      ByteReader control(data);
      std::uint32_t frames;
      if (!control.u32be(frames) || frames > 1) return animated();
    } else if (name == "eXIf") {
      info.orientation = read_tiff_tags(data).orientation;
    } else if (name == "IEND") {
      if (!has_data) return damaged("PNG");
      return info;
    }
  }
}

Result<EncodedInfo> inspect_webp(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::webp;
  ByteReader file(bytes);
  std::uint32_t riff_size;
  if (!file.skip(4) || !file.u32le(riff_size)) return cut_off("WebP");
  if (riff_size < 12) return damaged("WebP");

  Bytes riff;
  const bool whole = file.take(riff_size, riff);
  if (!whole && !file.take(file.left(), riff)) return cut_off("WebP");
  ByteReader in(riff);
  in.skip(4);  // "WEBP"
  bool has_picture = false;
  while (in.left() > 0) {
    std::uint32_t size;
    Bytes type, data;
    if (!in.take(4, type) || !in.u32le(size)) break;
    const std::string_view name(reinterpret_cast<const char*>(type.data()), 4);
    ByteReader header = in;
    std::uint32_t flags, width, height;
    if (name == "VP8X") {
      if (!header.u8(flags) || !header.skip(3) || !header.u24le(width) || !header.u24le(height)) {
        break;
      }
      if (flags & 0x02) return animated();
      if (auto error = set_size(info, width + 1, height + 1)) return *error;
    } else if (name == "ANIM" || name == "ANMF") {
      return animated();
    } else if (name == "VP8 ") {
      if (!header.skip(3)) break;
      if (!header.accept("\x9d\x01\x2a")) return damaged("WebP");
      if (!header.u16le(width) || !header.u16le(height)) break;
      if (auto error = set_size(info, width & 0x3fff, height & 0x3fff)) return *error;
      has_picture = true;
    } else if (name == "VP8L") {
      if (!header.accept("\x2f")) return damaged("WebP");
      if (!header.u32le(width)) break;
      height = (width >> 14 & 0x3fff) + 1;
      width = (width & 0x3fff) + 1;
      if (auto error = set_size(info, width, height)) return *error;
      has_picture = true;
    }
    if (!in.take(size, data)) break;
    if (name == "EXIF") {
      ByteReader exif(data);
      info.orientation =
          read_tiff_tags(exif.accept(std::string_view("Exif\0\0", 6)) ? data.subspan(6) : data)
              .orientation;
    }
    if (size % 2 == 1 && in.left() > 0) in.skip(1);  // chunks are padded to even sizes
  }
  if (!whole || in.left() > 0) return cut_off("WebP");
  if (!has_picture) return damaged("WebP");
  return info;
}

Result<EncodedInfo> inspect_gif(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::gif;
  ByteReader in(bytes);
  std::uint32_t width, height, flags;
  if (!in.skip(6) || !in.u16le(width) || !in.u16le(height) || !in.u8(flags) || !in.skip(2)) {
    return cut_off("GIF");
  }
  if (auto error = set_size(info, width, height)) return *error;
  const auto skip_colours = [&](std::uint32_t packed) {
    return !(packed & 0x80) || in.skip(std::uint64_t{3} << ((packed & 7) + 1));
  };
  const auto skip_blocks = [&] {
    std::uint32_t size;
    do {
      if (!in.u8(size) || !in.skip(size)) return false;
    } while (size > 0);
    return true;
  };
  if (!skip_colours(flags)) return cut_off("GIF");

  int frames = 0;
  for (;;) {
    std::uint32_t introducer;
    if (!in.u8(introducer)) return cut_off("GIF");
    if (introducer == 0x3b) break;
    if (introducer == 0x21) {
      if (!in.skip(1) || !skip_blocks()) return cut_off("GIF");
    } else if (introducer == 0x2c) {
      if (++frames > 1) return animated();
      EncodedInfo frame;
      if (!in.skip(4) || !in.u16le(width) || !in.u16le(height) || !in.u8(flags)) {
        return cut_off("GIF");
      }
      if (auto error = set_size(frame, width, height)) return *error;
      if (!skip_colours(flags) || !in.skip(1) || !skip_blocks()) return cut_off("GIF");
    } else {
      return damaged("GIF");
    }
  }
  if (frames == 0) return damaged("GIF");
  return info;
}

Result<EncodedInfo> inspect_bmp(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::bmp;
  ByteReader in(bytes);
  std::uint32_t offset, header_size, width, height, planes, depth, compression = 0;
  if (!in.skip(10) || !in.u32le(offset) || !in.u32le(header_size)) return cut_off("BMP");
  if (header_size == 12) {
    if (!in.u16le(width) || !in.u16le(height) || !in.u16le(planes) || !in.u16le(depth)) {
      return cut_off("BMP");
    }
  } else {
    if (!in.u32le(width) || !in.u32le(height) || !in.u16le(planes) || !in.u16le(depth) ||
        !in.u32le(compression)) {
      return cut_off("BMP");
    }
    if (height > 0x80000000u) height = 0u - height;  // negative: rows from the top
  }
  if (auto error = set_size(info, width, height)) return *error;
  if (depth > 32) return damaged("BMP");
  constexpr std::uint32_t kRle8 = 1, kRle4 = 2;
  if (compression != kRle8 && compression != kRle4) {
    const std::uint64_t row = (std::uint64_t{width} * depth + 31) / 32 * 4;
    if (!in.seek(offset) || !in.skip(row * height)) return cut_off("BMP");
  } else if (!in.seek(offset) || in.left() == 0) {
    return cut_off("BMP");
  }
  return info;
}

Result<EncodedInfo> inspect_tiff(Bytes bytes) {
  EncodedInfo info;
  info.codec = ImageCodec::tiff;
  // Orientation stays 1: TIFF decoders turn the picture themselves.
  const TiffTags tags = read_tiff_tags(bytes);
  if (tags.width != 0 || tags.height != 0) {
    if (auto error = set_size(info, tags.width, tags.height)) return *error;
  }
  return info;
}

/// AVIF, HEIC and other families of ISO base media files.
Result<EncodedInfo> inspect_isobmff(Bytes bytes) {
  EncodedInfo info;
  ByteReader in(bytes);
  std::uint32_t size, brand_count;
  Bytes brands;
  if (!in.u32be(size) || !in.skip(4)) return cut_off("file");
  if (size < 16 || size > 4096 || size % 4 != 0) return Error{"not an image", {}};
  if (!in.take(size - 8, brands)) return cut_off("file");
  brand_count = static_cast<std::uint32_t>(brands.size() / 4);

  bool avif = false, heic = false, sequence = false;
  for (std::uint32_t i = 0; i < brand_count; ++i) {
    if (i == 1) continue;  // the minor version
    const std::string_view brand(reinterpret_cast<const char*>(brands.data()) + 4 * i, 4);
    avif |= brand == "avif" || brand == "avis";
    heic |= brand == "heic" || brand == "heix" || brand == "heim" || brand == "heis";
    sequence |=
        brand == "avis" || (i == 0 && (brand == "hevc" || brand == "hevx" || brand == "msf1"));
  }
  if (sequence) return animated();
  if (!avif && !heic) return Error{"not a photo (a video, or a format that can't be read)", {}};
  info.codec = avif ? ImageCodec::avif : ImageCodec::heic;
  const std::string_view name = avif ? "AVIF" : "HEIC";

  bool has_meta = false, has_data = false;
  while (in.left() > 0) {
    std::uint32_t high = 0, low = 0;
    Bytes type, content;
    if (!in.u32be(size) || !in.take(4, type)) return cut_off(name);
    std::uint64_t rest = in.left();  // size 0: up to the end of the file
    if (size == 1) {
      if (!in.u32be(high) || !in.u32be(low)) return cut_off(name);
      rest = std::uint64_t{high} << 32 | low;
      if (rest < 16) return damaged(name);
      rest -= 16;
    } else if (size != 0) {
      if (size < 8) return damaged(name);
      rest = size - 8;
    }
    if (!in.take(rest, content)) return cut_off(name);
    const std::string_view box(reinterpret_cast<const char*>(type.data()), 4);
    const std::string_view inside(reinterpret_cast<const char*>(content.data()), content.size());
    if (box == "mdat") {
      has_data = true;
    } else if (box == "meta") {
      has_meta = true;
      has_data |= inside.find("idat") != std::string_view::npos;
      // Sizes stand in "ispe" boxes of 20 bytes, several for a picture made of tiles; only the
      // limit is checked, since the container may turn or crop what they say.
      for (std::size_t at = inside.find("ispe"); at != std::string_view::npos;
           at = inside.find("ispe", at + 4)) {
        ByteReader property(content);
        std::uint32_t property_size, width, height;
        EncodedInfo ignored;
        if (at < 4 || !property.seek(at - 4) || !property.u32be(property_size) ||
            property_size != 20 || !property.skip(8) || !property.u32be(width) ||
            !property.u32be(height)) {
          continue;
        }
        if (auto error = set_size(ignored, width, height)) return *error;
      }
    }
  }
  if (!has_meta || !has_data) return cut_off(name);
  return info;
}

bool is_bmp(Bytes bytes) {
  ByteReader in(bytes);
  std::uint32_t header_size;
  if (!in.accept("BM") || !in.skip(12) || !in.u32le(header_size)) return false;
  for (const std::uint32_t known : {12u, 40u, 52u, 56u, 64u, 108u, 124u}) {
    if (header_size == known) return true;
  }
  return false;
}

}  // namespace

Result<EncodedInfo> inspect_encoded(Bytes bytes) {
  if (bytes.empty()) return Error{"the file is empty", {}};
  const auto starts = [&](std::string_view magic, std::size_t at = 0) {
    return bytes.size() >= at + magic.size() &&
           std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
  };
  if (starts("\xff\xd8\xff")) return inspect_jpeg(bytes);
  if (starts("\x89PNG\r\n\x1a\n")) return inspect_png(bytes);
  if (starts("RIFF") && starts("WEBP", 8)) return inspect_webp(bytes);
  if (starts("GIF87a") || starts("GIF89a")) return inspect_gif(bytes);
  if (starts(std::string_view("II*\0", 4)) || starts(std::string_view("MM\0*", 4))) {
    return inspect_tiff(bytes);
  }
  if (starts("ftyp", 4)) return inspect_isobmff(bytes);
  if (is_bmp(bytes)) return inspect_bmp(bytes);
  return Error{"not an image", {}};
}

}  // namespace nevus
