// One affine resampling per view, then colour: every photo is interpolated once, never in steps.
#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace nevus {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// Uniform in [low, high).
  double uniform(double low, double high) {
    return low + (high - low) * static_cast<double>(next() >> 11) * 0x1.0p-53;
  }
  bool chance(double p) { return uniform(0, 1) < p; }

 private:
  std::uint64_t next() {  // SplitMix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

cv::Mat to_rgb(const ImageView& photo) {
  const cv::Mat in(photo.height, photo.width, CV_8UC(channels(photo.format)),
                   const_cast<std::uint8_t*>(photo.data), photo.stride);
  cv::Mat rgb;
  switch (photo.format) {
    case PixelFormat::gray:
      cv::cvtColor(in, rgb, cv::COLOR_GRAY2RGB);
      break;
    case PixelFormat::rgb:
      rgb = in;
      break;
    case PixelFormat::rgba:  // over white, as preprocessing does
      rgb.create(in.size(), CV_8UC3);
      for (int y = 0; y < in.rows; ++y)
        for (int x = 0; x < in.cols; ++x) {
          const auto& p = in.at<cv::Vec4b>(y, x);
          for (int k = 0; k < 3; ++k)
            rgb.at<cv::Vec3b>(y, x)[k] =
                static_cast<std::uint8_t>((p[k] * p[3] + 255 * (255 - p[3]) + 127) / 255);
        }
      break;
  }
  return rgb;
}

// Brightness, contrast, saturation and hue as one 3x4 matrix on RGB.
cv::Matx34f color_matrix(const AugmentSpec& spec, Random& random) {
  const double brightness = random.uniform(-spec.color, spec.color) * 128;
  const double contrast = 1 + random.uniform(-spec.color, spec.color);
  const double saturation = 1 + random.uniform(-spec.color, spec.color);
  const double turn = random.uniform(-spec.hue, spec.hue) * 2 * std::numbers::pi;
  // Hue and saturation turn and stretch the chroma plane of YIQ (NTSC, 1953).
  const cv::Matx33d to_yiq(0.299, 0.587, 0.114, 0.596, -0.274, -0.322, 0.211, -0.523, 0.312);
  const double c = saturation * std::cos(turn), s = saturation * std::sin(turn);
  const cv::Matx33d chroma(1, 0, 0, 0, c, -s, 0, s, c);
  const cv::Matx33d m = contrast * (to_yiq.inv() * chroma * to_yiq);
  const double offset = 128 * (1 - contrast) + brightness;
  cv::Matx34f out;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) out(i, j) = static_cast<float>(m(i, j));
    out(i, 3) = static_cast<float>(offset);
  }
  return out;
}

// A few dark, thin, bent lines, as body hair lies over a lesion.
void draw_hair(cv::Mat& view, Random& random) {
  const int count = 2 + static_cast<int>(random.uniform(0, 10));
  const double size = std::max(view.cols, view.rows);
  for (int i = 0; i < count; ++i) {
    double x = random.uniform(0, view.cols), y = random.uniform(0, view.rows);
    double angle = random.uniform(0, 2 * std::numbers::pi);
    const double bend = random.uniform(-0.12, 0.12);
    const int steps = 6 + static_cast<int>(random.uniform(0, 10));
    const double step = size * random.uniform(0.02, 0.06);
    constexpr int kShift = 4;  // positions in sixteenths of a pixel
    std::vector<cv::Point> points;
    for (int k = 0; k <= steps; ++k) {
      points.emplace_back(static_cast<int>(x * (1 << kShift)), static_cast<int>(y * (1 << kShift)));
      x += step * std::cos(angle);
      y += step * std::sin(angle);
      angle += bend;
    }
    const double shade = random.uniform(10, 80);
    const cv::Scalar color(shade * 1.2, shade, shade * 0.8);  // RGB: black to brown
    cv::polylines(view, points, false, color, random.chance(0.3) ? 2 : 1, cv::LINE_AA, kShift);
  }
}

// A rectangle of 2 to 15 % of the area becomes its photo's mean colour.
void cut_out(cv::Mat& view, Random& random) {
  const double area = random.uniform(0.02, 0.15) * view.cols * view.rows;
  const double aspect = std::exp(random.uniform(-0.7, 0.7));
  const int w = std::clamp(static_cast<int>(std::sqrt(area * aspect)), 1, view.cols);
  const int h = std::clamp(static_cast<int>(std::sqrt(area / aspect)), 1, view.rows);
  const int x = static_cast<int>(random.uniform(0, view.cols - w + 1));
  const int y = static_cast<int>(random.uniform(0, view.rows - h + 1));
  view(cv::Rect(x, y, w, h)).setTo(cv::mean(view));
}

void through_jpeg(cv::Mat& view, Random& random) {
  const int quality = static_cast<int>(random.uniform(30, 91));
  std::vector<std::uint8_t> bytes;
  cv::Mat bgr;
  cv::cvtColor(view, bgr, cv::COLOR_RGB2BGR);  // the codec's order
  cv::imencode(".jpg", bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, quality});
  cv::cvtColor(cv::imdecode(bytes, cv::IMREAD_COLOR), view, cv::COLOR_BGR2RGB);
}

}  // namespace

