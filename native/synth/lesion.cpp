// Draws a lesion in layers, as light meets them: skin tone and its folds, pigment, structures,
// hair, the lens's vignette. Everything is noise shaped by a few numbers that the seed draws.
#include "synth/lesion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace nevus {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {  // SplitMix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(next() >> 40) * 0x1.0p-24f;
  }
  int integer(int low, int high) {  // both included
    return low + static_cast<int>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(float p) { return uniform(0, 1) < p; }

 private:
  std::uint64_t state_;
};

using Color = cv::Vec3f;  // R, G, B, 0..1, sRGB as stored

Color mix(const Color& a, const Color& b, float t) {
  return a * (1 - t) + b * t;
}
float smoothstep(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

// Smooth noise in about -1..1 whose features are `size` pixels wide.
cv::Mat1f noise(cv::Size area, float size, Random& random) {
  const cv::Size cells(std::max(2, static_cast<int>(std::ceil(area.width / size)) + 3),
                       std::max(2, static_cast<int>(std::ceil(area.height / size)) + 3));
  cv::Mat1f coarse(cells);
  for (float& value : coarse) value = random.uniform(-1, 1);
  cv::Mat1f fine;
  cv::resize(coarse, fine, cv::Size(), size, size, cv::INTER_CUBIC);
  const int x = random.integer(0, std::max(0, fine.cols - area.width));
  const int y = random.integer(0, std::max(0, fine.rows - area.height));
  return fine(cv::Rect(x, y, std::min(area.width, fine.cols - x),
                       std::min(area.height, fine.rows - y)))
      .clone();
}

cv::Mat1f fractal(cv::Size area, float size, int octaves, float gain, Random& random) {
  cv::Mat1f sum = cv::Mat1f::zeros(area);
  float weight = 1, total = 0;
  for (int i = 0; i < octaves && size >= 1.5f; ++i) {
    sum += weight * noise(area, size, random);
    total += weight;
    weight *= gain;
    size *= 0.5f;
  }
  return sum / total;
}

// Distance to the edges of a random honeycomb: 0 on an edge, growing inwards (Worley, 1996: F2 -
// F1).
cv::Mat1f cells(cv::Size area, float size, float jitter, Random& random) {
  const int columns = static_cast<int>(area.width / size) + 4;
  const int rows = static_cast<int>(area.height / size) + 4;
  std::vector<cv::Point2f> seeds(static_cast<std::size_t>(columns) *
                                 static_cast<std::size_t>(rows));
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) {
      const float shift = (r % 2) * 0.5f;
      seeds[static_cast<std::size_t>(r * columns + c)] = {
          (static_cast<float>(c) - 1.5f + shift + random.uniform(-jitter, jitter)) * size,
          (static_cast<float>(r) - 1.5f + random.uniform(-jitter, jitter)) * size};
    }
  cv::Mat1f out(area);
  for (int y = 0; y < area.height; ++y)
    for (int x = 0; x < area.width; ++x) {
      const int r0 = static_cast<int>(static_cast<float>(y) / size + 1.5f);
      const int c0 = static_cast<int>(static_cast<float>(x) / size + 1.5f);
      float first = 1e9f, second = 1e9f;
      for (int r = std::max(0, r0 - 2); r <= std::min(rows - 1, r0 + 2); ++r)
        for (int c = std::max(0, c0 - 2); c <= std::min(columns - 1, c0 + 2); ++c) {
          const auto& s = seeds[static_cast<std::size_t>(r * columns + c)];
          const float d = std::hypot(s.x - static_cast<float>(x), s.y - static_cast<float>(y));
          if (d < first) {
            second = first;
            first = d;
          } else if (d < second) {
            second = d;
          }
        }
      out(y, x) = (second - first) / size;
    }
  return out;
}

// From very light to very dark (Fitzpatrick, 1988, types I to VI); sRGB as dermatoscopes show them.
Color skin_tone(float t) {
  static const std::array<Color, 6> tones{Color{0.93f, 0.77f, 0.70f}, Color{0.88f, 0.68f, 0.58f},
                                          Color{0.79f, 0.58f, 0.46f}, Color{0.66f, 0.46f, 0.34f},
                                          Color{0.48f, 0.32f, 0.24f}, Color{0.33f, 0.22f, 0.17f}};
  const float position = std::clamp(t, 0.0f, 1.0f) * 5;
  const int i = std::min(4, static_cast<int>(position));
  return mix(tones[static_cast<std::size_t>(i)], tones[static_cast<std::size_t>(i + 1)],
             position - static_cast<float>(i));
}

