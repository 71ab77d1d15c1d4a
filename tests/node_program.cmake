# A test program in WebAssembly that runs under Node with the real file system.
find_program(NEVUS_NODE_EXECUTABLE NAMES node nodejs REQUIRED)
# Node's own fetch makes Emscripten 3.1's loader mistake Node for a browser.
set(NEVUS_NODE "${NEVUS_NODE_EXECUTABLE}" --no-experimental-fetch)

function(nevus_node_program target)
  # The suffix tells Node that it is CommonJS, whatever package.json lies above it.
  set_target_properties(${target} PROPERTIES SUFFIX .cjs)
  # -O1 for the tests' own code: in large optimised functions, binaryen of Emscripten 3.1.6 stumbles over
  # exception tables ("exceptionTargetNames.empty()"); in which ones depends even on __FILE__'s length.
  target_compile_options(${target} PRIVATE -O1)
  # -O1: whole-program optimisation would take a minute a link and test nothing more.
  target_link_options(${target} PRIVATE -O1 -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1
    -sINITIAL_MEMORY=67108864 -sENVIRONMENT=node)
endfunction()
