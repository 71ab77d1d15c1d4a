# Turns text files into C++ string constants: cmake -DOUT=… -DNAMES=a;b -DFILES=x;y -P EmbedText.cmake
set(code "// Made by EmbedText.cmake; do not edit.\n#include \"report/embedded.h\"\n\nnamespace nevus::embedded {\n")
foreach(name file IN ZIP_LISTS NAMES FILES)
  file(READ "${file}" text)
  string(APPEND code "const std::string_view ${name} = R\"nevus-text(${text})nevus-text\";\n")
endforeach()
string(APPEND code "}  // namespace nevus::embedded\n")
file(WRITE "${OUT}" "${code}")
