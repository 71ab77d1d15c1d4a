// Reads a photo's bytes, lets the core refuse what can't be judged, decodes, turns it upright.
#include "image_io/photo.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <system_error>
#include <vector>

#include <webp/decode.h>

#include "files/atomic_file.h"
#include "image_io/png.h"
#include "nevus/encoded.h"
#include "nevus/jpeg.h"

namespace nevus {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 256u << 20;

Result<std::vector<std::uint8_t>> read_bytes(const std::filesystem::path& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) return Error{"no such file", ""};
  if (std::filesystem::is_directory(status)) return Error{"is a folder, not a photo", ""};
  if (!std::filesystem::is_regular_file(status)) return Error{"is not a regular file", ""};
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  if (code) return Error{"can't be read: " + code.message(), ""};
  if (size > kMaxFileBytes) return Error{"larger than 256 MiB", ""};
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{std::string("can't be opened: ") + std::strerror(errno), ""};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<std::uintmax_t>(in.gcount()) != size)
    return Error{"can't be read to its end", ""};
  return bytes;
}

// Once, before the first decode: OpenCV's own limits and log lines don't suit a command line.
void quiet_opencv() {
  static const bool done = [] {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    return true;
  }();
  (void)done;
}

Result<Image> decode_webp(const std::vector<std::uint8_t>& bytes) {
  WebPBitstreamFeatures features{};
  if (WebPGetFeatures(bytes.data(), bytes.size(), &features) != VP8_STATUS_OK)
    return Error{"damaged WebP", ""};
  if (static_cast<std::int64_t>(features.width) * features.height > kMaxPixels)
    return Error{"more than 64 megapixels", ""};
  Image image(features.width, features.height,
              features.has_alpha ? PixelFormat::rgba : PixelFormat::rgb);
  const int stride = features.width * channels(image.format);
  const auto decode = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (decode(bytes.data(), bytes.size(), image.pixels.data(), image.pixels.size(), stride) ==
      nullptr)
    return Error{"damaged WebP", ""};
  return image;
}

Result<Image> decode_bmp(const std::vector<std::uint8_t>& bytes) {
  quiet_opencv();
  try {
    const cv::Mat mat = cv::imdecode(bytes, cv::IMREAD_COLOR);
    if (mat.empty()) return Error{"damaged BMP", ""};
    Image image(mat.cols, mat.rows, PixelFormat::rgb);
    cv::Mat rgb(mat.rows, mat.cols, CV_8UC3, image.pixels.data());
    cv::cvtColor(mat, rgb, cv::COLOR_BGR2RGB);
    return image;
  } catch (const cv::Exception&) {
    return Error{"damaged BMP", ""};
  }
}

Image gray_to_rgb(const Image& gray) {
  Image rgb(gray.width, gray.height, PixelFormat::rgb);
  for (std::size_t i = 0; i < gray.pixels.size(); ++i)
    std::memset(rgb.pixels.data() + 3 * i, gray.pixels[i], 3);
  return rgb;
}

}  // namespace

Result<DecodedPhoto> read_photo(const std::filesystem::path& path, int least_side) {
  auto bytes = read_bytes(path);
  if (!bytes) return bytes.error();
  const auto info = inspect_encoded(*bytes);
  if (!info) return info.error();
  Result<Image> decoded = Error{};
  int reduction = 1;
  switch (info->codec) {
    case ImageCodec::jpeg:
      reduction = jpeg_reduction(std::min(info->width, info->height), least_side);
      decoded = decode_jpeg(*bytes, PixelFormat::rgb, reduction);
      break;
    case ImageCodec::png:
      decoded = decode_png(*bytes);
      break;
    case ImageCodec::webp:
      decoded = decode_webp(*bytes);
      break;
    case ImageCodec::bmp:
      decoded = decode_bmp(*bytes);
      break;
    case ImageCodec::tiff:
      return Error{"TIFF is not read here; save it as JPEG or PNG", ""};
    case ImageCodec::gif:
      return Error{"GIF is not read here; save it as JPEG or PNG", ""};
    case ImageCodec::avif:
      return Error{"AVIF is not read here; save it as JPEG or PNG", ""};
    case ImageCodec::heic:
      return Error{"HEIC is not read here; save it as JPEG or PNG", ""};
  }
  if (!decoded) return decoded.error();
  if (decoded->format == PixelFormat::gray) decoded = gray_to_rgb(*decoded);
  if (info->orientation > 1 && info->orientation <= 8)
    decoded = apply_orientation(decoded->view(), info->orientation);
  DecodedPhoto photo{*std::move(decoded)};
  photo.reduction = reduction;
  const bool turned = info->orientation >= 5 && info->orientation <= 8;
  // Other codecs' pixels are all there.
  const bool whole = reduction == 1;
  photo.full_width = whole ? photo.width : turned ? info->height : info->width;
  photo.full_height = whole ? photo.height : turned ? info->width : info->height;
  return photo;
}

namespace {

Result<std::vector<std::uint8_t>> encode(const ImageView& image, const char* extension,
                                         const std::vector<int>& parameters) {
  quiet_opencv();
  const int n = channels(image.format);
  const cv::Mat pixels(image.height, image.width, CV_8UC(n), const_cast<std::uint8_t*>(image.data),
                       image.stride);
  cv::Mat stored;  // memory of its own: the conversions below must not write to the caller's
  if (n == 1) stored = pixels;
  if (n == 3) cv::cvtColor(pixels, stored, cv::COLOR_RGB2BGR);
  if (n == 4) cv::cvtColor(pixels, stored, cv::COLOR_RGBA2BGRA);
  std::vector<std::uint8_t> bytes;
  try {
    if (!cv::imencode(extension, stored, bytes, parameters)) return Error{"can't be encoded", ""};
  } catch (const cv::Exception&) {
    return Error{"can't be encoded", ""};
  }
  return bytes;
}

Result<bool> write_encoded(const std::filesystem::path& path,
                           const Result<std::vector<std::uint8_t>>& bytes) {
  if (!bytes) return Error{path.string() + ": " + bytes.error().message, ""};
  return write_whole(path, *bytes);
}

}  // namespace

Result<bool> write_png(const std::filesystem::path& path, const ImageView& image) {
  return write_encoded(path, encode(image, ".png", {}));
}

Result<bool> write_jpeg(const std::filesystem::path& path, const ImageView& image, int quality) {
  return write_encoded(path, encode_jpeg(image, quality));
}

Result<std::vector<std::uint8_t>> encode_jpeg(const ImageView& image, int quality) {
  return encode(image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

}  // namespace nevus
