// Starts at every turn, Gauss-Newton from coarse to fine, and a look at what the result has in
// common.
#include "nevus/registration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "nevus/detail/pixels.h"

namespace nevus {
namespace {

constexpr int kLeastSide = 32;      // pixels
constexpr int kFinest = 256;        // longer side of the finest copies
constexpr std::size_t kLevels = 4;  // 32, 64, 128, 256
constexpr int kTurns = 24;
constexpr std::array kScales{1.0, 0.8, 1.25};
constexpr int kStartSteps = 4;       // Gauss-Newton, from every start
constexpr std::size_t kKept = 6;     // starts that are followed up
constexpr int kSteps = 20;           // Gauss-Newton, at most, on each finer level
constexpr double kStill = 0.01;      // pixels: a step that moves less is the last
constexpr double kLeastShare = 0.4;  // of the window that both photos must show
constexpr double kMostScale = 4;     // either way
// What a detail is: pixels of the finest copies, and grey levels that count as faint.
constexpr double kNarrow = 1.5, kWide = 6;
constexpr float kFaint = 2;
constexpr double kPlain = 0.5;  // grey levels: a deviation below holds nothing to align
/// Radius of the compared window over that of a disc of the outline's area: skin around it counts.
constexpr double kWindow = 2.0;

/// Real numbers in rows. Written out here: OpenCV's filters and solvers for floats would make the
/// WebAssembly module a fifth larger.
struct Plane {
  int width = 0, height = 0;
  std::vector<float> values;

