// Lays one photo of a spot over another of the same spot, so that two dates can be looked at side
// by side. An aid for the eye, no judgement; docs/registration.md says how it works and how well.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "nevus/image.h"
#include "nevus/lesion.h"

namespace nevus {

/// A turn, a scale and a shift; never a mirror image. In pixels, as Point has them:
/// x' = a x - b y + tx, y' = b x + a y + ty.
struct Similarity {
  double a = 1, b = 0, tx = 0, ty = 0;

  Point operator()(const Point& p) const;
  double scale() const;    ///< > 0
  double degrees() const;  ///< clockwise as seen, -180 to 180
  Similarity inverse() const;

  bool operator==(const Similarity&) const = default;
};

/// Why there is no alignment.
enum class RegistrationIssue { too_small, nothing_to_align, no_match };

struct Registration {
  std::optional<RegistrationIssue> issue;  ///< empty: the photos are aligned
  /// Takes a point of the moving photo to its place in the fixed one. With `no_match` the best that
  /// was found, if anything was; with another issue nothing.
  Similarity transform;
  /// How alike the photos are around the spot when they are laid over each other centre on centre,
  /// and when they are aligned: zero-mean normalised cross-correlation of brightness, -1 to 1.
  double before = 0, after = 0;
  /// The same after alignment of what is finer than the spot as a whole (its edge, texture, hairs,
  /// neighbours): what tells this spot from another one that is as dark. -1 to 1.
  double detail = 0;

  bool aligned() const { return !issue; }
};

/// From this `detail` on, two photos count as photos of the same spot (docs/registration.md).
inline constexpr double kLeastDetail = 0.45;

/// Aligns `moving` to `fixed`. Starts from the two outlines' centroids and areas, at every turn;
/// each start is refined by Gauss-Newton on the brightness of reduced copies (longer side 32 to
/// 256), with gain and offset free: forward additive Lucas-Kanade (Baker & Matthews, "Lucas-Kanade
/// 20 years on: a unifying framework", Int J Comput Vis 56, 2004), the photometric part as in
/// Bartoli, "Groupwise geometric and photometric direct image registration", IEEE Trans Pattern
/// Anal Mach Intell 30, 2008.
///
/// A spot that grew evenly and a photo from nearer look the same to it: the scale is no measure of
/// growth.
/// @param fixed_outline, moving_outline  in pixels of their photo; empty where there is none: then
///        the photo's middle stands for it
Registration register_photos(const ImageView& fixed, std::span<const Point> fixed_outline,
                             const ImageView& moving, std::span<const Point> moving_outline);

/// A stable word for files and tests ("no_match").
std::string_view id(RegistrationIssue issue);
/// The reason in plain words.
std::string_view sentence(RegistrationIssue issue);

}  // namespace nevus
