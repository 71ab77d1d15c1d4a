# Toolchain of the web preset: finds the Emscripten in use (Debian's, or a user's own emsdk) and
# adds what all our modules and OpenCV's static libraries must agree on.
if(DEFINED ENV{EMSDK} AND EXISTS "$ENV{EMSDK}/upstream/emscripten")
  set(_nevus_emscripten "$ENV{EMSDK}/upstream/emscripten")
else()
  find_program(_nevus_emcc emcc REQUIRED)
  file(REAL_PATH "${_nevus_emcc}" _nevus_emcc)
  cmake_path(GET _nevus_emcc PARENT_PATH _nevus_emscripten)
endif()
set(CMAKE_C_FLAGS_INIT "-msimd128 -fwasm-exceptions")
set(CMAKE_CXX_FLAGS_INIT "-msimd128 -fwasm-exceptions")
# Debian's emcc needs its acorn from here when it links at -O2 and above.
if(EXISTS /usr/share/nodejs/acorn)
  set(CMAKE_C_LINKER_LAUNCHER "${CMAKE_COMMAND};-E;env;NODE_PATH=/usr/share/nodejs")
  set(CMAKE_CXX_LINKER_LAUNCHER "${CMAKE_COMMAND};-E;env;NODE_PATH=/usr/share/nodejs")
endif()
include("${_nevus_emscripten}/cmake/Modules/Platform/Emscripten.cmake")
