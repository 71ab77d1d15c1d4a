// One photo's measures.
#include "inspect/features.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <opencv2/imgproc.hpp>
#include <span>

#include "image_io/photo.h"
#include "nevus/sha256.h"

namespace nevus {
namespace {

constexpr int kFrame = 224;      // shorter side of the frame that keypoints are found in
constexpr int kKeypoints = 300;  // the strongest ones
// Of the 64 x 64 copy: how dark the surround of a round view is at most, and how far inside its
// edge still shows.
constexpr int kBlack = 32, kEdge = 4;

// Low frequencies of the grey picture (the idea of pHash; Zauner, 2010), as numbers rather than
// signs. Flips change signs of odd columns or rows, a transpose swaps the axes.
std::array<float, kLayoutSize> layout_of(const cv::Mat& gray) {
  cv::Mat small, wide, frequencies;
  cv::resize(gray, small, cv::Size(32, 32), 0, 0, cv::INTER_AREA);
  small.convertTo(wide, CV_32F);
  cv::dct(wide, frequencies);
  std::array<float, kLayoutSize> out{};
  double norm = 0;
  for (int i = 1; i < 64; ++i) {
    const float value = frequencies.at<float>(i / 8, i % 8);
    out[static_cast<std::size_t>(i - 1)] = value;
    norm += static_cast<double>(value) * value;
  }
  const auto scale = static_cast<float>(1 / std::sqrt(std::max(norm, 1e-12)));
  for (float& value : out) value *= scale;
  return out;
}

// Mean and deviation of the colours (brightness and two opponent pairs) in four rings: the same
// however the picture is turned.
std::array<float, kColorSize> color_of(const cv::Mat& rgb) {
  cv::Mat small;
  cv::resize(rgb, small, cv::Size(32, 32), 0, 0, cv::INTER_AREA);
  std::array<double, kColorSize> sum{};
  std::array<double, kColorSize / 2> squares{};
  std::array<double, 4> count{};
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      const double radius = std::hypot(x - 15.5, y - 15.5);
      const auto ring = static_cast<std::size_t>(std::min(3.0, radius / 4.6));
      const auto& pixel = small.at<cv::Vec3b>(y, x);
      const double r = pixel[0], g = pixel[1], b = pixel[2];
      const std::array<double, 3> opponent{r + g + b, r - g, r + g - 2 * b};
      count[ring] += 1;
      for (std::size_t k = 0; k < 3; ++k) {
        sum[ring * 3 + k] += opponent[k];
        squares[ring * 3 + k] += opponent[k] * opponent[k];
      }
    }
  }
  std::array<float, kColorSize> out{};
  for (std::size_t i = 0; i < 12; ++i) {
    const double n = std::max(1.0, count[i / 3]), mean = sum[i] / n;
    out[i] = static_cast<float>(mean);
    out[12 + i] = static_cast<float>(std::sqrt(std::max(0.0, squares[i] / n - mean * mean)));
  }
  return out;
}

// The grey picture's middle without the broad strokes, in which any two dark spots on light skin
// are alike, and without the black surround of a dermatoscope's round view, whose edge is the same
// on thousands of photos.
cv::Mat details_of(const cv::Mat& gray) {
  cv::Mat small, wide, broad;
  cv::resize(gray, small, cv::Size(64, 64), 0, 0, cv::INTER_AREA);
  // Black as far as it is connected to a corner: dark skin and dark lesions inside stay.
  cv::Mat black = small < kBlack;
  constexpr int kOutside = 128;
  for (const cv::Point corner : {cv::Point(0, 0), {63, 0}, {0, 63}, {63, 63}}) {
    if (black.at<std::uint8_t>(corner) == 255) cv::floodFill(black, corner, kOutside);
  }
  const cv::Mat outside = black == kOutside;
  small.convertTo(wide, CV_32F);
  wide.setTo(cv::mean(wide, ~outside), outside);
  cv::GaussianBlur(wide, broad, cv::Size(), 3.0);
  cv::Mat details = wide - broad;
  cv::Mat edge;
  cv::dilate(outside, edge, cv::Mat(), cv::Point(-1, -1), kEdge);
  details.setTo(0, edge);
  return details(cv::Rect(10, 10, 44, 44)).clone();
}

}  // namespace

FeatureExtractor::FeatureExtractor()
    : detector_(cv::ORB::create(kKeypoints, 1.2f, 6, 12, 0, 2, cv::ORB::HARRIS_SCORE, 25, 7)) {}

Result<PhotoFeatures> FeatureExtractor::extract(const std::filesystem::path& file) {
  const auto photo = read_photo(file);
  if (!photo) return photo.error();
  PhotoFeatures out;
  out.width = photo->width;
  out.height = photo->height;
  std::error_code ignored;
  out.bytes = std::filesystem::file_size(file, ignored);
  {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    out.file_hash = sha256_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
  out.pixel_hash = sha256_hex(photo->pixels);
  const ImageView view = photo->view();
  out.quality = assess_quality(view);

  const cv::Mat pixels(view.height, view.width, CV_8UC(channels(view.format)),
                       const_cast<std::uint8_t*>(view.data), view.stride);
  cv::Mat rgb = pixels;
  if (view.format == PixelFormat::gray) cv::cvtColor(pixels, rgb, cv::COLOR_GRAY2RGB);
  if (view.format == PixelFormat::rgba) cv::cvtColor(pixels, rgb, cv::COLOR_RGBA2RGB);
  const double shrink = static_cast<double>(kFrame) / std::min(view.width, view.height);
  if (std::abs(shrink - 1) > 1e-9) {
    cv::Mat frame;
    cv::resize(rgb, frame, cv::Size(), shrink, shrink,
               shrink < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
    rgb = frame;
  }
  cv::Mat gray;
  cv::cvtColor(rgb, gray, cv::COLOR_RGB2GRAY);
  out.layout = layout_of(gray);
  out.color = color_of(rgb);
  out.details = details_of(gray);
  // Skin has little contrast: even it out, or hardly a corner is found.
  cv::Mat even;
  cv::createCLAHE(4.0, cv::Size(4, 4))->apply(gray, even);
  std::vector<cv::KeyPoint> keypoints;
  detector_->detectAndCompute(even, cv::noArray(), keypoints, out.descriptors);
  for (const cv::KeyPoint& point : keypoints) {
    out.keypoints.push_back(point.pt);
    out.poses.push_back({static_cast<std::uint8_t>(std::lround(point.angle * (256.0 / 360)) & 255),
                         static_cast<std::uint8_t>(point.octave)});
  }
  return out;
}

}  // namespace nevus
