// The browser under Dear ImGui: a WebGL 2 canvas at device resolution, mouse and touch, and frames
// drawn only when somebody asks for them. The page itself scrolls; keys belong to the DOM's
// controls.
#pragma once

#include <GLES3/gl3.h>
#include <emscripten/html5.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace nevus::app {

/// What the user interface gives the platform.
struct Callbacks {
  std::function<void()> density_changed;  ///< fonts must be drawn anew (between frames)
  std::function<void()> context_made;     ///< textures must be uploaded (again)
  std::function<void()> draw;             ///< inside a frame
};

class Platform {
 public:
  /// @param selector  CSS selector of the canvas
  /// @return false where there is no WebGL 2
  bool start(const char* selector, Callbacks callbacks);

  /// The canvas's size in CSS pixels and in device pixels, both > 0.
  void resize(float width, float height, int pixel_width, int pixel_height);

  /// Draws at least `count` frames from now on; ImGui needs a few to settle after an input.
  void request_frames(int count = 3);

  /// Device pixels a CSS pixel.
  float density() const { return density_; }
  /// Drawn since the start.
  int frames() const { return frames_; }
  /// What surrounds the content, 0xAABBGGRR.
  void set_background(std::uint32_t colour) { background_ = colour; }

 private:
  bool make_context();
  void register_input();
  void frame(double time);
  void pointer(float x, float y);
  void leave();

  const char* selector_ = nullptr;
  Callbacks callbacks_;
  EMSCRIPTEN_WEBGL_CONTEXT_HANDLE context_ = 0;
  float width_ = 0, height_ = 0, density_ = 0;
  int pixel_width_ = 0, pixel_height_ = 0;
  int wanted_ = 0;
  int frames_ = 0;
  bool scheduled_ = false;
  double last_time_ = 0;
  float touch_x_ = 0, touch_y_ = 0;
  std::uint32_t background_ = 0xffffffff;
};

/// An RGBA picture (straight alpha) on the graphics processor; keeps its pixels for lost contexts.
class Texture {
 public:
  struct Free {
    void operator()(std::uint8_t* memory) const;
  };
  /// Takes malloc'ed pixels over; null empties it.
  void set(std::uint8_t* pixels, int width, int height);
  /// After a new context: the old handle is void.
  void restore();

  bool empty() const { return !pixels_; }
  int width() const { return width_; }
  int height() const { return height_; }
  GLuint handle() const { return handle_; }

 private:
  void upload();

  std::unique_ptr<std::uint8_t, Free> pixels_;
  int width_ = 0, height_ = 0;
  GLuint handle_ = 0;
};

}  // namespace nevus::app