  Plane() = default;
  Plane(int w, int h)
      : width(w), height(h), values(static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}
  float* row(int y) {
    return values.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
  }
  const float* row(int y) const { return const_cast<Plane*>(this)->row(y); }
};

/// A Gaussian of `sigma` pixels, separable; the border is mirrored.
Plane blurred(const Plane& from, double sigma) {
  const int reach = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> kernel;
  float sum = 0;
  for (int k = -reach; k <= reach; ++k) {
    kernel.push_back(static_cast<float>(std::exp(-k * k / (2 * sigma * sigma))));
    sum += kernel.back();
  }
  for (float& weight : kernel) weight /= sum;
  const auto mirrored = [](int at, int size) {
    const int period = 2 * size;
    at = ((at % period) + period) % period;
    return at < size ? at : period - 1 - at;
  };
  Plane across(from.width, from.height), out(from.width, from.height);
  for (int y = 0; y < from.height; ++y) {
    const float* source = from.row(y);
    for (int x = 0; x < from.width; ++x) {
      float value = 0;
      for (int k = -reach; k <= reach; ++k)
        value += kernel[static_cast<std::size_t>(k + reach)] * source[mirrored(x + k, from.width)];
      across.row(y)[x] = value;
    }
  }
  for (int y = 0; y < from.height; ++y) {
    float* target = out.row(y);
    for (int k = -reach; k <= reach; ++k) {
      const float weight = kernel[static_cast<std::size_t>(k + reach)];
      const float* source = across.row(mirrored(y + k, from.height));
      for (int x = 0; x < from.width; ++x) target[x] += weight * source[x];
    }
  }
  return out;
}

/// Half as wide and half as high, means of two by two; a last odd row or column is left out.
Plane halved(const Plane& from) {
  Plane out(std::max(1, from.width / 2), std::max(1, from.height / 2));
  for (int y = 0; y < out.height; ++y) {
    const float* upper = from.row(std::min(2 * y, from.height - 1));
    const float* lower = from.row(std::min(2 * y + 1, from.height - 1));
    for (int x = 0; x < out.width; ++x) {
      const int left = std::min(2 * x, from.width - 1), right = std::min(2 * x + 1, from.width - 1);
      out.row(y)[x] = (upper[left] + upper[right] + lower[left] + lower[right]) / 4;
    }
  }
  return out;
}

/// A reduced copy's brightness and where it came from.
struct Level {
  Plane gray;
  double scale = 1;  // copy over photo
};

/// Finest first.
std::vector<Level> pyramid(const ImageView& photo) {
  const Image rgb = detail::reduced_rgb(photo, kFinest);
  Level finest{Plane(rgb.width, rgb.height), static_cast<double>(std::max(rgb.width, rgb.height)) /
                                                 std::max(photo.width, photo.height)};
  for (std::size_t i = 0; i < finest.gray.values.size(); ++i) {
    const std::uint8_t* p = rgb.pixels.data() + 3 * i;
    // Spots stand out in green and blue, glare in red.
    finest.gray.values[i] = static_cast<float>(p[0] + 2 * p[1] + p[2]) / 4;
  }
  std::vector<Level> levels{std::move(finest)};
  while (levels.size() < kLevels)
    levels.push_back({halved(levels.back().gray), levels.back().scale / 2});
  for (Level& level : levels) level.gray = blurred(level.gray, 0.8);
  return levels;
}

/// Centroid and the radius of a disc of the same area; of the photo's middle where nothing is
/// enclosed.
struct Blob {
  Point centre;
  double radius = 0;
};

Blob blob(const ImageView& photo, std::span<const Point> outline) {
  double twice = 0, x = 0, y = 0;
  for (std::size_t i = 0; i < outline.size(); ++i) {
    const Point& p = outline[i];
    const Point& q = outline[(i + 1) % outline.size()];
    const double cross = p.x * q.y - q.x * p.y;
    twice += cross;
    x += (p.x + q.x) * cross;
    y += (p.y + q.y) * cross;
  }
  if (!(std::abs(twice) > 2))
    return {{photo.width / 2.0, photo.height / 2.0}, std::min(photo.width, photo.height) / 4.0};
  return {{x / (3 * twice), y / (3 * twice)}, std::sqrt(std::abs(twice) / 2 / std::numbers::pi)};
}

/// Bilinear value at (x, y), pixel centres at whole numbers. Precondition: contains(plane, x, y).
double value_at(const Plane& plane, double x, double y) {
  const int left = std::clamp(static_cast<int>(x), 0, plane.width - 2);
  const int top = std::clamp(static_cast<int>(y), 0, plane.height - 2);
  const double fx = x - left, fy = y - top;
  const float* upper = plane.row(top) + left;
  const float* lower = plane.row(top + 1) + left;
  return (upper[0] * (1 - fx) + upper[1] * fx) * (1 - fy) +
         (lower[0] * (1 - fx) + lower[1] * fx) * fy;
}

bool contains(const Plane& plane, double x, double y) {
  return x >= 0 && y >= 0 && x <= plane.width - 1 && y <= plane.height - 1;
}

/// Central differences, one-sided at the border.
Plane slope(const Plane& from, int dx, int dy) {
  Plane out(from.width, from.height);
  for (int y = 0; y < from.height; ++y) {
    const int up = std::max(0, y - dy), down = std::min(from.height - 1, y + dy);
    for (int x = 0; x < from.width; ++x) {
      const int left = std::max(0, x - dx), right = std::min(from.width - 1, x + dx);
      const int steps = std::max(1, right - left + down - up);
      out.row(y)[x] = (from.row(down)[right] - from.row(up)[left]) / static_cast<float>(steps);
    }
  }
  return out;
}

constexpr std::size_t kUnknowns = 6;
using Vector = std::array<double, kUnknowns>;
using Matrix = std::array<Vector, kUnknowns>;

/// Solves a x = b for a symmetric a by Cholesky's factors; empty where a is not positive definite.
std::optional<Vector> solved(Matrix a, Vector b) {
  for (std::size_t i = 0; i < kUnknowns; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
      if (i != j) {
        a[i][j] = sum / a[j][j];
      } else {
        if (!(sum > 0)) return std::nullopt;
        a[i][i] = std::sqrt(sum);
      }
    }
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = kUnknowns; i-- > 0;) {
    for (std::size_t k = i + 1; k < kUnknowns; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

/// A pixel of the fixed copy that is compared, from the window's centre, and its weight.
struct Sample {
  double x = 0, y = 0, value = 0, weight = 0;
};

/// One level's part of the problem. The unknowns take window coordinates (pixels of the fixed copy
/// from the window's centre) to pixels of the moving copy.
class Problem {
 public:
  Problem(const Level& fixed, const Level& moving, const Blob& window) : moving_(moving.gray) {
    const double cx = window.centre.x * fixed.scale - 0.5;
    const double cy = window.centre.y * fixed.scale - 0.5;
    const double radius = std::max(6.0, kWindow * window.radius * fixed.scale);
    for (int y = 0; y < fixed.gray.height; ++y) {
      for (int x = 0; x < fixed.gray.width; ++x) {
        const double distance = std::hypot(x - cx, y - cy) / radius;
        if (distance >= 1) continue;
        // Fades out, so that no edge of the window takes part.
        const double weight = std::min(1.0, 4 * (1 - distance));
        samples_.push_back({x - cx, y - cy, fixed.gray.row(y)[x], weight});
        whole_ += weight;
      }
    }
    dx_ = slope(moving_, 1, 0);
    dy_ = slope(moving_, 0, 1);
    radius_ = radius;
  }

  /// Zero-mean normalised cross-correlation; -1 where too little of the window is seen.
  double correlation(const Similarity& at) const {
    double n = 0, f = 0, m = 0, ff = 0, mm = 0, fm = 0;
    for (const Sample& s : samples_) {
      const Point p = at({s.x, s.y});
      if (!contains(moving_, p.x, p.y)) continue;
      const double value = value_at(moving_, p.x, p.y);
      n += s.weight;
      f += s.weight * s.value;
      m += s.weight * value;
      ff += s.weight * s.value * s.value;
      mm += s.weight * value * value;
      fm += s.weight * s.value * value;
    }
    if (n < kLeastShare * whole_) return -1;
    const double spread = (ff - f * f / n) * (mm - m * m / n);
    return spread > 0 ? (fm - f * m / n) / std::sqrt(spread) : 0;
  }

  /// Steps until it stands still. @return false where it left the photo
  bool refine(Similarity& at, int steps) const {
    for (int step = 0; step < steps; ++step) {
      const double moved = descend(at);
      if (moved < 0) return false;
      if (moved < kStill) return true;
    }
    return true;
  }

 private:
  /// One Gauss-Newton step over a, b, tx, ty, gain and offset, residuals weighted by Huber's
  /// function: hairs and glare are in one photo only. @return how far the window's edge moved,
  /// pixels; -1 where there is no step
  double descend(Similarity& at) const {
    std::vector<double> values(samples_.size());
    double n = 0, f = 0, m = 0, mm = 0, fm = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      const Sample& s = samples_[i];
      const Point p = at({s.x, s.y});
      values[i] = std::nan("");
      if (!contains(moving_, p.x, p.y)) continue;
      values[i] = value_at(moving_, p.x, p.y);
      n += s.weight;
      f += s.weight * s.value;
      m += s.weight * values[i];
      mm += s.weight * values[i] * values[i];
      fm += s.weight * s.value * values[i];
    }
    if (n < kLeastShare * whole_) return -1;
    const double variance = mm - m * m / n;
    if (!(variance > 0)) return -1;
    // The best gain and offset for this place, in closed form.
    const double gain = std::clamp((fm - f * m / n) / variance, 0.2, 5.0);
    const double offset = (f - gain * m) / n;
    double deviation = 0;
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (!std::isnan(values[i]))
        deviation += samples_[i].weight * std::abs(gain * values[i] + offset - samples_[i].value);
    }
    const double limit = std::max(1e-3, 1.5 * deviation / n);

    Matrix normal{};
    Vector right{};
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      if (std::isnan(values[i])) continue;
      const Sample& s = samples_[i];
      const Point p = at({s.x, s.y});
      const double residual = s.value - gain * values[i] - offset;
      const double weight = s.weight * std::min(1.0, limit / std::max(1e-9, std::abs(residual)));
      const double gx = gain * value_at(dx_, p.x, p.y), gy = gain * value_at(dy_, p.x, p.y);
      const Vector row{gx * s.x + gy * s.y, gy * s.x - gx * s.y, gx, gy, values[i], 1};
      for (std::size_t r = 0; r < kUnknowns; ++r) {
        for (std::size_t c = 0; c <= r; ++c) normal[r][c] += weight * row[r] * row[c];
        right[r] += weight * row[r] * residual;
      }
    }
    // A little damping (Levenberg's): a round, plain spot has no turn to be found.
    for (std::size_t r = 0; r < kUnknowns; ++r) normal[r][r] = normal[r][r] * (1 + 1e-4) + 1e-9;
    const std::optional<Vector> solution = solved(normal, right);
    if (!solution) return -1;
    const Vector& step = *solution;
    const double edge = radius_ * std::hypot(step[0], step[1]) + std::hypot(step[2], step[3]);
    if (!std::isfinite(edge)) return -1;
    // Gradients say nothing of what is far away.
    const double share = std::min(1.0, radius_ / 4 / std::max(1e-9, edge));
    at.a += share * step[0];
    at.b += share * step[1];
    at.tx += share * step[2];
    at.ty += share * step[3];
    return share * edge;
  }

