// Candidate outlines: two views of the photo (how much darker, how much browner than skin), cut at
// a series of thresholds each. Integers up to the features, so that native and WebAssembly agree.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <opencv2/imgproc.hpp>

#include "nevus/detail/lesion_search.h"
#include "nevus/detail/pixels.h"

namespace nevus::detail {
namespace {

constexpr int kThresholds = 16;
constexpr int kLeastDepth = 8;     // 1/256 octave: less than a photo's grain
constexpr int kMostDepth = 300;    // deeper is no more lesion: a black core must not hide the rest
constexpr int kBlack = 70;         // of 255: a dermatoscope's dark corners are below
constexpr int kMostFallOff = 100;  // 1/256 octave from the centre to the corners

/// 64 * log2(256 / (value + 1)), rounded: 64 steps an octave (Beer-Lambert: depths add up).
constexpr std::array<int, 256> make_depth_table() {
  std::array<int, 256> table{};
  for (int value = 0; value < 256; ++value) {
    // log2 of (value + 1) in 1/1024, bit by bit: squaring a number in [1, 2) yields its logarithm's
    // next binary digit.
    int whole = 0;
    while ((value + 1) >> (whole + 1)) ++whole;
    std::uint64_t x = (std::uint64_t(value + 1) << 30) >> whole;
    int log = whole;
    for (int bit = 0; bit < 10; ++bit) {
      x = x * x >> 30;
      log <<= 1;
      if (x >= std::uint64_t{2} << 30) {
        x >>= 1;
        ++log;
      }
    }
    table[static_cast<std::size_t>(value)] = (8 * 1024 - log + 8) / 16;
  }
  return table;
}
constexpr std::array<int, 256> kDepth = make_depth_table();

struct Grid {
  int width = 0, height = 0;
  std::array<std::vector<int>, 3> depth;  ///< R, G, B relative to skin, 1/64 octave
  Region black;                           ///< the dermatoscope's corners
  std::size_t cells() const {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  }
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  }
  /// Squared distance from the centre, 0 to 2 * kUnit at the corners.
  static constexpr int kUnit = 1 << 12;
  int radius2(int x, int y) const {
    const std::int64_t dx = 2 * x + 1 - width, dy = 2 * y + 1 - height;
    return static_cast<int>(dx * dx * kUnit / (std::int64_t{width} * width) +
                            dy * dy * kUnit / (std::int64_t{height} * height));
  }
};

cv::Mat mat(Region& region, int width, int height) {
  return {height, width, CV_8UC1, region.data()};
}

Region changed(const Region& region, int width, int height, int operation, const cv::Mat& element) {
  Region result = region;
  cv::Mat image = mat(result, width, height);
  cv::morphologyEx(image, image, operation, element);
  return result;
}

Region changed(const Region& region, int width, int height, int radius, int operation) {
  return changed(region, width, height, operation,
                 cv::getStructuringElement(cv::MORPH_RECT, {2 * radius + 1, 2 * radius + 1}));
}

/// Five cells a side without the corners; OpenCV's ellipse changes when it is turned.
cv::Mat disc() {
  cv::Mat element = cv::Mat::ones(5, 5, CV_8UC1);
  for (const int y : {0, 4})
    for (const int x : {0, 4}) element.at<std::uint8_t>(y, x) = 0;
  return element;
}

/// The value below which `share` / 1000 of the values lie.
int quantile(std::vector<int> values, std::size_t share) {
  const std::size_t k = std::min(values.size() - 1, values.size() * share / 1000);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(k), values.end());
  return values[k];
}

/// Visits the 4-connected cells equal to cell `start` that `seen` does not have yet.
template <class Visit>
void flood(const Region& region, int width, int height, std::size_t start, Region& seen,
           std::vector<std::size_t>& stack, Visit&& visit) {
  const auto columns = static_cast<std::size_t>(width);
  const std::uint8_t value = region[start];
  stack.assign(1, start);
  seen[start] = 1;
  const auto reach = [&](std::size_t cell) {
    if (seen[cell] || region[cell] != value) return;
    seen[cell] = 1;
    stack.push_back(cell);
  };
  while (!stack.empty()) {
    const std::size_t cell = stack.back();
    stack.pop_back();
    const std::size_t x = cell % columns, y = cell / columns;
    visit(static_cast<int>(x), static_cast<int>(y), cell);
    if (x > 0) reach(cell - 1);
    if (x + 1 < columns) reach(cell + 1);
    if (y > 0) reach(cell - columns);
    if (y + 1 < static_cast<std::size_t>(height)) reach(cell + columns);
  }
}

