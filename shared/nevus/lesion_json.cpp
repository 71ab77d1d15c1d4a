// The outline and its measures as JSON.
#include "nevus/lesion_json.h"

#include <cmath>

namespace nevus {
namespace {

using nlohmann::json;

json rect_json(const Rect& rect) {
  return {{"x", rect.x}, {"y", rect.y}, {"width", rect.width}, {"height", rect.height}};
}

double hundredths(double value) {
  return std::floor(value * 100 + 0.5) / 100;
}

}  // namespace

json lesion_json(const Lesion& lesion, const LesionMeasures& measures) {
  if (lesion.issue) {
    return {{"found", false},
            {"issue", {{"id", id(*lesion.issue)}, {"sentence", sentence(*lesion.issue)}}}};
  }
  json outline = json::array();
  for (const Point& p : lesion.outline)
    outline.push_back(json::array({hundredths(p.x), hundredths(p.y)}));
  json colours = json::object();
  for (std::size_t k = 0; k < kLesionColours; ++k)
    colours[std::string(id(static_cast<LesionColour>(k)))] = measures.colours[k];
  json values{{"asymmetry", measures.asymmetry},
              {"asymmetry_axes", measures.asymmetry_axes},
              {"compactness", measures.compactness},
              {"solidity", measures.solidity},
              {"colours", colours},
              {"colour_count", measures.colour_count},
              {"diameter_px", measures.diameter}};
  if (measures.diameter_mm) values["diameter_mm"] = *measures.diameter_mm;
  json sentences = json::object();
  for (const auto measure : {LesionMeasure::asymmetry, LesionMeasure::border,
                             LesionMeasure::colours, LesionMeasure::diameter})
    sentences[std::string(id(measure))] = sentence(measure);
  return {{"found", true},
          {"outline", outline},
          {"area", lesion.area},
          {"box", rect_json(lesion.box)},
          {"crop", rect_json(lesion.crop)},
          {"confidence", lesion.confidence},
          {"measures", values},
          {"sentences", sentences}};
}

}  // namespace nevus
