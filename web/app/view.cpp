// Reads the page's View from its JSON.

#include "view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace nevus::app {
namespace {

using nlohmann::json;

PageState parse_state(const std::string& text) {
  if (text == "ready") return PageState::ready;
  if (text == "analysing") return PageState::analysing;
  if (text == "answered") return PageState::answered;
  if (text == "failed") return PageState::failed;
  return PageState::loading;
}

Tone parse_tone(const std::string& text) {
  if (text == "amber") return Tone::amber;
  if (text == "indigo") return Tone::indigo;
  return Tone::grey;
}

std::optional<float> share(const json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || !found->is_number()) return std::nullopt;
  return std::clamp(found->get<float>(), 0.0f, 1.0f);
}

}  // namespace

View parse_view(std::string_view text) {
  const json source = json::parse(text);
  View view;
  view.state = parse_state(source.at("state").get<std::string>());
  view.tone = parse_tone(source.at("tone").get<std::string>());
  view.headline = source.at("headline").get<std::string>();
  view.paragraphs = source.at("paragraphs").get<std::vector<std::string>>();
  for (const json& entry : source.at("sections")) {
    Section section;
    section.title = entry.at("title").get<std::string>();
    section.note = entry.value("note", "");
    section.expert_slot = entry.value("slot", "") == "expert";
    for (const json& row : entry.at("rows"))
      section.rows.push_back({row.at("label").get<std::string>(),
                              row.at("value").get<std::string>(), share(row, "bar"),
                              share(row, "mark"), row.value("note", "")});
    view.sections.push_back(std::move(section));
  }
  view.caption = source.at("caption").get<std::string>();
  view.prompt = source.at("prompt").get<std::string>();
  view.footer = source.at("footer").get<std::string>();
  if (const json& crop = source.at("crop"); crop.is_object()) {
    view.crop_x = crop.at("x").get<float>();
    view.crop_y = crop.at("y").get<float>();
    view.crop_width = crop.at("width").get<float>();
    view.crop_height = crop.at("height").get<float>();
  }
  view.frame = source.at("frame").get<float>();
  const json& slots = source.at("slots");
  view.slots[kPhotoSlot] = slots.at("photo").get<float>();
  view.slots[kActionsSlot] = slots.at("actions").get<float>();
  view.slots[kExpertSlot] = slots.at("expert").get<float>();
  view.slots[kPictureSlot] = slots.at("picture").get<float>();
  view.heatmap_shown = source.at("heatmap").at("shown").get<bool>();
  view.heatmap_opacity = source.at("heatmap").at("opacity").get<float>();
  view.wipe = std::clamp(source.at("wipe").get<float>(), 0.0f, 1.0f);
  const json& zoom = source.at("zoom");
  view.zoom = std::clamp(zoom.at("scale").get<float>(), 1.0f, 100.0f);
  view.zoom_x = zoom.at("x").get<float>();
  view.zoom_y = zoom.at("y").get<float>();
  const json& outline = source.at("outline");
  view.outline = outline.at("points").get<std::vector<float>>();
  view.outline_shown = outline.at("shown").get<bool>();
  return view;
}

}  // namespace nevus::app
