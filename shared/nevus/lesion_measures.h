// What can be measured of a lesion's outline: asymmetry, border, colours, size. Measurements, no
// verdict: none of them feeds the decision, and each overlaps widely between harmless and malignant
// lesions. docs/lesion.md has sources and limits.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nevus/image.h"
#include "nevus/lesion.h"

namespace nevus {

/// The six colours that the ABCD rule of dermoscopy counts (Stolz et al., "ABCD rule of
/// dermatoscopy", Eur J Dermatol 4, 1994).
enum class LesionColour : std::size_t { white, red, light_brown, dark_brown, blue_grey, black };
inline constexpr std::size_t kLesionColours = 6;
/// A colour counts from this share of the lesion's area on.
inline constexpr double kLeastColourShare = 0.05;

struct LesionMeasures {
  /// Share of the area that finds no counterpart when the outline is mirrored on an axis through
  /// its centroid (Stoecker, Li & Moss, "Automatic detection of asymmetry in skin tumors", Comput
  /// Med Imaging Graph 16, 1992), mean of two axes at right angles; of 16 such pairs, beginning
  /// with the principal axes, the one with the least (as Stolz et al. lay them). 0 (mirror image)
  /// to 1. Shape only: colours and structures are not compared.
  double asymmetry = 0;
  /// The same for either axis, the smaller one first. 0 to 1.
  std::array<double, 2> asymmetry_axes{};
  /// perimeter^2 / (4 pi area): 1 for a circle, more the longer the border for its area (Golston,
  /// Stoecker, Moss & Dhillon, "Automatic detection of irregular borders in melanoma and other
  /// skin tumors", Comput Med Imaging Graph 16, 1992). >= 1.
  double compactness = 1;
  /// Area over the area of the convex hull: 1 without notches, less with them. 0 to 1.
  double solidity = 1;
  /// Shares of the lesion's area whose colour is nearest to each of the six, in CIELAB; what is
  /// nearest to the surrounding skin counts as none. 0 to 1 each, sum at most 1.
  std::array<double, kLesionColours> colours{};
  int colour_count = 0;  ///< colours with at least kLeastColourShare, 0 to 6
  double diameter = 0;   ///< the longest straight line between two points of it, pixels
  std::optional<double> diameter_mm;  ///< the same in millimetres, where the scale is given
};

/// @param outline  a simple polygon of at least 3 points, in pixels of the photo
/// @param mm_per_pixel  the photo's scale where it is known, > 0; others count as unknown
/// @return zeros where the outline encloses nothing
LesionMeasures measure_lesion(const ImageView& photo, std::span<const Point> outline,
                              std::optional<double> mm_per_pixel = std::nullopt);

enum class LesionMeasure { asymmetry, border, colours, diameter };

/// Stable words for files and tests ("asymmetry", "blue_grey").
std::string_view id(LesionMeasure measure);
std::string_view id(LesionColour colour);
/// What a measure means, in plain words; the same whatever its value.
std::string_view sentence(LesionMeasure measure);

}  // namespace nevus
