# Where every third-party part comes from: scripts/setup.sh writes their places to
# build/deps.cmake; a variable given on the command line wins over it.
include("${CMAKE_SOURCE_DIR}/build/deps.cmake" OPTIONAL RESULT_VARIABLE _nevus_deps)
if(NOT _nevus_deps)
  message(FATAL_ERROR "build/deps.cmake is missing: run scripts/setup.sh first")
endif()

find_package(Threads REQUIRED)
if(EMSCRIPTEN)
  set(OpenCV_DIR "${NEVUS_OPENCV_WASM_DIR}")
  find_package(OpenCV 4 REQUIRED COMPONENTS core imgproc NO_CMAKE_FIND_ROOT_PATH)
  add_library(nevus_header_only INTERFACE)
  target_include_directories(nevus_header_only SYSTEM INTERFACE "${NEVUS_HEADERS_WASM_DIR}")
  add_library(JPEG::JPEG STATIC IMPORTED)
  set_target_properties(JPEG::JPEG PROPERTIES
    IMPORTED_LOCATION "${NEVUS_JPEG_WASM_DIR}/lib/libjpeg.a"
    INTERFACE_INCLUDE_DIRECTORIES "${NEVUS_JPEG_WASM_DIR}/include")
else()
  find_package(OpenCV 4 REQUIRED COMPONENTS core imgproc imgcodecs)
  find_package(JPEG REQUIRED)
  find_package(nlohmann_json REQUIRED)
  add_library(nevus_header_only INTERFACE)  # protozero lies in the system's include path
  target_link_libraries(nevus_header_only INTERFACE nlohmann_json::nlohmann_json)

  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(tomlplusplus REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(brotlienc REQUIRED IMPORTED_TARGET libbrotlienc)
  pkg_check_modules(httplib REQUIRED IMPORTED_TARGET cpp-httplib)  # Debian ships no CMake file

  add_library(nevus_onnxruntime SHARED IMPORTED)
  add_library(nevus::onnxruntime ALIAS nevus_onnxruntime)
  set_target_properties(nevus_onnxruntime PROPERTIES
    IMPORTED_LOCATION "${NEVUS_ONNXRUNTIME_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${NEVUS_ONNXRUNTIME_INCLUDE}")

  if(NEVUS_TORCH)
    list(APPEND CMAKE_PREFIX_PATH "${NEVUS_TORCH_PREFIX}")
    find_package(Torch REQUIRED)
    add_library(nevus_torch INTERFACE)
    target_include_directories(nevus_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
    target_link_libraries(nevus_torch INTERFACE ${TORCH_LIBRARIES})
  endif()
endif()

if(NEVUS_TESTS)
  if(EMSCRIPTEN)
    set(INSTALL_GTEST OFF CACHE BOOL "" FORCE)
    add_subdirectory("${NEVUS_GTEST_SRC}" googletest EXCLUDE_FROM_ALL)
    if(NOT TARGET GTest::gtest_main)
      add_library(GTest::gtest_main ALIAS gtest_main)
      add_library(GTest::gmock ALIAS gmock)
    endif()
  else()
    find_package(GTest REQUIRED)
  endif()
endif()
