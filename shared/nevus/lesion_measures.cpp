// Shape from the polygon alone, colours from the pixels inside it. Only arithmetic that rounds the
// same everywhere (no sine, no logarithm): the same values natively and in WebAssembly.
#include "nevus/lesion_measures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "nevus/detail/pixels.h"

namespace nevus {
namespace {

constexpr int kRaster = 128;                         // cells across the lesion when it is mirrored
constexpr int kAxisPairs = 16;                       // in steps of 90 / 16 degrees
constexpr double kStepCosine = 0.99518472667219693;  // of 5.625 degrees
constexpr double kStepSine = 0.098017140329560604;
constexpr int kColourGrid = 256;  // longer side of the copy whose colours are counted

struct Shape {
  double area = 0, perimeter = 0;
  Point centre;
  double xx = 0, xy = 0, yy = 0;  ///< second moments about the centre over the area
};

/// Green's theorem over the polygon's edges.
Shape shape_of(std::span<const Point> outline) {
  Shape shape;
  // About the first point, which keeps the sums small.
  const Point o = outline.front();
  double a = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < outline.size(); ++i) {
    const Point& p = outline[i];
    const Point& q = outline[(i + 1) % outline.size()];
    const double px = p.x - o.x, py = p.y - o.y, qx = q.x - o.x, qy = q.y - o.y;
    const double cross = px * qy - qx * py;
    a += cross;
    x += (px + qx) * cross;
    y += (py + qy) * cross;
    xx += (px * px + px * qx + qx * qx) * cross;
    yy += (py * py + py * qy + qy * qy) * cross;
    xy += (px * qy + 2 * px * py + 2 * qx * qy + qx * py) * cross;
    shape.perimeter += std::sqrt((qx - px) * (qx - px) + (qy - py) * (qy - py));
  }
  if (a == 0 || !std::isfinite(a)) return shape;
  shape.area = std::abs(a) / 2;
  const double cx = x / (3 * a), cy = y / (3 * a);
  shape.centre = {o.x + cx, o.y + cy};
  shape.xx = xx / (6 * a) - cx * cx;
  shape.yy = yy / (6 * a) - cy * cy;
  shape.xy = xy / (12 * a) - cx * cy;
  return shape;
}

/// A unit vector along the direction of greatest variance.
Point principal_axis(const Shape& shape) {
  const double half = (shape.xx - shape.yy) / 2;
  const double root = std::sqrt(half * half + shape.xy * shape.xy);
  // Eigenvector of the greater eigenvalue, in the form that doesn't cancel.
  Point axis = half >= 0 ? Point{half + root, shape.xy} : Point{shape.xy, root - half};
  const double length = std::sqrt(axis.x * axis.x + axis.y * axis.y);
  if (!(length > 0)) return {1, 0};
  return {axis.x / length, axis.y / length};
}

/// Rows and columns of the raster, about the shape's centre.
using Raster = std::vector<std::uint8_t>;

/// Cells whose centre lies inside the polygon (even-odd), in coordinates along and across `axis`.
Raster raster_of(std::span<const Point> outline, const Shape& shape, const Point& axis,
                 double cell) {
  Raster raster(kRaster * kRaster, 0);
  std::vector<Point> points;
  points.reserve(outline.size());
  for (const Point& p : outline) {
    const double x = p.x - shape.centre.x, y = p.y - shape.centre.y;
    points.push_back({(x * axis.x + y * axis.y) / cell + kRaster / 2.0,
                      (y * axis.x - x * axis.y) / cell + kRaster / 2.0});
  }
  std::vector<double> crossings;
  for (int row = 0; row < kRaster; ++row) {
    const double y = row + 0.5;
    crossings.clear();
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Point& p = points[i];
      const Point& q = points[(i + 1) % points.size()];
      if ((p.y <= y) != (q.y <= y))
        crossings.push_back(p.x + (y - p.y) / (q.y - p.y) * (q.x - p.x));
    }
    std::sort(crossings.begin(), crossings.end());
    for (std::size_t k = 0; k + 1 < crossings.size(); k += 2) {
      const int from =
          static_cast<int>(std::ceil(std::clamp(crossings[k], 0.0, double{kRaster}) - 0.5));
      const int to =
          static_cast<int>(std::ceil(std::clamp(crossings[k + 1], 0.0, double{kRaster}) - 0.5));
      for (int x = std::max(0, from); x < std::min(kRaster, to); ++x)
        raster[static_cast<std::size_t>(row * kRaster + x)] = 1;
    }
  }
  return raster;
}

