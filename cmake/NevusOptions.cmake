# Build options and the flags that every Nevus target gets (through nevus::flags).
option(NEVUS_TESTS "Build the tests" ON)
option(NEVUS_TORCH "Build the trainer (needs LibTorch); off: everything else" ON)
option(NEVUS_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(NEVUS_FUZZ "Build the libFuzzer targets (needs clang)" OFF)
set(NEVUS_DATA_DIR "${CMAKE_SOURCE_DIR}/../shared/data" CACHE PATH
    "Real photos for the tests that want them; such tests are skipped where it is absent")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(nevus_flags INTERFACE)
add_library(nevus::flags ALIAS nevus_flags)
target_compile_options(nevus_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
# Preprocessing must give the same bits everywhere: no fused multiply-add behind our back.
target_compile_options(nevus_flags INTERFACE -ffp-contract=off)
if(NEVUS_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

find_program(NEVUS_CCACHE ccache)
if(NEVUS_CCACHE AND NOT EMSCRIPTEN)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${NEVUS_CCACHE}")
endif()