/// What is black from a corner inwards, and lies outside of the field of view's circle.
Region black_corners(const Image& photo) {
  const int width = photo.width, height = photo.height;
  Region dark(photo.pixels.size() / 3), black(dark.size(), 0), seen(dark.size(), 0);
  for (std::size_t i = 0; i < dark.size(); ++i) {
    const std::uint8_t* rgb = photo.pixels.data() + 3 * i;
    dark[i] = std::max({rgb[0], rgb[1], rgb[2]}) < kBlack;
  }
  const int side = std::min(width, height);
  std::vector<std::size_t> stack;
  for (const int y : {0, height - 1}) {
    for (const int x : {0, width - 1}) {
      const auto corner = static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                          static_cast<std::size_t>(x);
      if (!dark[corner] || seen[corner]) continue;
      flood(dark, width, height, corner, seen, stack, [&](int cx, int cy, std::size_t cell) {
        const int dx = 2 * cx + 1 - width, dy = 2 * cy + 1 - height;
        // beyond four fifths of the largest inscribed circle
        if (25 * (dx * dx + dy * dy) > 16 * side * side) black[cell] = 255;
      });
    }
  }
  return changed(black, width, height, std::max(1, std::max(width, height) / 48), cv::MORPH_DILATE);
}

Grid make_grid(const ImageView& view) {
  Image photo = reduced_rgb(view, kLesionGrid);
  Grid grid;
  grid.width = photo.width;
  grid.height = photo.height;
  grid.black = black_corners(photo);
  // Thin hairs and the grain of the skin.
  cv::Mat pixels(photo.height, photo.width, CV_8UC3, photo.pixels.data());
  cv::Mat smooth;
  cv::morphologyEx(pixels, smooth, cv::MORPH_CLOSE,
                   cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));
  cv::medianBlur(smooth, pixels, 3);

  // Skin: the median of a frame along the border.
  const int frame = std::max(1, std::min(grid.width, grid.height) / 10);
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<int>& depth = grid.depth[c];
    depth.resize(grid.cells());
    std::vector<int> skin;
    for (int y = 0; y < grid.height; ++y) {
      for (int x = 0; x < grid.width; ++x) {
        const std::size_t i = grid.at(x, y);
        depth[i] = kDepth[photo.pixels[3 * i + c]];
        const bool inner =
            x >= frame && x < grid.width - frame && y >= frame && y < grid.height - frame;
        if (!inner && !grid.black[i]) skin.push_back(depth[i]);
      }
    }
    const int reference = skin.empty() ? 0 : quantile(skin, 500);
    for (int& value : depth) value -= reference;
  }
  return grid;
}

/// Depth of each cell in one view, 1/256 octave.
std::vector<int> view_of(const Grid& grid, int view) {
  std::vector<int> depth(grid.cells(), 0);
  std::vector<int> seen;
  for (std::size_t i = 0; i < depth.size(); ++i) {
    if (grid.black[i]) continue;
    const int red = grid.depth[0][i], green = grid.depth[1][i], blue = grid.depth[2][i];
    // Melanin and blood swallow blue and green; red hardly tells of them, so what it loses is
    // shadow.
    depth[i] = view == 0 ? 2 * (green + blue) : 8 * (2 * green + blue - 2 * red) / 5;
    seen.push_back(depth[i]);
  }
  if (seen.empty()) return depth;

  // Light falls off towards the border: a parabola through the outer cells that look like skin.
  const int limit = quantile(seen, 500) + 60;
  std::int64_t n = 0, sr = 0, srr = 0, sd = 0, srd = 0;
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const std::size_t i = grid.at(x, y);
      const std::int64_t r = grid.radius2(x, y);
      if (grid.black[i] || depth[i] > limit || r * 10 < 7 * Grid::kUnit) continue;
      ++n;
      sr += r;
      srr += r * r;
      sd += depth[i];
      srd += r * depth[i];
    }
  }
  const std::int64_t determinant = n * srr - sr * sr;
  if (n >= 50 && determinant > 0) {
    // 2 * kUnit: from the centre to the corners
    const double slope = static_cast<double>(n * srd - sr * sd) / static_cast<double>(determinant) *
                         (2.0 * Grid::kUnit);
    const auto fall = static_cast<int>(std::clamp(slope, 0.0, double{kMostFallOff}));
    for (int y = 0; y < grid.height; ++y) {
      for (int x = 0; x < grid.width; ++x) {
        const std::size_t i = grid.at(x, y);
        if (!grid.black[i])
          depth[i] -= fall * (5 * grid.radius2(x, y) - 7 * Grid::kUnit) / (10 * Grid::kUnit);
      }
    }
  }
  for (int& value : depth) value = std::min(value, kMostDepth);
  return depth;
}

