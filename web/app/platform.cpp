// The browser under Dear ImGui, by Emscripten's html5.h.

#include "platform.h"

#include <emscripten/emscripten.h>
#include <imgui.h>
#include <imgui_impl_opengl3.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

EM_JS(void, nevus_set_cursor, (int hand),
      { Module['canvas'].style.cursor = hand ? 'pointer' : 'default'; });

namespace nevus::app {
namespace {

constexpr float kNowhere = -3.402823466e38f;  // -FLT_MAX: ImGui's "no mouse"
constexpr float kTapRadius = 10;              // CSS pixels that a finger may slip and still tap

}  // namespace

bool Platform::start(const char* selector, Callbacks callbacks) {
  selector_ = selector;
  callbacks_ = std::move(callbacks);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.BackendPlatformName = "nevus";
  io.BackendFlags |= ImGuiBackendFlags_HasMouseCursors;
  io.AddMousePosEvent(kNowhere, kNowhere);
  if (!make_context()) return false;
  register_input();
  return true;
}

bool Platform::make_context() {
  EmscriptenWebGLContextAttributes attributes;
  emscripten_webgl_init_context_attributes(&attributes);
  attributes.majorVersion = 2;
  attributes.minorVersion = 0;
  attributes.alpha = false;
  attributes.depth = false;
  attributes.stencil = false;
  attributes.antialias = false;  // ImGui smooths its own edges
  attributes.powerPreference = EM_WEBGL_POWER_PREFERENCE_LOW_POWER;
  context_ = emscripten_webgl_create_context(selector_, &attributes);
  if (context_ <= 0) return false;
  emscripten_webgl_make_context_current(context_);
  return ImGui_ImplOpenGL3_Init("#version 300 es");
}

void Platform::resize(float width, float height, int pixel_width, int pixel_height) {
  width_ = width;
  height_ = height;
  pixel_width_ = pixel_width;
  pixel_height_ = pixel_height;
  emscripten_set_canvas_element_size(selector_, pixel_width, pixel_height);
  // Rounding of the pixel sizes must not look like a change of density.
  const float density =
      std::clamp(std::round(static_cast<float>(pixel_width) / width * 20) / 20, 0.5f, 4.0f);
  if (density != density_) {
    density_ = density;
    callbacks_.density_changed();
    ImGui_ImplOpenGL3_DestroyFontsTexture();
    ImGui_ImplOpenGL3_CreateFontsTexture();
  }
  // A resized canvas is blank until it is drawn, so draw before the browser shows it.
  wanted_ = std::max(wanted_, 1);
  frame(emscripten_get_now());
  request_frames();
}

void Platform::request_frames(int count) {
  wanted_ = std::max(wanted_, count);
  if (scheduled_ || density_ == 0) return;
  scheduled_ = true;
  emscripten_request_animation_frame(
      [](double time, void* self) -> EM_BOOL {
        auto& platform = *static_cast<Platform*>(self);
        platform.scheduled_ = false;
        platform.frame(time);
        if (platform.wanted_ > 0) platform.request_frames(platform.wanted_);
        return EM_FALSE;
      },
      this);
}

void Platform::frame(double time) {
  if (density_ == 0 || emscripten_is_webgl_context_lost(context_)) {
    wanted_ = 0;
    return;
  }
  wanted_ = std::max(0, wanted_ - 1);
  frames_ += 1;
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {width_, height_};
  io.DisplayFramebufferScale = {static_cast<float>(pixel_width_) / width_,
                                static_cast<float>(pixel_height_) / height_};
  io.DeltaTime = static_cast<float>(std::clamp((time - last_time_) / 1000, 0.001, 0.1));
  last_time_ = time;
  ImGui_ImplOpenGL3_NewFrame();
  ImGui::NewFrame();
  callbacks_.draw();
  ImGui::Render();
  nevus_set_cursor(ImGui::GetMouseCursor() == ImGuiMouseCursor_Hand);
  glViewport(0, 0, pixel_width_, pixel_height_);
  const auto channel = [&](int shift) {
    return static_cast<float>((background_ >> shift) & 0xff) / 255;
  };
  glClearColor(channel(0), channel(8), channel(16), 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
}

void Platform::pointer(float x, float y) {
  ImGui::GetIO().AddMousePosEvent(x, y);
  request_frames();
}

void Platform::leave() {
  // Away first, then up: nothing under the pointer takes it for a click.
  ImGuiIO& io = ImGui::GetIO();
  io.AddMousePosEvent(kNowhere, kNowhere);
  io.AddMouseButtonEvent(0, false);
  request_frames(4);
}

void Platform::register_input() {
  using Mouse = EmscriptenMouseEvent;
  using Touch = EmscriptenTouchEvent;
  const auto platform = [](void* self) -> Platform& { return *static_cast<Platform*>(self); };
  static const auto self_of = platform;

  const auto on_move = [](int, const Mouse* event, void* self) -> EM_BOOL {
    ImGui::GetIO().AddMouseSourceEvent(ImGuiMouseSource_Mouse);
    self_of(self).pointer(static_cast<float>(event->targetX), static_cast<float>(event->targetY));
    return EM_FALSE;
  };
  const auto on_down = [](int, const Mouse* event, void* self) -> EM_BOOL {
    self_of(self).pointer(static_cast<float>(event->targetX), static_cast<float>(event->targetY));
    if (event->button == 0) ImGui::GetIO().AddMouseButtonEvent(0, true);
    return EM_FALSE;
  };
  const auto on_up = [](int, const Mouse* event, void* self) -> EM_BOOL {
    if (event->button == 0) ImGui::GetIO().AddMouseButtonEvent(0, false);
    self_of(self).request_frames(4);
    return EM_FALSE;
  };
  const auto on_leave = [](int, const Mouse*, void* self) -> EM_BOOL {
    self_of(self).leave();
    return EM_FALSE;
  };
  emscripten_set_mousemove_callback(selector_, this, false, on_move);
  emscripten_set_mousedown_callback(selector_, this, false, on_down);
  emscripten_set_mouseup_callback(EMSCRIPTEN_EVENT_TARGET_WINDOW, this, false, on_up);
  emscripten_set_mouseleave_callback(selector_, this, false, on_leave);

  // A finger that stays is a tap or a hold; one that moves scrolls the page, which cancels the
  // touch.
  emscripten_set_touchstart_callback(
      selector_, this, false, [](int, const Touch* event, void* self) -> EM_BOOL {
        Platform& target = self_of(self);
        if (event->numTouches != 1) {
          target.leave();
          return EM_FALSE;
        }
        target.touch_x_ = static_cast<float>(event->touches[0].targetX);
        target.touch_y_ = static_cast<float>(event->touches[0].targetY);
        ImGui::GetIO().AddMouseSourceEvent(ImGuiMouseSource_TouchScreen);
        target.pointer(target.touch_x_, target.touch_y_);
        ImGui::GetIO().AddMouseButtonEvent(0, true);
        target.request_frames(4);
        return EM_FALSE;
      });
  emscripten_set_touchmove_callback(
      selector_, this, false, [](int, const Touch* event, void* self) -> EM_BOOL {
        Platform& target = self_of(self);
        const float dx = static_cast<float>(event->touches[0].targetX) - target.touch_x_;
        const float dy = static_cast<float>(event->touches[0].targetY) - target.touch_y_;
        if (std::hypot(dx, dy) > kTapRadius) target.leave();
        return EM_FALSE;
      });
  emscripten_set_touchend_callback(selector_, this, false,
                                   [](int, const Touch*, void* self) -> EM_BOOL {
                                     ImGuiIO& io = ImGui::GetIO();
                                     io.AddMouseButtonEvent(0, false);
                                     io.AddMousePosEvent(kNowhere, kNowhere);
                                     self_of(self).request_frames(6);
                                     return EM_TRUE;  // no mouse events made up from this touch
                                   });
  emscripten_set_touchcancel_callback(selector_, this, false,
                                      [](int, const Touch*, void* self) -> EM_BOOL {
                                        self_of(self).leave();
                                        return EM_FALSE;
                                      });

  emscripten_set_webglcontextlost_callback(
      selector_, this, false, [](int, const void*, void*) -> EM_BOOL { return EM_TRUE; });
  emscripten_set_webglcontextrestored_callback(selector_, this, false,
                                               [](int, const void*, void* self) -> EM_BOOL {
                                                 Platform& target = self_of(self);
                                                 ImGui_ImplOpenGL3_Shutdown();
                                                 ImGui_ImplOpenGL3_Init("#version 300 es");
                                                 target.callbacks_.context_made();
                                                 target.request_frames();
                                                 return EM_TRUE;
                                               });
}

void Texture::Free::operator()(std::uint8_t* memory) const {
  std::free(memory);
}

void Texture::set(std::uint8_t* pixels, int width, int height) {
  pixels_.reset(pixels);
  width_ = pixels ? width : 0;
  height_ = pixels ? height : 0;
  if (handle_ != 0) glDeleteTextures(1, &handle_);
  handle_ = 0;
  if (pixels_) upload();
}

void Texture::restore() {
  handle_ = 0;
  if (pixels_) upload();
}

void Texture::upload() {
  glGenTextures(1, &handle_);
  glBindTexture(GL_TEXTURE_2D, handle_);
  glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, width_, height_, 0, GL_RGBA, GL_UNSIGNED_BYTE,
               pixels_.get());
  // Photos are shown smaller than they are: mip-maps keep them free of moiré.
  glGenerateMipmap(GL_TEXTURE_2D);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
}

}  // namespace nevus::app
