// The page's picture: photo, heat-map, outcome, figures. Draws a View; decides nothing.
#pragma once

#include <imgui.h>

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

/// What came of drawing.
struct Layout {
  float content_height = 0;  ///< CSS pixels
  float slot_x = 0, slot_y = 0,
        slot_width = 0;  ///< where the heat-map's controls go; width 0: nowhere
  bool choose_clicked = false;

  bool same_place(const Layout& other) const {
    return content_height == other.content_height && slot_x == other.slot_x &&
           slot_y == other.slot_y && slot_width == other.slot_width;
  }
};

Layout draw_scene(const Scene& scene);

}  // namespace nevus::app