/// Sums of depth over a part of the grid.
struct Sum {
  std::int64_t n = 0, sum = 0, squares = 0;
  void add(int value) {
    ++n;
    sum += value;
    squares += std::int64_t{value} * value;
  }
  double mean() const { return static_cast<double>(sum) / static_cast<double>(n); }
  double mean_or(double other) const { return n > 0 ? mean() : other; }
  double deviation() const {
    const double m = mean();
    return std::sqrt(std::max(0.0, static_cast<double>(squares) / static_cast<double>(n) - m * m));
  }
};

/// Mean depth of the cells of `region` within `radius` of its border, inside and outside.
std::array<Sum, 2> rings(const Grid& grid, const std::vector<int>& depth, const Region& region,
                         int radius) {
  const Region core = changed(region, grid.width, grid.height, radius, cv::MORPH_ERODE);
  const Region wide = changed(region, grid.width, grid.height, radius, cv::MORPH_DILATE);
  std::array<Sum, 2> sums;
  for (std::size_t i = 0; i < region.size(); ++i) {
    if (grid.black[i]) continue;
    if (region[i] && !core[i]) sums[0].add(depth[i]);
    if (!region[i] && wide[i]) sums[1].add(depth[i]);
  }
  return sums;
}

/// Cells where at least two fifths of the neighbourhood, or the cell itself, is inside.
std::int64_t closed_area(const Grid& grid, const Region& region) {
  const int radius = std::max(2, std::max(grid.width, grid.height) / 10);
  // Zeros beyond the border, so that a region that touches it isn't closed over it.
  const int width = grid.width + 2 * radius, height = grid.height + 2 * radius;
  std::vector<int> padded(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), 0);
  const auto place = [&](int x, int y) {
    return static_cast<std::size_t>(y + radius) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x + radius);
  };
  for (int y = 0; y < grid.height; ++y)
    for (int x = 0; x < grid.width; ++x) padded[place(x, y)] = region[grid.at(x, y)] ? 1 : 0;
  const std::vector<int> sums = box_sums(padded, width, height, radius);
  const int enough = 2 * (2 * radius + 1) * (2 * radius + 1) / 5;
  std::int64_t area = 0;
  for (int y = 0; y < grid.height; ++y)
    for (int x = 0; x < grid.width; ++x)
      area += region[grid.at(x, y)] || sums[place(x, y)] >= enough;
  return area;
}