// Pigment takes light away channel by channel (Beer-Lambert): it darkens any skin plausibly.
Color through(const Color& skin, const Color& pigment, float depth) {
  Color out;
  for (int k = 0; k < 3; ++k) out[k] = skin[k] * std::pow(std::max(pigment[k], 0.01f), depth);
  return out;
}

// The outline: radius by direction, in units of the lesion's size, plus a warp of the plane.
struct Outline {
  float x, y, radius, stretch, tilt;
  std::array<float, 12> amplitude{}, phase{};

  // 1 on the outline, below inside.
  float at(float px, float py) const {
    const float dx = px - x, dy = py - y;
    const float u = (std::cos(tilt) * dx + std::sin(tilt) * dy) / stretch;
    const float v = (-std::sin(tilt) * dx + std::cos(tilt) * dy) * stretch;
    const float angle = std::atan2(v, u);
    float edge = 1;
    for (std::size_t k = 0; k < amplitude.size(); ++k)
      edge += amplitude[k] * std::cos(static_cast<float>(k + 1) * angle + phase[k]);
    return std::hypot(u, v) / (radius * std::max(edge, 0.25f));
  }
};

Outline draw_outline(const LesionSpec& spec, Random& random) {
  Outline o{};
  const float side = static_cast<float>(std::min(spec.width, spec.height));
  o.x = static_cast<float>(spec.width) * random.uniform(0.46f, 0.54f);
  o.y = static_cast<float>(spec.height) * random.uniform(0.46f, 0.54f);
  o.radius = side * (spec.malignant ? random.uniform(0.25f, 0.36f) : random.uniform(0.17f, 0.28f));
  o.stretch = spec.malignant ? random.uniform(1.0f, 1.22f) : random.uniform(1.0f, 1.12f);
  o.tilt = random.uniform(0, kPi);
  for (std::size_t k = 0; k < o.amplitude.size(); ++k) {
    const float order = static_cast<float>(k + 1);
    const float strength = spec.malignant ? 0.20f / std::pow(order, 0.75f) : 0.035f / order;
    o.amplitude[k] = random.uniform(0.4f, 1.0f) * strength * (k == 0 ? 0.7f : 1.0f);
    o.phase[k] = random.uniform(0, 2 * kPi);
  }
  return o;
}

void draw_hairs(cv::Mat3f& image, float darkness, Random& random) {
  const int count = random.chance(0.45f) ? 0 : random.integer(2, 13);
  if (count == 0) return;
  // Drawn at twice the size and averaged down: hairs are thinner than pixels of the photo.
  cv::Mat1b layer(image.rows * 2, image.cols * 2, static_cast<std::uint8_t>(0));
  const float main_direction = random.uniform(0, kPi);
  const float scale = static_cast<float>(std::min(image.rows, image.cols)) / 360.0f;
  for (int i = 0; i < count; ++i) {
    float x = random.uniform(0, static_cast<float>(layer.cols));
    float y = random.uniform(0, static_cast<float>(layer.rows));
    float direction = main_direction + random.uniform(-0.5f, 0.5f);
    const float bend = random.uniform(-0.02f, 0.02f);
    const float length = random.uniform(150, 480) * scale;
    const int width =
        std::max(1, static_cast<int>(std::lround(random.uniform(1.2f, 3.2f) * scale)));
    std::vector<cv::Point> points;
    for (float s = 0; s < length; s += 8 * scale) {
      points.emplace_back(static_cast<int>(x * 16), static_cast<int>(y * 16));
      x += 8 * scale * std::cos(direction);
      y += 8 * scale * std::sin(direction);
      direction += bend;
    }
    const int strength = random.integer(150, 240);
    cv::polylines(layer, points, false, cv::Scalar(strength), width, cv::LINE_AA, 4);
  }
  cv::Mat small;
  cv::resize(layer, small, image.size(), 0, 0, cv::INTER_AREA);
  cv::GaussianBlur(small, small, cv::Size(3, 3), 0.6);
  const Color hair = Color{0.20f, 0.13f, 0.09f} * darkness;
  for (int y = 0; y < image.rows; ++y)
    for (int x = 0; x < image.cols; ++x)
      image(y, x) =
          mix(image(y, x), hair, static_cast<float>(small.at<std::uint8_t>(y, x)) / 255 * 0.85f);
}

}  // namespace

