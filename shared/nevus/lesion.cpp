// The candidates' merits, their vote, and the outline of what most of them hold.
#include "nevus/lesion.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "nevus/detail/lesion_search.h"
#include "nevus/detail/lesion_weights.h"

namespace nevus {
namespace {

using detail::Candidate;
using detail::kFeatures;
using detail::Region;

constexpr int kLeastSide = 32;  // pixels
constexpr int kMostAspect = 8;  // longer over shorter side
// Smoothed votes: nine cells each.
constexpr std::int64_t kNeighbours = 9;
constexpr std::int64_t kVoteUnit = 1024;
// Differences of merit from which a candidate has no vote.
constexpr double kVoteRange = 5;

double merit(const Candidate& candidate) {
  double sum = 0;
  for (std::size_t i = 0; i < kFeatures; ++i) {
    const detail::Weight& w = detail::kWeights[i];
    sum += w.weight * std::clamp(candidate.features[i], w.low, w.high);
  }
  return sum;
}

double dice(const Region& a, const Region& b) {
  std::int64_t both = 0, sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    both += a[i] && b[i];
    sum += (a[i] != 0) + (b[i] != 0);
  }
  return sum > 0 ? 2.0 * static_cast<double>(both) / static_cast<double>(sum) : 0;
}

/// Walks once around the only piece of `inside`, the piece to the right, and puts a point on each
/// step between a cell inside and one outside, where `field` passes `level`.
std::vector<Point> trace(const Region& inside, const std::vector<std::int64_t>& field,
                         std::int64_t level, int width, int height) {
  const auto at = [&](int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  };
  const auto is_inside = [&](int x, int y) {
    return x >= 0 && y >= 0 && x < width && y < height && inside[at(x, y)];
  };
  const auto first = std::find_if(inside.begin(), inside.end(), [](auto v) { return v != 0; });
  if (first == inside.end()) return {};
  const auto start = static_cast<int>(first - inside.begin());
  // Directions: right, down, left, up; the outside lies to the left of the way.
  constexpr int kX[] = {1, 0, -1, 0}, kY[] = {0, 1, 0, -1};
  const int start_x = start % width, start_y = start / width;
  int x = start_x, y = start_y, way = 0;
  std::vector<Point> points;
  do {
    const int left = (way + 3) % 4;
    const int ox = x + kX[left], oy = y + kY[left];
    // Beyond the photo the field is as far below the level as it is above inside: the point then
    // lies on the photo's border.
    double share = 0.5;
    if (ox >= 0 && oy >= 0 && ox < width && oy < height) {
      const std::int64_t high = std::max(field[at(x, y)], level) - level;
      const std::int64_t low = level - std::min(field[at(ox, oy)], level);
      if (high + low > 0) share = static_cast<double>(high) / static_cast<double>(high + low);
    }
    points.push_back({x + 0.5 + share * kX[left], y + 0.5 + share * kY[left]});
    const int ax = x + kX[way], ay = y + kY[way];
    if (!is_inside(ax, ay)) {
      way = (way + 1) % 4;  // the cell's next side
    } else if (is_inside(ax + kX[left], ay + kY[left])) {
      x = ax + kX[left];
      y = ay + kY[left];
      way = left;
    } else {
      x = ax;
      y = ay;
    }
  } while (x != start_x || y != start_y || way != 0);
  return points;
}

Rect bounding_box(const std::vector<Point>& points, const ImageView& photo) {
  double left = photo.width, top = photo.height, right = 0, bottom = 0;
  for (const Point& p : points) {
    left = std::min(left, p.x);
    right = std::max(right, p.x);
    top = std::min(top, p.y);
    bottom = std::max(bottom, p.y);
  }
  Rect box;
  box.x = std::clamp(static_cast<int>(std::floor(left)), 0, photo.width - 1);
  box.y = std::clamp(static_cast<int>(std::floor(top)), 0, photo.height - 1);
  box.width = std::clamp(static_cast<int>(std::ceil(right)) - box.x, 1, photo.width - box.x);
  box.height = std::clamp(static_cast<int>(std::ceil(bottom)) - box.y, 1, photo.height - box.y);
  return box;
}

/// A square of twice the lesion's longer side, about its box's centre, moved into the photo: the
/// lesion fills half of it, as in the photos that models learn from.
Rect square_around(const Rect& box, const ImageView& photo) {
  const int side =
      std::min(2 * std::max(box.width, box.height), std::min(photo.width, photo.height));
  const auto start = [side](int from, int length, int whole) {
    return std::clamp((2 * from + length - side) / 2, 0, whole - side);
  };
  return {start(box.x, box.width, photo.width), start(box.y, box.height, photo.height), side, side};
}

Lesion none(OutlineIssue issue) {
  Lesion lesion;
  lesion.issue = issue;
  return lesion;
}

}  // namespace