Image training_copy(const ImageView& photo, const PreprocessSpec& input) {
  const cv::Mat source = to_rgb(photo);
  const double scale =
      1.5 * std::max(input.width, input.height) / std::max(1, std::min(photo.width, photo.height));
  const cv::Size size =
      scale < 1 ? cv::Size(std::max(1, static_cast<int>(std::lround(photo.width * scale))),
                           std::max(1, static_cast<int>(std::lround(photo.height * scale))))
                : source.size();
  Image copy(size.width, size.height, PixelFormat::rgb);
  cv::Mat target(size, CV_8UC3, copy.pixels.data());
  if (scale < 1)
    cv::resize(source, target, size, 0, 0, cv::INTER_AREA);
  else
    source.copyTo(target);
  return copy;
}

Image augment(const ImageView& photo, const PreprocessSpec& input, const AugmentSpec& spec,
              std::uint64_t seed) {
  Random random(seed);
  cv::Mat source = to_rgb(photo);

  // The window of the photo that becomes the view.
  const double side = std::min(photo.width, photo.height);
  const double area = random.uniform(std::clamp(spec.min_scale, 0.1, 1.0), 1.0);
  const double log_aspect = std::log(std::max(spec.aspect, 1.0));
  const double aspect = std::exp(random.uniform(-log_aspect, log_aspect));
  const double window_w = side * std::sqrt(area * aspect);
  const double window_h = side * std::sqrt(area / aspect);
  const double room_x = std::max(0.0, photo.width - window_w) / 2;
  const double room_y = std::max(0.0, photo.height - window_h) / 2;
  // Lesions sit in the middle: the window strays no further than a square crop could.
  const double center_x = photo.width / 2.0 + random.uniform(-1, 1) * std::min(room_x, side * 0.25);
  const double center_y =
      photo.height / 2.0 + random.uniform(-1, 1) * std::min(room_y, side * 0.25);
  const double angle =
      random.uniform(-spec.max_rotation, spec.max_rotation) * std::numbers::pi / 180;
  const double flip_x = random.chance(0.5) ? -1 : 1;
  const double flip_y = random.chance(0.5) ? -1 : 1;

  // View to photo: scale, flip, turn, move. Pixel centres lie at +0.5.
  const double sx = flip_x * window_w / input.width, sy = flip_y * window_h / input.height;
  const double c = std::cos(angle), s = std::sin(angle);
  double a = c * sx, b = -s * sy, d = s * sx, e = c * sy;
  double origin_x = center_x, origin_y = center_y;

  // warpAffine samples at points and would alias when shrinking: average areas first, down to a
  // little above the resolution that is wanted, and only the part that the window can touch.
  const double shrink = std::min(window_w / input.width, window_h / input.height);
  if (shrink > 1.3) {
    const double reach = std::hypot(window_w, window_h) / 2 + 2 * shrink;
    const int x0 = std::clamp(static_cast<int>(center_x - reach), 0, photo.width - 1);
    const int y0 = std::clamp(static_cast<int>(center_y - reach), 0, photo.height - 1);
    const int x1 = std::clamp(static_cast<int>(center_x + reach) + 1, x0 + 1, photo.width);
    const int y1 = std::clamp(static_cast<int>(center_y + reach) + 1, y0 + 1, photo.height);
    const double factor = 1.15 / shrink;
    const cv::Size size(std::max(1, static_cast<int>(std::lround((x1 - x0) * factor))),
                        std::max(1, static_cast<int>(std::lround((y1 - y0) * factor))));
    const double fx = static_cast<double>(size.width) / (x1 - x0);
    const double fy = static_cast<double>(size.height) / (y1 - y0);
    cv::Mat reduced;
    cv::resize(source(cv::Rect(x0, y0, x1 - x0, y1 - y0)), reduced, size, 0, 0, cv::INTER_AREA);
    source = reduced;
    a *= fx, b *= fx, d *= fy, e *= fy;
    origin_x = (origin_x - x0) * fx;
    origin_y = (origin_y - y0) * fy;
  }
  const double half_w = input.width / 2.0 - 0.5, half_h = input.height / 2.0 - 0.5;
  const cv::Matx23d to_source(a, b, origin_x - 0.5 - a * half_w - b * half_h,  //
                              d, e, origin_y - 0.5 - d * half_w - e * half_h);
  Image image(input.width, input.height, PixelFormat::rgb);
  cv::Mat view(input.height, input.width, CV_8UC3, image.pixels.data());
  cv::warpAffine(source, view, to_source, view.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REFLECT_101);

  // Sharpness differs by source and must not become a clue: lose resolution now and then.
  if (random.chance(spec.blur)) {
    const double loss = random.uniform(1.3, 3.0);
    cv::Mat small;
    cv::resize(view, small, cv::Size(), 1 / loss, 1 / loss, cv::INTER_AREA);
    cv::resize(small, view, view.size(), 0, 0, cv::INTER_LINEAR);
  }
  if (random.chance(spec.hair)) draw_hair(view, random);
  if (spec.color > 0 || spec.hue > 0) cv::transform(view, view, color_matrix(spec, random));
  if (random.chance(spec.cutout)) cut_out(view, random);
  if (random.chance(spec.jpeg)) through_jpeg(view, random);
  return image;
}

}  // namespace nevus