Image synthesize_lesion(const LesionSpec& spec_in) {
  LesionSpec spec = spec_in;
  spec.width = std::clamp(spec.width, 64, 4096);
  spec.height = std::clamp(spec.height, 64, 4096);
  // Apart for the two labels: the same seed must not draw the same skin for both.
  Random random(spec.seed * 2 + (spec.malignant ? 1 : 0));
  random.next();
  const cv::Size area(spec.width, spec.height);
  const float side = static_cast<float>(std::min(spec.width, spec.height));
  const float unit = side / 360.0f;  // a pixel at the default size

  // Skin: tone, blotches, the fine net of folds, pores.
  const float tone = random.uniform(0, 1) * random.uniform(0.55f, 1.0f);
  const Color skin = skin_tone(tone);
  const cv::Mat1f blotches = fractal(area, 150 * unit, 3, 0.5f, random);
  const cv::Mat1f folds = cells(area, random.uniform(9, 14) * unit, 0.42f, random);
  const cv::Mat1f grain = fractal(area, 6 * unit, 3, 0.8f, random);
  const cv::Mat1f flush = fractal(area, 60 * unit, 2, 0.5f, random);
  const float fold_depth = random.uniform(0.02f, 0.05f);
  cv::Mat3f image(area);
  for (int y = 0; y < area.height; ++y)
    for (int x = 0; x < area.width; ++x) {
      const float fold = 1 - smoothstep(0.0f, 0.25f, folds(y, x));
      const float light = 1 + 0.05f * blotches(y, x) - fold_depth * fold + 0.025f * grain(y, x);
      Color c = skin * light;
      const float red = 0.02f * flush(y, x);
      image(y, x) = {c[0] + red, c[1] - red * 0.6f, c[2] - red * 0.5f};
    }

  // The plane is warped before the outline is looked up: no edge in nature is a sum of cosines.
  const Outline outline = draw_outline(spec, random);
  const float warp_size = (spec.malignant ? 26 : 40) * unit;
  const float warp = (spec.malignant ? random.uniform(6, 11) : random.uniform(2, 4)) * unit;
  const cv::Mat1f warp_x = fractal(area, warp_size, 3, 0.55f, random);
  const cv::Mat1f warp_y = fractal(area, warp_size, 3, 0.55f, random);

  // Pigment: benign lesions have one colour, malignant ones a patchwork of several.
  const std::array<Color, 3> browns{Color{0.70f, 0.50f, 0.36f}, Color{0.60f, 0.39f, 0.27f},
                                    Color{0.78f, 0.55f, 0.45f}};
  const Color& brown = browns[static_cast<std::size_t>(random.integer(0, 2))];
  const float strength = random.uniform(0.8f, 1.3f) * (spec.malignant ? 1.0f : 0.95f);
  struct Patch {
    cv::Mat1f field;
    Color color;  // transmitted by the pigment
    float veil;   // 0: pigment over the skin, up to 1: a colour of its own (blue-grey veil, scar)
    float level;
  };
  std::vector<Patch> patches;
  if (spec.malignant) {
    struct Kind {
      Color color;
      float veil;
    };
    // Dark pigment always; of the rarer colours one or two.
    const std::array<Kind, 2> dark{Kind{{0.24f, 0.16f, 0.14f}, 0.0f},   // nearly black
                                   Kind{{0.40f, 0.24f, 0.17f}, 0.0f}};  // dark brown
    std::array<Kind, 3> rare{Kind{{0.36f, 0.36f, 0.41f}, 0.55f},        // blue-grey veil
                             Kind{{0.72f, 0.43f, 0.38f}, 0.45f},        // red, vascular
                             Kind{{0.78f, 0.66f, 0.61f}, 0.50f}};       // scar-like, pale
    for (int i = 0; i < 3; ++i)
      std::swap(rare[static_cast<std::size_t>(i)],
                rare[static_cast<std::size_t>(random.integer(0, 2))]);
    const auto add = [&](const Kind& kind, float level) {
      patches.push_back({fractal(area, random.uniform(70, 120) * unit, 5, 0.55f, random),
                         kind.color, kind.veil, level});
    };
    for (const Kind& kind : dark) add(kind, random.uniform(-0.12f, 0.06f));
    const int count = random.integer(1, 2);
    for (int i = 0; i < count; ++i)
      add(rare[static_cast<std::size_t>(i)], random.uniform(0.02f, 0.15f));
  }
  const cv::Mat1f mottling = fractal(area, 30 * unit, 4, 0.6f, random);
  const float net_size = random.uniform(8, 12) * unit;
  const cv::Mat1f network = cells(area, net_size, spec.malignant ? 0.5f : 0.3f, random);
  const float net_depth = random.chance(0.75f) ? random.uniform(0.15f, 0.36f) : 0.04f;
  const float edge_width =
      spec.malignant ? random.uniform(0.05f, 0.14f) : random.uniform(0.10f, 0.20f);
  const cv::Mat1f edge_noise = fractal(area, 90 * unit, 2, 0.5f, random);
  const float fading =
      random.uniform(0, 2 * kPi);  // a malignant edge ends sharply on one side only

  for (int y = 0; y < area.height; ++y)
    for (int x = 0; x < area.width; ++x) {
      const float r = outline.at(static_cast<float>(x) + warp * warp_x(y, x),
                                 static_cast<float>(y) + warp * warp_y(y, x));
      if (r > 1.6f) continue;
      float width = edge_width * (1 + 0.4f * edge_noise(y, x));
      if (spec.malignant)
        width *= 1.2f + 0.9f * std::cos(std::atan2(static_cast<float>(y) - outline.y,
                                                   static_cast<float>(x) - outline.x) -
                                        fading);
      width = std::max(width, 0.03f);
      const float inside = 1 - smoothstep(1 - width, 1 + width, r);
      if (inside <= 0) continue;
      const float center = 1 - std::min(r, 1.0f);
      const float net = 1 - smoothstep(0.08f, 0.42f, network(y, x));
      const float net_here =
          net_depth * net * smoothstep(0.05f, 0.35f, 1.15f - r) * (spec.malignant ? 1.2f : 1.0f);
      float depth = strength * (0.75f + 0.45f * center + net_here + 0.16f * mottling(y, x));
      Color c = through(image(y, x), brown, depth * 1.15f);
      for (const Patch& patch : patches) {
        const float share = smoothstep(patch.level, patch.level + 0.34f, patch.field(y, x));
        if (share <= 0) continue;
        const Color pigment =
            through(image(y, x), patch.color, 0.55f + 0.35f * strength + 0.3f * net_here);
        const Color own = patch.color * (0.85f + 0.25f * image(y, x)[0] + 0.12f * mottling(y, x));
        c = mix(c, mix(pigment, own, patch.veil), share * 0.85f);
      }
      image(y, x) = mix(image(y, x), c, inside);
    }

  // Dots and globules: even in a benign lesion, scattered to the edge and beyond in a malignant
  // one.
  const int dots = spec.malignant ? random.integer(15, 45) : random.integer(0, 16);
  for (int i = 0; i < dots; ++i) {
    const float angle = random.uniform(0, 2 * kPi);
    const float reach = spec.malignant ? random.uniform(0.2f, 1.12f) : random.uniform(0.0f, 0.75f);
    const float cx = outline.x + outline.radius * reach * std::cos(angle);
    const float cy = outline.y + outline.radius * reach * std::sin(angle);
    const float size =
        (spec.malignant ? random.uniform(1.2f, 4.5f) : random.uniform(1.5f, 2.8f)) * unit;
    const float opacity = random.uniform(0.25f, spec.malignant ? 0.75f : 0.45f);
    const int reach_px = static_cast<int>(size * 2) + 1;
    for (int y = std::max(0, static_cast<int>(cy) - reach_px);
         y <= std::min(area.height - 1, static_cast<int>(cy) + reach_px); ++y)
      for (int x = std::max(0, static_cast<int>(cx) - reach_px);
           x <= std::min(area.width - 1, static_cast<int>(cx) + reach_px); ++x) {
        const float d = std::hypot(static_cast<float>(x) - cx, static_cast<float>(y) - cy) / size;
        image(y, x) =
            mix(image(y, x), image(y, x) * 0.42f, opacity * (1 - smoothstep(0.5f, 1.3f, d)));
      }
  }

  draw_hairs(image, random.uniform(0.7f, 1.2f), random);

  // The camera: uneven light, vignette, a little blur and sensor noise.
  const float vignette = random.uniform(0.03f, 0.16f);
  const float light_angle = random.uniform(0, 2 * kPi);
  const float light = random.uniform(0.0f, 0.05f);
  cv::GaussianBlur(image, image, cv::Size(0, 0), random.uniform(0.5f, 0.9f) * std::max(unit, 0.4f));
  Image out(spec.width, spec.height, PixelFormat::rgb);
  std::size_t at = 0;
  const float half_w = static_cast<float>(area.width) / 2,
              half_h = static_cast<float>(area.height) / 2;
  for (int y = 0; y < area.height; ++y)
    for (int x = 0; x < area.width; ++x) {
      const float u = (static_cast<float>(x) - half_w) / half_w,
                  v = (static_cast<float>(y) - half_h) / half_h;
      const float gain = 1 - vignette * (u * u + v * v) +
                         light * (u * std::cos(light_angle) + v * std::sin(light_angle));
      const float speckle = random.uniform(-1.2f, 1.2f);
      for (int k = 0; k < 3; ++k)
        out.pixels[at++] = static_cast<std::uint8_t>(
            std::clamp(std::lround(image(y, x)[k] * gain * 255 + speckle), 0L, 255L));
    }
  return out;
}

}  // namespace nevus
