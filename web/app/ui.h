// The page's picture: photo, heat-map, outcome, figures. Draws a View; decides nothing.
#pragma once

#include <imgui.h>

#include <array>

#include "platform.h"
#include "theme.h"
#include "view.h"

namespace nevus::app {

struct Scene {
  View view;
  Texture photo;
  Texture heatmap;
  Fonts fonts;
  bool dark = false;
  float scroll = 0;  ///< CSS pixels of content above the canvas
};

/// Where controls of the DOM go: CSS pixels from the content's corner; width 0: nowhere. The
/// height is told for the picture alone.
struct Place {
  float x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Place&) const = default;
};

/// What came of drawing.
struct Layout {
  float content_height = 0;  ///< CSS pixels
  std::array<Place, kSlots> slots;
  bool choose_clicked = false;

  bool same_place(const Layout& other) const {
    return content_height == other.content_height && slots == other.slots;
  }
};

Layout draw_scene(const Scene& scene);

}  // namespace nevus::app
