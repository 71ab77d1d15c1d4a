// Where a lesion might be: candidate outlines of a photo, each with what can be measured of it.
// find_lesion() weighs them; bench/lesion_masks.cpp fits the weights.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nevus/image.h"

namespace nevus::detail {

/// The longer side of the grid that everything is searched on, cells.
inline constexpr int kLesionGrid = 128;

/// A region of the grid: 255 inside, 0 outside, row by row.
using Region = std::vector<std::uint8_t>;

/// Measurements of a candidate; p is its share of the grid, D the difference between the mean
/// depth inside and outside (depth: how much darker or browner than skin, 1/256 octave).
enum Feature : std::size_t {
  f_size,              ///< sqrt(p)
  f_area,              ///< p
  f_contrast,          ///< sqrt(D) / 10
  f_edge,              ///< difference between thin rings inside and outside the border, / 100
  f_edge_share,        ///< the same over D
  f_wide_edge,         ///< with wide rings, / 100
  f_wide_edge_share,   ///< the same over D
  f_touch,             ///< share of the photo's border inside
  f_central,           ///< mean centrality, 0 (corners) to 1 (centre)
  f_ragged,            ///< border length / sqrt(area) / 4
  f_filled,            ///< area over that of its closing
  f_uneven_inside,     ///< standard deviation of the depth inside over D
  f_uneven_outside,    ///< outside over D
  f_level,             ///< where the threshold lies between outside (0) and inside (1)
  f_rim_outside,       ///< the same of the thin ring outside
  f_wide_rim_outside,  ///< the same of the wide ring outside
  f_mass,              ///< share of all depth that lies inside
  f_only,              ///< area over that of everything beyond the threshold
  f_off_centre,        ///< distance of its centre from the photo's, in sides
  f_noise,             ///< standard deviation outside / 50
  f_skin_depth,        ///< mean depth outside / 50
  f_threshold,         ///< / 100
  f_view,              ///< 0: darkness, 1: colour
  f_growth,            ///< (area at the threshold before - area) / their sum
  f_shrinkage,         ///< (area - area at the next threshold) / their sum
  kFeatures
};

struct Candidate {
  Region region;  ///< without holes, one piece, slightly widened
  std::array<double, kFeatures> features{};
};

struct Search {
  int width = 0, height = 0;  ///< of the grid
  std::vector<Candidate> candidates;
};

/// Centrality of cell (x, y), 0 to 256, the same for all turns and mirror images.
int centrality(int x, int y, int width, int height);

/// The 4-connected piece of `region` with the greatest summed centrality, holes filled; empty if
/// there is none.
Region main_piece(const Region& region, int width, int height);

/// Sums over squares of 2 * radius + 1 cells a side, the border's cells repeated beyond it.
std::vector<int> box_sums(const std::vector<int>& values, int width, int height, int radius);

/// Candidates for the one lesion of a photo; none if there is nothing to see.
Search search_lesion(const ImageView& photo);

}  // namespace nevus::detail
