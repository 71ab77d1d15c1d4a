// First a cheap choice of neighbours for every photo, then a close look at each candidate pair.
#include "inspect/matching.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>
#include <opencv2/calib3d.hpp>
#include <opencv2/imgproc.hpp>
#include <set>
#include <thread>
#include <unordered_map>

#include "inspect/candidates.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NEVUS_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define NEVUS_CLONES
#endif

namespace nevus {
namespace {

// Neighbours to look at closely.
constexpr std::size_t kByLayout = 12, kByColor = 8, kByStructure = 24;
constexpr float kLayoutAlike = 0.93f;  // cosine from which two layouts may be copies
constexpr double kSamePicture = 0.85;  // correlation of the aligned pictures' details
constexpr int kGreatestDistance = 70;  // of two ORB descriptors, of 256 bits
constexpr double kRatio = 0.85;        // to the second best (Lowe, 2004)
constexpr std::size_t kTurnBins = 16, kTurnWindow = 4;  // a quarter of a turn holds them all

using Layout = std::array<float, kLayoutSize>;

// The layout of the picture turned and flipped: bit 0 flips columns, 1 flips rows, 2 transposes.
Layout turned(const Layout& layout, int how) {
  Layout out{};
  for (int i = 1; i < 64; ++i) {
    const int row = i / 8, column = i % 8;
    float value = layout[static_cast<std::size_t>(i - 1)];
    if ((how & 1) != 0 && column % 2 == 1) value = -value;
    if ((how & 2) != 0 && row % 2 == 1) value = -value;
    const int target = (how & 4) != 0 ? column * 8 + row : i;
    out[static_cast<std::size_t>(target - 1)] = value;
  }
  return out;
}

cv::Mat turned(const cv::Mat& picture, int how) {
  cv::Mat out = picture.clone();
  if ((how & 1) != 0) cv::flip(out, out, 1);
  if ((how & 2) != 0) cv::flip(out, out, 0);
  if ((how & 4) != 0) cv::transpose(out, out);
  return out;
}

// Pearson's correlation of two pictures' details.
double correlation(const cv::Mat& a, const cv::Mat& b) {
  cv::Mat result;
  cv::matchTemplate(a, b, result, cv::TM_CCOEFF_NORMED);
  const float value = result.at<float>(0, 0);
  return std::isfinite(value) ? value : 0;
}

NEVUS_CLONES void dot_all(const float* query, const float* rows, std::size_t count,
                          std::size_t size, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const float* row = rows + i * size;
    float sum = 0;
    for (std::size_t k = 0; k < size; ++k) sum += query[k] * row[k];
    out[i] = sum;
  }
}

// Distance and index in one number, so that a minimum finds both without a branch.
constexpr int kIndexBits = 10;
constexpr int kIndexMask = (1 << kIndexBits) - 1;

struct Nearest {
  int index, distance, second;  // second: the next nearest's distance
};

// For each descriptor of `a` its nearest of `b`, and for each of `b` the packed nearest of `a`.
// At most 1024 descriptors each; `row` has room for m.
NEVUS_CLONES void nearest_all(const std::uint64_t* a, int n, const std::uint64_t* b, int m,
                              int* row, Nearest* there, int* back) {
  for (int j = 0; j < m; ++j) back[j] = 512 << kIndexBits;
  for (int i = 0; i < n; ++i) {
    const std::uint64_t a0 = a[4 * i], a1 = a[4 * i + 1], a2 = a[4 * i + 2], a3 = a[4 * i + 3];
    for (int j = 0; j < m; ++j) {
      row[j] = __builtin_popcountll(a0 ^ b[4 * j]) + __builtin_popcountll(a1 ^ b[4 * j + 1]) +
               __builtin_popcountll(a2 ^ b[4 * j + 2]) + __builtin_popcountll(a3 ^ b[4 * j + 3]);
    }
    int best = 512 << kIndexBits;
    for (int j = 0; j < m; ++j) {
      best = std::min(best, (row[j] << kIndexBits) | j);
      back[j] = std::min(back[j], (row[j] << kIndexBits) | i);
    }
    int second = 512;
    row[best & kIndexMask] = 512;
    for (int j = 0; j < m; ++j) second = std::min(second, row[j]);
    there[i] = {best & kIndexMask, best >> kIndexBits, second};
  }
}

// Indices of the `count` greatest values but for `own`.
void greatest(const std::vector<float>& values, std::size_t own, std::size_t count,
              std::vector<std::size_t>& out) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  count = std::min(count + 1, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  for (std::size_t i = 0; i < count; ++i) {
    if (order[i] != own) out.push_back(order[i]);
  }
}

// Columns brought to the same spread, so that none rules the distances.
std::vector<float> scaled_colors(const std::vector<PhotoFeatures>& photos) {
  std::vector<float> out(photos.size() * kColorSize);
  for (std::size_t k = 0; k < kColorSize; ++k) {
    double sum = 0, squares = 0;
    for (const PhotoFeatures& photo : photos) {
      sum += photo.color[k];
      squares += static_cast<double>(photo.color[k]) * photo.color[k];
    }
    const auto n = static_cast<double>(std::max<std::size_t>(1, photos.size()));
    const double mean = sum / n;
    const double deviation = std::sqrt(std::max(1e-6, squares / n - mean * mean));
    for (std::size_t i = 0; i < photos.size(); ++i) {
      out[i * kColorSize + k] = static_cast<float>((photos[i].color[k] - mean) / deviation);
    }
  }
  return out;
}

}  // namespace

