// What the page wants shown: web/ts/view.ts's View, read from its JSON.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nevus::app {

enum class PageState { loading, ready, analysing, answered, failed };
enum class Tone { amber, indigo, grey };

struct Row {
  std::string label;
  std::string value;
  std::optional<float> bar;   ///< 0..1
  std::optional<float> mark;  ///< 0..1
  std::string note;           ///< small, under it; or empty
};

struct Section {
  std::string title;
  std::vector<Row> rows;
  std::string note;
  bool expert_slot = false;  ///< room for the expert controls above the rows
};

/// Room that the canvas leaves for controls of the DOM.
enum Slot { kPhotoSlot, kActionsSlot, kExpertSlot, kPictureSlot, kSlots };

struct View {
  PageState state = PageState::loading;
  Tone tone = Tone::indigo;
  std::string headline;
  std::vector<std::string> paragraphs;
  std::vector<Section> sections;
  std::string caption;  ///< under the photo
  std::string prompt;   ///< on the drop card after a failure
  std::string footer;
  /// The square that the network saw, in shares of the photo's width and height.
  float crop_x = 0, crop_y = 0, crop_width = 1, crop_height = 1;
  float frame = 0;                    ///< width : height of the photo that is being opened; 0: none
  std::array<float, kSlots> slots{};  ///< heights, CSS pixels; 0: not there
  bool heatmap_shown = false;
  float heatmap_opacity = 0.6f;  ///< 0..1
  float wipe = 0;                ///< share of the picture's width, from the left, without marks
  /// What of the photo is seen: 1 / scale of each side, around (zoom_x, zoom_y) in its shares.
  float zoom = 1, zoom_x = 0.5f, zoom_y = 0.5f;
  std::vector<float> outline;  ///< of the lesion: x and y in turn, in shares of the photo
  bool outline_shown = false;
};

/// @throws nlohmann::json::exception when the text isn't a View
View parse_view(std::string_view json);

}  // namespace nevus::app