  Plane moving_, dx_, dy_;
  std::vector<Sample> samples_;
  double whole_ = 0, radius_ = 0;
};

/// What is finer than a spot: a difference of Gaussians over its own local deviation. Else the
/// spot's edge, which another spot of about the shape has too, would drown the rest.
Level fine(const Level& level) {
  Plane band = blurred(level.gray, kNarrow);
  const Plane wide = blurred(level.gray, kWide);
  Plane squares = band;
  for (std::size_t i = 0; i < band.values.size(); ++i) {
    band.values[i] -= wide.values[i];
    squares.values[i] = band.values[i] * band.values[i];
  }
  const Plane strength = blurred(squares, kWide);
  for (std::size_t i = 0; i < band.values.size(); ++i)
    band.values[i] /= std::sqrt(std::max(0.0f, strength.values[i])) + kFaint;
  return {std::move(band), level.scale};
}

Registration refused(RegistrationIssue issue) {
  Registration result;
  result.issue = issue;
  return result;
}

/// A deviation of less than `kPlain` grey levels.
bool plain(const Level& level) {
  double sum = 0, squares = 0;
  for (const float value : level.gray.values) {
    sum += value;
    squares += double{value} * value;
  }
  const auto n = static_cast<double>(level.gray.values.size());
  return squares / n - sum / n * sum / n < kPlain * kPlain;
}

}  // namespace