int common_structures(const PhotoFeatures& a, const PhotoFeatures& b) {
  const int n = a.descriptors.rows, m = b.descriptors.rows;
  if (n < 8 || m < 8) return 0;
  const auto* first = reinterpret_cast<const std::uint64_t*>(a.descriptors.data);
  const auto* second = reinterpret_cast<const std::uint64_t*>(b.descriptors.data);
  std::vector<Nearest> there(static_cast<std::size_t>(n));
  std::vector<int> back(static_cast<std::size_t>(m)), row(static_cast<std::size_t>(m));
  nearest_all(first, n, second, m, row.data(), there.data(), back.data());
  struct Match {
    int from, to;
    std::uint8_t turn;  // from one keypoint to the other, of a full turn in 256 steps
  };
  std::vector<Match> matches;
  std::array<int, kTurnBins> turns{};
  for (int i = 0; i < n; ++i) {
    const Nearest& match = there[static_cast<std::size_t>(i)];
    if (match.distance > kGreatestDistance || match.distance > kRatio * match.second ||
        (back[static_cast<std::size_t>(match.index)] & kIndexMask) != i) {
      continue;
    }
    const auto turn =
        static_cast<std::uint8_t>(b.poses[static_cast<std::size_t>(match.index)].turn -
                                  a.poses[static_cast<std::size_t>(i)].turn);
    matches.push_back({i, match.index, turn});
    ++turns[turn * kTurnBins / 256];
  }
  // One camera's turn is that of all of its structures, give or take; chance has any. What does not
  // agree would only keep RANSAC busy.
  std::size_t common = 0;
  int most = 0;
  for (std::size_t bin = 0; bin < kTurnBins; ++bin) {
    int sum = 0;
    for (std::size_t k = 0; k < kTurnWindow; ++k) sum += turns[(bin + k) % kTurnBins];
    if (sum > most) {
      most = sum;
      common = bin;
    }
  }
  if (most < 8) return 0;
  std::vector<cv::Point2f> from, to;
  for (const Match& match : matches) {
    if ((match.turn * kTurnBins / 256 + kTurnBins - common) % kTurnBins >= kTurnWindow) continue;
    from.push_back(a.keypoints[static_cast<std::size_t>(match.from)]);
    to.push_back(b.keypoints[static_cast<std::size_t>(match.to)]);
  }
  cv::Mat inliers;
  const cv::Mat map = cv::estimateAffine2D(from, to, inliers, cv::RANSAC, 5.0, 1000, 0.99, 5);
  if (map.empty()) return 0;
  // A camera turns, moves and zooms; sets squash 4:3 into a square. Nothing else is a photo of the
  // same skin.
  const cv::Matx22d linear(map.at<double>(0, 0), map.at<double>(0, 1), map.at<double>(1, 0),
                           map.at<double>(1, 1));
  cv::Vec2d stretch;
  cv::SVD::compute(linear, stretch, cv::SVD::NO_UV);
  if (cv::determinant(linear) <= 0 || stretch[0] > 3.5 || stretch[1] < 1 / 3.5 ||
      stretch[0] > 2.0 * stretch[1]) {
    return 0;
  }
  // Structures that lie on one spot say little.
  std::set<std::pair<int, int>> cells;
  for (int i = 0; i < inliers.rows; ++i) {
    if (inliers.at<std::uint8_t>(i) != 0) {
      const cv::Point2f& point = from[static_cast<std::size_t>(i)];
      cells.emplace(static_cast<int>(point.x / 6), static_cast<int>(point.y / 6));
    }
  }
  return static_cast<int>(cells.size());
}