/// Fills a candidate's features but growth and shrinkage. @return whether it is one at all
bool describe(const Grid& grid, const std::vector<int>& depth, const Region& beyond, int threshold,
              int view, Candidate& candidate) {
  const Region& region = candidate.region;
  Sum inside, outside;
  std::int64_t mass = 0, beyond_area = 0, central = 0, border = 0, edge = 0, sum_x = 0, sum_y = 0;
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      const std::size_t i = grid.at(x, y);
      beyond_area += beyond[i] != 0;
      if (!grid.black[i]) mass += std::max(0, depth[i]);
      if (!region[i]) {
        if (!grid.black[i]) outside.add(depth[i]);
        continue;
      }
      inside.add(depth[i]);
      central += centrality(x, y, grid.width, grid.height);
      sum_x += 2 * x + 1 - grid.width;
      sum_y += 2 * y + 1 - grid.height;
      border += (x == 0) + (x == grid.width - 1) + (y == 0) + (y == grid.height - 1);
      edge += (x > 0 && !region[i - 1]) + (x + 1 < grid.width && !region[i + 1]) +
              (y > 0 && !region[grid.at(x, y - 1)]) +
              (y + 1 < grid.height && !region[grid.at(x, y + 1)]);
    }
  }
  const auto area = static_cast<double>(inside.n), all = static_cast<double>(grid.cells());
  const double share = area / all;
  if (inside.n == 0 || outside.n == 0 || share < 0.003 || share > 0.93) return false;

  const int longer = std::max(grid.width, grid.height);
  const auto thin = rings(grid, depth, region, std::max(2, longer / 48));
  const auto wide = rings(grid, depth, region, std::max(3, longer / 16));
  const double in = inside.mean(), out = outside.mean();
  const double contrast = std::max(4.0, in - out);
  const double thin_edge = thin[0].mean_or(in) - thin[1].mean_or(out);
  const double wide_edge = wide[0].mean_or(in) - wide[1].mean_or(out);
  const double off_x = static_cast<double>(sum_x) / area / (2 * grid.width);
  const double off_y = static_cast<double>(sum_y) / area / (2 * grid.height);
  auto& f = candidate.features;
  f[f_size] = std::sqrt(share);
  f[f_area] = share;
  f[f_contrast] = std::sqrt(contrast) / 10;
  f[f_edge] = thin_edge / 100;
  f[f_edge_share] = thin_edge / contrast;
  f[f_wide_edge] = wide_edge / 100;
  f[f_wide_edge_share] = wide_edge / contrast;
  f[f_touch] = static_cast<double>(border) / (2.0 * (grid.width + grid.height));
  f[f_central] = static_cast<double>(central) / area / 256;
  f[f_ragged] = static_cast<double>(edge) / std::sqrt(area) / 4;
  f[f_filled] = area / static_cast<double>(closed_area(grid, region));
  f[f_uneven_inside] = inside.deviation() / contrast;
  f[f_uneven_outside] = outside.deviation() / contrast;
  f[f_level] = (threshold - out) / contrast;
  f[f_rim_outside] = (thin[1].mean_or(out) - out) / contrast;
  f[f_wide_rim_outside] = (wide[1].mean_or(out) - out) / contrast;
  f[f_mass] =
      static_cast<double>(inside.sum) / static_cast<double>(std::max<std::int64_t>(1, mass));
  f[f_only] = area / static_cast<double>(std::max<std::int64_t>(1, beyond_area));
  f[f_off_centre] = std::sqrt(off_x * off_x + off_y * off_y);
  f[f_noise] = outside.deviation() / 50;
  f[f_skin_depth] = out / 50;
  f[f_threshold] = threshold / 100.0;
  f[f_view] = view;
  return true;
}

double change(double before, double after) {
  return (before - after) / (before + after);
}

void search_view(const Grid& grid, int view, std::vector<Candidate>& candidates) {
  const std::vector<int> depth = view_of(grid, view);
  std::vector<int> seen;
  for (std::size_t i = 0; i < depth.size(); ++i)
    if (!grid.black[i]) seen.push_back(depth[i]);
  if (seen.empty()) return;
  const int low = quantile(seen, 20), high = quantile(seen, 995);
  const std::size_t first = candidates.size();
  std::vector<int> cut(depth.size());
  Region beyond(depth.size());
  int last = 0;
  for (int step = 1; step < kThresholds; ++step) {
    const int threshold = low + (high - low) * step / kThresholds;
    if (threshold < kLeastDepth || threshold == last) continue;
    last = threshold;
    for (std::size_t i = 0; i < depth.size(); ++i)
      cut[i] = depth[i] > threshold && !grid.black[i] ? 1 : 0;
    const std::vector<int> sums = box_sums(cut, grid.width, grid.height, 1);
    for (std::size_t i = 0; i < beyond.size(); ++i) beyond[i] = sums[i] >= 5 ? 255 : 0;
    beyond = changed(beyond, grid.width, grid.height, cv::MORPH_CLOSE, disc());
    Candidate candidate;
    candidate.region = main_piece(beyond, grid.width, grid.height);
    if (!candidate.region.empty() && describe(grid, depth, beyond, threshold, view, candidate)) {
      candidates.push_back(std::move(candidate));
    }
  }
  const auto area = [&](std::size_t i) { return candidates[i].features[f_area]; };
  for (std::size_t i = first; i < candidates.size(); ++i) {
    auto& f = candidates[i].features;
    f[f_growth] = i > first ? change(area(i - 1), area(i)) : 0.25;
    f[f_shrinkage] = i + 1 < candidates.size() ? change(area(i), area(i + 1)) : 0.25;
  }
  // Experts draw the border around what they see, not through its edge.
  for (std::size_t i = first; i < candidates.size(); ++i) {
    candidates[i].region = changed(candidates[i].region, grid.width, grid.height, cv::MORPH_DILATE,
                                   cv::getStructuringElement(cv::MORPH_CROSS, {3, 3}));
  }
}

}  // namespace

