# Native and WebAssembly preprocessing, quality, heat-map and self-test: the same bytes. The native
# build makes the writer, the web build's ctest runs it and compares.
if(EMSCRIPTEN)
  set(NEVUS_NATIVE_BUILD "${CMAKE_SOURCE_DIR}/build/native" CACHE PATH
      "The native build whose programs the web build's parity tests run")
  include("${CMAKE_CURRENT_LIST_DIR}/../node_program.cmake")
  add_executable(preprocess_compare "${CMAKE_CURRENT_LIST_DIR}/preprocess_compare.cpp")
  target_link_libraries(preprocess_compare PRIVATE nevus::flags nevus::core)
  nevus_node_program(preprocess_compare)

  set(_pixels "${CMAKE_CURRENT_BINARY_DIR}/preprocess_pixels")
  add_test(NAME parity.preprocess.native
    COMMAND "${NEVUS_NATIVE_BUILD}/tests/parity/nevus_preprocess_write" "${_pixels}"
      "${NEVUS_DATA_DIR}/photos" "${CMAKE_SOURCE_DIR}/assets/samples")
  add_test(NAME parity.preprocess
    COMMAND ${NEVUS_NODE} $<TARGET_FILE:preprocess_compare> "${_pixels}")
  # Hundreds of megabytes of raw pixels: not left behind.
  add_test(NAME parity.preprocess.clean COMMAND "${CMAKE_COMMAND}" -E rm -rf "${_pixels}")
  set_tests_properties(parity.preprocess.native PROPERTIES FIXTURES_SETUP preprocess_pixels)
  set_tests_properties(parity.preprocess PROPERTIES FIXTURES_REQUIRED preprocess_pixels)
  set_tests_properties(parity.preprocess.clean PROPERTIES FIXTURES_CLEANUP preprocess_pixels)
  set_tests_properties(parity.preprocess.native parity.preprocess parity.preprocess.clean
    PROPERTIES LABELS parity TIMEOUT 600)
else()
  add_executable(nevus_preprocess_write "${CMAKE_CURRENT_LIST_DIR}/preprocess_write.cpp")
  target_include_directories(nevus_preprocess_write PRIVATE "${CMAKE_SOURCE_DIR}/native")
  target_link_libraries(nevus_preprocess_write PRIVATE nevus::flags nevus::core nevus_image_io)
endif()