std::vector<PhotoPair> find_pairs(const std::vector<PhotoFeatures>& photos, int threads,
                                  const std::function<bool(std::size_t)>& progress) {
  const std::size_t n = photos.size();
  std::vector<float> layouts(n * kLayoutSize);
  for (std::size_t i = 0; i < n; ++i) {
    std::copy(photos[i].layout.begin(), photos[i].layout.end(),
              layouts.begin() + static_cast<std::ptrdiff_t>(i * kLayoutSize));
  }
  const std::vector<float> colors = scaled_colors(photos);

  std::vector<PhotoPair> pairs;
  std::mutex mutex;
  std::set<std::pair<std::size_t, std::size_t>> candidates;
  std::atomic<std::size_t> next{0}, done{0};
  std::atomic<bool> stop{false};
  const auto report = [&](std::size_t count) {
    if (!progress) return;
    const std::lock_guard lock(mutex);
    if (!progress(count)) stop = true;
  };
  const auto each = [&](std::size_t count, const auto& work) {
    next = 0;
    std::vector<std::thread> workers;
    for (int t = 0; t < std::max(1, threads); ++t) {
      workers.emplace_back([&, t] {
        for (std::size_t i = next++; i < count && !stop; i = next++)
          work(i, static_cast<std::size_t>(t));
      });
    }
    for (std::thread& worker : workers) worker.join();
  };

  const StructureIndex structures(photos);
  std::vector<StructureIndex::Votes> votes;
  for (int t = 0; t < std::max(1, threads); ++t) votes.emplace_back(structures);
  each(n, [&](std::size_t i, std::size_t thread) {
    std::vector<float> values(n), best(n, -1.0f);
    std::vector<std::size_t> chosen;
    for (int how = 0; how < 8; ++how) {
      const Layout query = turned(photos[i].layout, how);
      dot_all(query.data(), layouts.data(), n, kLayoutSize, values.data());
      for (std::size_t k = 0; k < n; ++k) best[k] = std::max(best[k], values[k]);
    }
    greatest(best, i, kByLayout, chosen);
    // -|q - r|^2, less what is the same for all.
    const float* own = colors.data() + i * kColorSize;
    for (std::size_t k = 0; k < n; ++k) {
      const float* row = colors.data() + k * kColorSize;
      float sum = 0;
      for (std::size_t d = 0; d < kColorSize; ++d) sum -= (own[d] - row[d]) * (own[d] - row[d]);
      values[k] = sum;
    }
    greatest(values, i, kByColor, chosen);
    structures.nearest(i, kByStructure, votes[thread], chosen);
    {
      const std::lock_guard lock(mutex);
      for (const std::size_t k : chosen) candidates.emplace(std::min(i, k), std::max(i, k));
    }
    if (++done % 64 == 0) report(done / 2);
  });

  // The same pixels may be too many to be among the nearest of each other.
  std::unordered_map<std::string, std::size_t> first_with;
  for (std::size_t i = 0; i < n; ++i) {
    const auto [found, is_new] = first_with.emplace(photos[i].pixel_hash, i);
    if (!is_new) candidates.emplace(found->second, i);
  }

  const std::vector<std::pair<std::size_t, std::size_t>> list(candidates.begin(), candidates.end());
  done = 0;
  each(list.size(), [&](std::size_t at, std::size_t) {
    const auto [i, k] = list[at];
    const PhotoFeatures &a = photos[i], &b = photos[k];
    PhotoPair pair{i, k, Likeness::same_pixels, 1};
    bool alike = a.pixel_hash == b.pixel_hash || a.file_hash == b.file_hash;
    for (int how = 0; how < 8 && !alike; ++how) {
      const Layout query = turned(a.layout, how);
      float cosine = 0;
      dot_all(query.data(), b.layout.data(), 1, kLayoutSize, &cosine);
      if (cosine < kLayoutAlike) continue;
      pair.score = correlation(turned(a.details, how), b.details);
      pair.likeness = Likeness::same_picture;
      alike = pair.score >= kSamePicture;
    }
    if (!alike) {
      const int common = common_structures(a, b);
      pair.likeness = Likeness::same_lesion;
      pair.score = common;
      alike = common >= kSameLesionStructures;
    }
    if (alike) {
      const std::lock_guard lock(mutex);
      pairs.push_back(pair);
    }
    const std::size_t finished = ++done;
    if (finished % 512 == 0) report(n / 2 + finished * n / list.size() / 2);
  });
  std::sort(pairs.begin(), pairs.end(), [](const PhotoPair& a, const PhotoPair& b) {
    return std::pair(a.first, a.second) < std::pair(b.first, b.second);
  });
  return pairs;
}

}  // namespace nevus
