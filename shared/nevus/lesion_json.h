// The outline and its measures as JSON: `nevus predict --json` and the page's worker say the same.
#pragma once

#include <nlohmann/json.hpp>

#include "nevus/lesion.h"
#include "nevus/lesion_measures.h"

namespace nevus {

/// {"found": true, "outline": [[x, y], …], "area", "box": {"x", "y", "width", "height"}, "crop":
/// {…}, "confidence", "measures": {"asymmetry", "asymmetry_axes", "compactness", "solidity",
/// "colours": {"white": share, …}, "colour_count", "diameter_px", "diameter_mm" where known},
/// "sentences": {"asymmetry": "…", "border", "colours", "diameter"}}, or {"found": false, "issue":
/// {"id", "sentence"}}. Lengths in pixels of the photo, points rounded to 1/100.
nlohmann::json lesion_json(const Lesion& lesion, const LesionMeasures& measures);

}  // namespace nevus