int centrality(int x, int y, int width, int height) {
  const std::int64_t dx = 2 * x + 1 - width, dy = 2 * y + 1 - height;
  const auto w2 = std::int64_t{width} * width, h2 = std::int64_t{height} * height;
  const auto r2 = static_cast<int>(dx * dx * 256 / w2 + dy * dy * 256 / h2);  // 0 to 512
  const int rest = std::max(0, 512 - r2);
  return rest * rest / 1024;
}

Region main_piece(const Region& region, int width, int height) {
  Region seen(region.size(), 0), piece;
  std::vector<std::size_t> stack, cells, best;
  std::int64_t greatest = -1;
  for (std::size_t i = 0; i < region.size(); ++i) {
    if (!region[i] || seen[i]) continue;
    std::int64_t mass = 0;
    cells.clear();
    flood(region, width, height, i, seen, stack, [&](int x, int y, std::size_t cell) {
      mass += centrality(x, y, width, height);
      cells.push_back(cell);
    });
    if (mass > greatest) {
      greatest = mass;
      best.swap(cells);
    }
  }
  if (best.empty()) return piece;
  piece.assign(region.size(), 0);
  for (const std::size_t cell : best) piece[cell] = 255;
  // What can't be reached from the border is a hole.
  std::fill(seen.begin(), seen.end(), std::uint8_t{0});
  const auto from = [&](int x, int y) {
    const auto cell =
        static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
    if (!piece[cell] && !seen[cell])
      flood(piece, width, height, cell, seen, stack, [](int, int, std::size_t) {});
  };
  for (int x = 0; x < width; ++x) {
    from(x, 0);
    from(x, height - 1);
  }
  for (int y = 0; y < height; ++y) {
    from(0, y);
    from(width - 1, y);
  }
  for (std::size_t i = 0; i < piece.size(); ++i)
    if (!seen[i]) piece[i] = 255;
  return piece;
}

std::vector<int> box_sums(const std::vector<int>& values, int width, int height, int radius) {
  std::vector<int> across(values.size()), sums(values.size());
  const auto at = [&](int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
           static_cast<std::size_t>(x);
  };
  for (int y = 0; y < height; ++y) {
    int sum = 0;
    for (int k = -radius; k <= radius; ++k) sum += values[at(std::clamp(k, 0, width - 1), y)];
    for (int x = 0; x < width; ++x) {
      across[at(x, y)] = sum;
      sum += values[at(std::min(x + radius + 1, width - 1), y)] -
             values[at(std::max(x - radius, 0), y)];
    }
  }
  for (int x = 0; x < width; ++x) {
    int sum = 0;
    for (int k = -radius; k <= radius; ++k) sum += across[at(x, std::clamp(k, 0, height - 1))];
    for (int y = 0; y < height; ++y) {
      sums[at(x, y)] = sum;
      sum += across[at(x, std::min(y + radius + 1, height - 1))] -
             across[at(x, std::max(y - radius, 0))];
    }
  }
  return sums;
}

Search search_lesion(const ImageView& photo) {
  const Grid grid = make_grid(photo);
  Search search{grid.width, grid.height, {}};
  for (const int view : {0, 1}) search_view(grid, view, search.candidates);
  return search;
}

}  // namespace nevus::detail