Point Similarity::operator()(const Point& p) const {
  return {a * p.x - b * p.y + tx, b * p.x + a * p.y + ty};
}

double Similarity::scale() const {
  return std::hypot(a, b);
}

double Similarity::degrees() const {
  return std::atan2(b, a) * 180 / std::numbers::pi;
}

Similarity Similarity::inverse() const {
  const double squared = a * a + b * b;
  Similarity back{a / squared, -b / squared, 0, 0};
  const Point shift = back({tx, ty});
  back.tx = -shift.x;
  back.ty = -shift.y;
  return back;
}

Registration register_photos(const ImageView& fixed, std::span<const Point> fixed_outline,
                             const ImageView& moving, std::span<const Point> moving_outline) {
  if (std::min({fixed.width, fixed.height, moving.width, moving.height}) < kLeastSide)
    return refused(RegistrationIssue::too_small);
  const std::vector<Level> fixed_levels = pyramid(fixed), moving_levels = pyramid(moving);
  if (plain(fixed_levels[0]) || plain(moving_levels[0]))
    return refused(RegistrationIssue::nothing_to_align);
  const Blob from = blob(fixed, fixed_outline), to = blob(moving, moving_outline);

  // Window coordinates to the moving copy, of a turn and a scale of the photos.
  const auto start = [&](std::size_t level, double scale, double turn, const Point& centre) {
    const double s = scale * moving_levels[level].scale / fixed_levels[level].scale;
    return Similarity{s * std::cos(turn), s * std::sin(turn),
                      centre.x * moving_levels[level].scale - 0.5,
                      centre.y * moving_levels[level].scale - 0.5};
  };
  struct Found {
    Similarity at;
    double correlation;
  };
  std::vector<Found> starts;
  constexpr std::size_t coarse = kLevels - 1;
  const Problem coarsest(fixed_levels[coarse], moving_levels[coarse], from);
  for (const double scale : kScales) {
    for (int k = 0; k < kTurns; ++k) {
      Similarity at = start(coarse, scale * to.radius / from.radius,
                            2 * std::numbers::pi * k / kTurns, to.centre);
      if (coarsest.refine(at, kStartSteps)) starts.push_back({at, coarsest.correlation(at)});
    }
  }
  const auto best_first = [](const Found& x, const Found& y) {
    return x.correlation > y.correlation;
  };
  std::stable_sort(starts.begin(), starts.end(), best_first);
  if (starts.empty()) return refused(RegistrationIssue::no_match);

  // The same point on the next finer copies, whose pixel centres lie elsewhere.
  const auto finer = [&](const Similarity& at, std::size_t level) {
    const double up_fixed = fixed_levels[level].scale / fixed_levels[level + 1].scale;
    const double up = moving_levels[level].scale / moving_levels[level + 1].scale;
    return Similarity{at.a * up / up_fixed, at.b * up / up_fixed, (at.tx + 0.5) * up - 0.5,
                      (at.ty + 0.5) * up - 0.5};
  };
  std::size_t level = coarse;
  std::size_t kept = kKept;
  while (level > 0) {
    --level;
    // Different starts end in the same place; those that stay apart are followed up.
    std::vector<Found> apart;
    for (const Found& one : starts) {
      const bool near = std::any_of(apart.begin(), apart.end(), [&](const Found& other) {
        return std::hypot(one.at.a - other.at.a, one.at.b - other.at.b) < 0.1 &&
               std::hypot(one.at.tx - other.at.tx, one.at.ty - other.at.ty) < 1;
      });
      if (!near) apart.push_back(one);
      if (apart.size() == kept) break;
    }
    const Problem problem(fixed_levels[level], moving_levels[level], from);
    starts.clear();
    for (const Found& one : apart) {
      Similarity at = finer(one.at, level);
      if (problem.refine(at, kSteps)) starts.push_back({at, problem.correlation(at)});
    }
    if (starts.empty()) return refused(RegistrationIssue::no_match);
    std::stable_sort(starts.begin(), starts.end(), best_first);
    kept = std::max<std::size_t>(1, kept / 2);
  }

  const Similarity at = starts.front().at;
  const Level& fixed_level = fixed_levels[0];
  const Level& moving_level = moving_levels[0];
  const Problem whole(fixed_level, moving_level, from);
  const Problem details(fine(fixed_level), fine(moving_level), from);
  Registration result;
  result.before = whole.correlation(start(
      0,
      static_cast<double>(std::max(moving.width, moving.height)) /
          std::max(fixed.width, fixed.height),
      0,
      {moving.width / 2.0 + (from.centre.x - fixed.width / 2.0) * moving.width / fixed.width,
       moving.height / 2.0 + (from.centre.y - fixed.height / 2.0) * moving.height / fixed.height}));
  result.after = whole.correlation(at);
  result.detail = details.correlation(at);
  // From window and copy to the photos: a point of the fixed photo to the moving one, then back.
  const double ratio = fixed_level.scale / moving_level.scale;
  Similarity forth{at.a * ratio, at.b * ratio, (at.tx + 0.5) / moving_level.scale,
                   (at.ty + 0.5) / moving_level.scale};
  const Point centre = Similarity{forth.a, forth.b, 0, 0}(from.centre);
  forth.tx -= centre.x;
  forth.ty -= centre.y;
  result.transform = forth.inverse();
  const double relative = result.transform.scale() * std::max(moving.width, moving.height) /
                          std::max(fixed.width, fixed.height);
  if (result.detail < kLeastDetail || relative > kMostScale || relative < 1 / kMostScale)
    result.issue = RegistrationIssue::no_match;
  return result;
}

std::string_view id(RegistrationIssue issue) {
  switch (issue) {
    case RegistrationIssue::too_small:
      return "too_small";
    case RegistrationIssue::nothing_to_align:
      return "nothing_to_align";
    case RegistrationIssue::no_match:
      break;
  }
  return "no_match";
}

std::string_view sentence(RegistrationIssue issue) {
  switch (issue) {
    case RegistrationIssue::too_small:
      return "A photo is too small to be aligned.";
    case RegistrationIssue::nothing_to_align:
      return "A photo shows nothing that could be aligned.";
    case RegistrationIssue::no_match:
      break;
  }
  return "The two photos have too little in common to be aligned for certain; perhaps they show "
         "different spots.";
}

}  // namespace nevus
