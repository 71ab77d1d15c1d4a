// Where the lesion is: its outline, as far as a look at colours can tell. A measurement aid, no
// judgement; docs/lesion.md says how it works and how well.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "nevus/image.h"
#include "nevus/preprocess.h"

namespace nevus {

/// In pixels of the photo from its upper left corner; the first pixel's centre is (0.5, 0.5).
struct Point {
  double x = 0, y = 0;

  bool operator==(const Point&) const = default;
};

/// Why there is no outline.
enum class OutlineIssue { too_small, too_narrow, nothing_stands_out, unclear };

struct Lesion {
  std::optional<OutlineIssue> issue;  ///< empty: there is an outline
  /// A closed polygon without holes that doesn't cross itself, clockwise as seen, within the photo;
  /// the last point joins the first. 4 to some hundreds of points, empty where there is an issue.
  std::vector<Point> outline;
  double area = 0;        ///< share of the photo, 0 to 1
  Rect box;               ///< the least upright rectangle of whole pixels around the outline
  Rect crop;              ///< a square around the lesion with some skin, inside the photo
  double confidence = 0;  ///< how far the candidate outlines agree (mean Dice overlap), 0 to 1

  bool found() const { return !issue; }
};

/// Finds the one lesion that the photo is of. Of several spots it takes the most central one.
/// Works on a reduced copy (longer side 128), so details below 1 % of the photo are lost.
Lesion find_lesion(const ImageView& photo);

/// What was found on a photo that had been decoded `factor` times smaller, in the pixels of the
/// whole one, which has width x height of them.
Lesion enlarged(Lesion lesion, int factor, int width, int height);

/// A stable word for files and tests ("nothing_stands_out").
std::string_view id(OutlineIssue issue);
/// The reason in plain words.
std::string_view sentence(OutlineIssue issue);

}  // namespace nevus