/// Shares of the shape without a counterpart when it is mirrored on the axis and on the one at a
/// right angle to it.
std::array<double, 2> without_counterpart(const Raster& raster) {
  std::int64_t area = 0, along = 0, across = 0;
  for (int y = 0; y < kRaster; ++y) {
    for (int x = 0; x < kRaster; ++x) {
      const auto at = [&](int cx, int cy) {
        return raster[static_cast<std::size_t>(cy * kRaster + cx)];
      };
      if (!at(x, y)) continue;
      ++area;
      along += !at(x, kRaster - 1 - y);
      across += !at(kRaster - 1 - x, y);
    }
  }
  if (area == 0) return {0, 0};
  return {static_cast<double>(along) / static_cast<double>(area),
          static_cast<double>(across) / static_cast<double>(area)};
}

void measure_asymmetry(std::span<const Point> outline, const Shape& shape, LesionMeasures& out) {
  double reach = 0;
  for (const Point& p : outline) {
    const double x = p.x - shape.centre.x, y = p.y - shape.centre.y;
    reach = std::max(reach, x * x + y * y);
  }
  const double cell = 2 * std::sqrt(reach) / (kRaster - 2);
  if (!(cell > 0)) return;
  Point axis = principal_axis(shape);
  out.asymmetry = 2;
  for (int pair = 0; pair < kAxisPairs; ++pair) {
    const auto shares = without_counterpart(raster_of(outline, shape, axis, cell));
    const double mean = (shares[0] + shares[1]) / 2;
    if (mean < out.asymmetry) {
      out.asymmetry = mean;
      out.asymmetry_axes = {std::min(shares[0], shares[1]), std::max(shares[0], shares[1])};
    }
    axis = {axis.x * kStepCosine - axis.y * kStepSine, axis.x * kStepSine + axis.y * kStepCosine};
  }
}

/// The convex hull, counter-clockwise in mathematical axes (Andrew's monotone chain, 1979).
std::vector<Point> convex_hull(std::span<const Point> outline) {
  std::vector<Point> points(outline.begin(), outline.end());
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() < 3) return points;
  std::vector<Point> hull;
  const auto extend = [&](const Point& p, std::size_t least) {
    while (hull.size() >= least) {
      const Point& a = hull[hull.size() - 2];
      const Point& b = hull.back();
      if ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x) > 0) break;
      hull.pop_back();
    }
    hull.push_back(p);
  };
  for (const Point& p : points) extend(p, 2);
  const std::size_t lower = hull.size() + 1;
  for (auto p = points.rbegin() + 1; p != points.rend(); ++p) extend(*p, lower);
  hull.pop_back();
  return hull;
}

// Chosen by us, since the rule names colours and gives no values: sRGB, in LesionColour's order.
constexpr std::array<std::array<std::uint8_t, 3>, kLesionColours> kReferences{
    {{238, 232, 232}, {185, 60, 65}, {170, 115, 75}, {95, 55, 40}, {95, 105, 125}, {30, 25, 28}}};

/// 8-bit CIELAB of OpenCV, whose tables are made without floating point.
cv::Vec3i lab_of(const std::array<std::uint8_t, 3>& rgb) {
  cv::Mat3b pixel(1, 1, cv::Vec3b(rgb[0], rgb[1], rgb[2])), lab;
  cv::cvtColor(pixel, lab, cv::COLOR_RGB2Lab);
  return lab(0, 0);
}

/// Squared difference; OpenCV stores L in 1/255 of 100.
int distance2(const cv::Vec3i& a, const cv::Vec3i& b) {
  const int l = (a[0] - b[0]) * 100 / 255, u = a[1] - b[1], v = a[2] - b[2];
  return l * l + u * u + v * v;
}

