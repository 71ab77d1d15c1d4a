// Put before Dear ImGui's OpenGL backend (imgui_impl_opengl3.cpp), which asks the context for its
// state on every frame in order to restore it. In a browser each such question waits for the
// graphics process: up to 100 ms a frame while the worker keeps the machine busy. Nobody else draws
// here, so it may restore WebGL's initial state without asking.
#pragma once

#include <GLES3/gl3.h>

namespace nevus::app {

inline void initial_integer(GLenum name, GLint* value) {
  switch (name) {
    case GL_MAJOR_VERSION:
      *value = 3;
      break;
    case GL_ACTIVE_TEXTURE:
      *value = GL_TEXTURE0;
      break;
    case GL_BLEND_SRC_RGB:
    case GL_BLEND_SRC_ALPHA:
      *value = GL_ONE;
      break;
    case GL_BLEND_EQUATION_RGB:
    case GL_BLEND_EQUATION_ALPHA:
      *value = GL_FUNC_ADD;
      break;
    case GL_VIEWPORT:
    case GL_SCISSOR_BOX:
      value[0] = value[1] = value[2] = value[3] = 0;
      break;
    default:
      *value = 0;
      break;  // nothing bound, GL_ZERO, no extension
  }
}

}  // namespace nevus::app

#define glGetIntegerv nevus::app::initial_integer
#define glIsEnabled(capability) GL_FALSE