Lesion find_lesion(const ImageView& photo) {
  const int shorter = std::min(photo.width, photo.height);
  const int longer = std::max(photo.width, photo.height);
  if (shorter < kLeastSide) return none(OutlineIssue::too_small);
  if (longer / kMostAspect >= shorter) return none(OutlineIssue::too_narrow);
  const detail::Search search = detail::search_lesion(photo);
  if (search.candidates.empty()) return none(OutlineIssue::nothing_stands_out);

  // Candidates nearly as good as the best vote, the better the more.
  std::vector<double> merits;
  for (const Candidate& candidate : search.candidates) merits.push_back(merit(candidate));
  const double best = *std::max_element(merits.begin(), merits.end());
  const std::size_t cells = search.candidates.front().region.size();
  std::vector<int> votes(cells, 0);
  std::vector<std::int64_t> weights;
  std::int64_t all = 0;
  for (std::size_t k = 0; k < merits.size(); ++k) {
    const double share = std::max(0.0, 1 - (best - merits[k]) / kVoteRange);
    const auto weight = static_cast<std::int64_t>(share * share * kVoteUnit);
    weights.push_back(weight);
    all += weight;
    if (weight == 0) continue;
    const Region& region = search.candidates[k].region;
    for (std::size_t i = 0; i < cells; ++i)
      if (region[i]) votes[i] += static_cast<int>(weight);
  }
  const std::vector<int> sums = detail::box_sums(votes, search.width, search.height, 1);
  std::vector<std::int64_t> field(sums.begin(), sums.end());
  const std::int64_t level = kNeighbours * all / 2;
  Region held(cells);
  for (std::size_t i = 0; i < cells; ++i) held[i] = field[i] > level ? 255 : 0;
  held = detail::main_piece(held, search.width, search.height);
  if (held.empty()) return none(OutlineIssue::unclear);

  Lesion lesion;
  double agreement = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] > 0)
      agreement += static_cast<double>(weights[k]) * dice(search.candidates[k].region, held);
  }
  lesion.confidence = agreement / static_cast<double>(all);
  lesion.outline = trace(held, field, level, search.width, search.height);
  double twice = 0;
  for (Point& p : lesion.outline) {
    p.x = std::clamp(p.x * photo.width / search.width, 0.0, double(photo.width));
    p.y = std::clamp(p.y * photo.height / search.height, 0.0, double(photo.height));
  }
  for (std::size_t i = 0; i < lesion.outline.size(); ++i) {
    const Point& p = lesion.outline[i];
    const Point& q = lesion.outline[(i + 1) % lesion.outline.size()];
    twice += p.x * q.y - q.x * p.y;
  }
  lesion.area = std::clamp(twice / 2 / photo.width / photo.height, 0.0, 1.0);
  lesion.box = bounding_box(lesion.outline, photo);
  lesion.crop = square_around(lesion.box, photo);
  return lesion;
}

Lesion enlarged(Lesion lesion, int factor, int width, int height) {
  for (Point& point : lesion.outline) {
    point.x = std::min<double>(point.x * factor, width);
    point.y = std::min<double>(point.y * factor, height);
  }
  for (Rect* rect : {&lesion.box, &lesion.crop}) {
    rect->x *= factor;
    rect->y *= factor;
    rect->width = std::min(rect->width * factor, width - rect->x);
    rect->height = std::min(rect->height * factor, height - rect->y);
  }
  lesion.crop.width = lesion.crop.height = std::min(lesion.crop.width, lesion.crop.height);
  return lesion;
}

std::string_view id(OutlineIssue issue) {
  switch (issue) {
    case OutlineIssue::too_small:
      return "too_small";
    case OutlineIssue::too_narrow:
      return "too_narrow";
    case OutlineIssue::nothing_stands_out:
      return "nothing_stands_out";
    case OutlineIssue::unclear:
      break;
  }
  return "unclear";
}

std::string_view sentence(OutlineIssue issue) {
  switch (issue) {
    case OutlineIssue::too_small:
      return "The photo is too small to outline a spot.";
    case OutlineIssue::too_narrow:
      return "The photo is too long and narrow to outline a spot.";
    case OutlineIssue::nothing_stands_out:
      return "No spot stands out from the skin around it.";
    case OutlineIssue::unclear:
      break;
  }
  return "Where the spot ends is unclear in this photo.";
}

}  // namespace nevus