void measure_colours(const ImageView& photo, std::span<const Point> outline, LesionMeasures& out) {
  const Image small = detail::reduced_rgb(photo, kColourGrid);
  const double scale_x = static_cast<double>(small.width) / photo.width;
  const double scale_y = static_cast<double>(small.height) / photo.height;
  cv::Mat3b rgb(small.height, small.width,
                const_cast<cv::Vec3b*>(reinterpret_cast<const cv::Vec3b*>(small.pixels.data())));
  cv::Mat3b smooth, lab;
  cv::medianBlur(rgb, smooth, 3);
  cv::cvtColor(smooth, lab, cv::COLOR_RGB2Lab);
  cv::Mat1b inside = cv::Mat1b::zeros(small.height, small.width);
  std::vector<std::vector<cv::Point>> polygon(1);
  for (const Point& p : outline) {
    // in 1/16 of a cell; OpenCV's whole numbers are cells' centres
    const auto fixed = [](double v) {
      return static_cast<int>(std::floor((std::clamp(v, -4096.0, 4096.0) - 0.5) * 16 + 0.5));
    };
    polygon[0].emplace_back(fixed(p.x * scale_x), fixed(p.y * scale_y));
  }
  cv::fillPoly(inside, polygon, 255, cv::LINE_8, 4);

  // Skin: the median, channel by channel, of a ring around the lesion.
  cv::Mat1b near, far;
  const int gap = std::max(1, kColourGrid / 64), ring = kColourGrid / 16;
  cv::dilate(inside, near, cv::getStructuringElement(cv::MORPH_RECT, {2 * gap + 1, 2 * gap + 1}));
  cv::dilate(inside, far, cv::getStructuringElement(cv::MORPH_RECT, {2 * ring + 1, 2 * ring + 1}));
  std::array<std::vector<int>, 3> around;
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      if (!far(y, x) || near(y, x)) continue;
      for (int c = 0; c < 3; ++c) around[static_cast<std::size_t>(c)].push_back(lab(y, x)[c]);
    }
  }
  std::optional<cv::Vec3i> skin;
  if (around[0].size() >= 32) {
    skin.emplace();
    for (int c = 0; c < 3; ++c) {
      auto& values = around[static_cast<std::size_t>(c)];
      const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
      std::nth_element(values.begin(), middle, values.end());
      (*skin)[c] = *middle;
    }
  }

  std::array<cv::Vec3i, kLesionColours> references;
  for (std::size_t k = 0; k < kLesionColours; ++k) references[k] = lab_of(kReferences[k]);
  std::array<std::int64_t, kLesionColours> counts{};
  std::int64_t area = 0;
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      if (!inside(y, x)) continue;
      ++area;
      const cv::Vec3i colour = lab(y, x);
      std::size_t nearest = 0;
      for (std::size_t k = 1; k < kLesionColours; ++k)
        if (distance2(colour, references[k]) < distance2(colour, references[nearest])) nearest = k;
      if (skin && distance2(colour, *skin) <= distance2(colour, references[nearest])) continue;
      ++counts[nearest];
    }
  }
  for (std::size_t k = 0; k < kLesionColours; ++k) {
    out.colours[k] = area > 0 ? static_cast<double>(counts[k]) / static_cast<double>(area) : 0.0;
    out.colour_count += out.colours[k] >= kLeastColourShare;
  }
}

}  // namespace

LesionMeasures measure_lesion(const ImageView& photo, std::span<const Point> outline,
                              std::optional<double> mm_per_pixel) {
  LesionMeasures out;
  if (outline.size() < 3) return out;
  const Shape shape = shape_of(outline);
  if (!(shape.area > 0) || !std::isfinite(shape.perimeter)) return out;
  measure_asymmetry(outline, shape, out);
  out.compactness =
      std::max(1.0, shape.perimeter * shape.perimeter / (4 * std::numbers::pi * shape.area));
  const std::vector<Point> hull = convex_hull(outline);
  const Shape around = shape_of(hull);
  if (around.area > 0) out.solidity = std::min(1.0, shape.area / around.area);
  double longest = 0;
  for (std::size_t i = 0; i < hull.size(); ++i) {
    for (std::size_t j = i + 1; j < hull.size(); ++j) {
      const double x = hull[i].x - hull[j].x, y = hull[i].y - hull[j].y;
      longest = std::max(longest, x * x + y * y);
    }
  }
  out.diameter = std::sqrt(longest);
  if (mm_per_pixel && std::isfinite(*mm_per_pixel) && *mm_per_pixel > 0)
    out.diameter_mm = out.diameter * *mm_per_pixel;
  measure_colours(photo, outline, out);
  return out;
}

std::string_view id(LesionMeasure measure) {
  switch (measure) {
    case LesionMeasure::asymmetry:
      return "asymmetry";
    case LesionMeasure::border:
      return "border";
    case LesionMeasure::colours:
      return "colours";
    case LesionMeasure::diameter:
      break;
  }
  return "diameter";
}

std::string_view id(LesionColour colour) {
  switch (colour) {
    case LesionColour::white:
      return "white";
    case LesionColour::red:
      return "red";
    case LesionColour::light_brown:
      return "light_brown";
    case LesionColour::dark_brown:
      return "dark_brown";
    case LesionColour::blue_grey:
      return "blue_grey";
    case LesionColour::black:
      break;
  }
  return "black";
}

std::string_view sentence(LesionMeasure measure) {
  switch (measure) {
    case LesionMeasure::asymmetry:
      return "How much of the shape finds no counterpart when it is folded: 0 % is a mirror image. "
             "Many harmless spots are lopsided, too.";
    case LesionMeasure::border:
      return "How long the border is for the area inside: 1.0 is a circle, notches and bays make "
             "it "
             "more. Hair and soft edges raise it as well.";
    case LesionMeasure::colours:
      return "Which of six colours that doctors look for cover at least a twentieth of the spot. "
             "Light and camera change colours.";
    case LesionMeasure::diameter:
      break;
  }
  return "The longest straight line across the outline. Size alone says little about what a spot "
         "is.";
}

}  // namespace nevus
