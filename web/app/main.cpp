// nevus_app: the functions that web/ts/bridge.ts calls. Memory handed in is malloc'ed by the caller
// and belongs to this module from then on.

#include <emscripten/emscripten.h>
#include <imgui.h>

#include <cstdlib>
#include <exception>
#include <string_view>
#include <vector>

#include "platform.h"
#include "theme.h"
#include "ui.h"
#include "view.h"

EM_JS(void, nevus_choose, (), { Module['onChoose'](); });
EM_JS(void, nevus_layout, (float height), { Module['onLayout'](height); });
EM_JS(void, nevus_slot, (int slot, float x, float y, float width, float height),
      { Module['onSlot'](slot, x, y, width, height); });

namespace {

using namespace nevus::app;

struct App {
  Platform platform;
  Scene scene;
  Layout layout;
  std::vector<std::uint8_t> regular;
  std::vector<std::uint8_t> bold;
};

App& app() {
  static App instance;
  return instance;
}

void draw() {
  App& self = app();
  const Layout layout = draw_scene(self.scene);
  if (!layout.same_place(self.layout)) {
    nevus_layout(layout.content_height);
    for (int slot = 0; slot < kSlots; ++slot) {
      const Place& place = layout.slots[static_cast<std::size_t>(slot)];
      nevus_slot(slot, place.x, place.y, place.width, place.height);
    }
  }
  self.layout = layout;
  if (layout.choose_clicked) nevus_choose();
}

}  // namespace

extern "C" {

/// A TrueType file, before nevus_app_start.
EMSCRIPTEN_KEEPALIVE void nevus_app_font(int bold, std::uint8_t* bytes, int size) {
  auto& font = bold ? app().bold : app().regular;
  font.assign(bytes, bytes + size);
  std::free(bytes);
}

/// @return 0 where there is no WebGL 2
EMSCRIPTEN_KEEPALIVE int nevus_app_start() {
  ImGui::CreateContext();
  Callbacks callbacks;
  callbacks.density_changed = [] {
    App& self = app();
    self.scene.fonts = build_fonts(self.regular, self.bold, self.platform.density());
  };
  callbacks.context_made = [] {
    app().scene.photo.restore();
    app().scene.heatmap.restore();
  };
  callbacks.draw = draw;
  return app().platform.start("#canvas", std::move(callbacks)) ? 1 : 0;
}

/// The canvas's size in CSS pixels and in device pixels.
EMSCRIPTEN_KEEPALIVE void nevus_app_resize(float width, float height, int pixel_width,
                                           int pixel_height) {
  app().platform.resize(width, height, pixel_width, pixel_height);
}

/// CSS pixels of content that the page has scrolled past.
EMSCRIPTEN_KEEPALIVE void nevus_app_scroll(float y) {
  if (app().scene.scroll == y) return;
  app().scene.scroll = y;
  app().platform.request_frames(1);
}

EMSCRIPTEN_KEEPALIVE void nevus_app_theme(int dark) {
  app().scene.dark = dark != 0;
  app().platform.set_background(palette(app().scene.dark).page);
  app().platform.request_frames(1);
}

/// web/ts/view.ts's View as NUL-terminated JSON; one that can't be read is not shown.
EMSCRIPTEN_KEEPALIVE void nevus_app_view(char* json) {
  try {
    app().scene.view = parse_view(json);
  } catch (const std::exception& error) {
    app().scene.view = View{};
    app().scene.view.headline = error.what();
  }
  std::free(json);
  app().platform.request_frames(1);
}

/// RGBA; null: no photo.
EMSCRIPTEN_KEEPALIVE void nevus_app_photo(std::uint8_t* pixels, int width, int height) {
  app().scene.photo.set(pixels, width, height);
  app().platform.request_frames(1);
}

/// RGBA with straight alpha, over the view's crop; null: none.
EMSCRIPTEN_KEEPALIVE void nevus_app_heatmap(std::uint8_t* pixels, int width, int height) {
  app().scene.heatmap.set(pixels, width, height);
  app().platform.request_frames(1);
}

/// Frames drawn since the start.
EMSCRIPTEN_KEEPALIVE int nevus_app_frames() {
  return app().platform.frames();
}

}  // extern "C"
