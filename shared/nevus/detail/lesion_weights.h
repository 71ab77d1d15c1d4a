// The weights of a candidate outline's features, as `lesion_masks fit` (bench/) prints them from
// the even-numbered masks of HAM10000.
#pragma once

#include <array>

#include "nevus/detail/lesion_search.h"

namespace nevus::detail {

/// A feature, clipped to `low` to `high`, times `weight` adds to a candidate's merit. An e-th of
/// the odds lies between candidates whose merits differ by one.
struct Weight {
  double low, high, weight;
};

inline constexpr std::array<Weight, kFeatures> kWeights{{
    {-0.1756, 0.9485, 3.94},    // f_size
    {-0.2996, 0.6685, 2.115},   // f_area
    {0.6782, 2.117, -1.128},    // f_contrast
    {-0.4553, 1.779, 1.09},     // f_edge
    {-0.1026, 0.7481, 5.83},    // f_edge_share
    {-0.2425, 3.153, 1.173},    // f_wide_edge
    {0.1645, 1.277, 8.783},     // f_wide_edge_share
    {-0.1838, 0.2322, -14.64},  // f_touch
    {0.4272, 1.205, 7.37},      // f_central
    {0.4947, 2.349, -0.9458},   // f_ragged
    {0.763, 1.055, 2.393},      // f_filled
    {-0.6419, 1.189, -0.3429},  // f_uneven_inside
    {-0.1949, 0.5907, -2.298},  // f_uneven_outside
    {-0.1992, 1.336, -1.769},   // f_level
    {-0.2436, 1.06, -2.991},    // f_rim_outside
    {-0.2738, 0.6697, -4.818},  // f_wide_rim_outside
    {-0.2454, 1.411, 4.034},    // f_mass
    {0.4006, 1.435, 0.3772},    // f_only
    {-0.1538, 0.3554, -20.45},  // f_off_centre
    {-0.4547, 1.946, -1.155},   // f_noise
    {-0.7356, 1.433, -0.5841},  // f_skin_depth
    {-1.011, 3.747, -0.7857},   // f_threshold
    {-0.9958, 2.004, 0.1062},   // f_view
    {-0.2272, 0.4491, -10.52},  // f_growth
    {-0.2272, 0.4491, -3.848},  // f_shrinkage
}};

}  // namespace nevus::detail
