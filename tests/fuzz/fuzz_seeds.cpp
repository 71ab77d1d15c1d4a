// Writes the fuzzers' first inputs, so that no binary file need be kept. usage: fuzz_seeds FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "../shared/encoded_bytes.h"
#include "../shared/encoded_jpeg.h"
#include "../shared/pictures.h"
#include "../shared/tiny_onnx.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
    return 2;
  }
  using namespace nevus::test;
  namespace fs = std::filesystem;
  int number = 0;
  const auto write = [&](const char* kind, const ByteString& bytes) {
    const fs::path folder = fs::path(argv[1]) / kind;
    fs::create_directories(folder);
    std::ofstream out(folder / std::to_string(number++), std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  };
  for (const auto& [name, bytes] : whole_files()) write("encoded", bytes);
  for (const bool big : {false, true}) write("encoded", jpeg({.orientation = 6, .big = big}));
  write("encoded", gif(2));
  write("encoded", png(40, 30, 2));
  write("jpeg", encoded(lesion_picture(61, 47)));
  write("jpeg", encoded(lesion_picture(61, 47, nevus::PixelFormat::gray), JCS_GRAYSCALE));
  write("package", tiny_model());
  write("package", tiny_model({.external_weight = true}));
  write("package", tiny_model({.subgraph = true}));
  const std::string json = nevus::to_json(tiny_package());
  write("package", {json.begin(), json.end()});
  for (std::uint8_t format = 0; format < 3; ++format) {
    write("pixels", {16, 0, 30, 0, format, 3, 9, 30});
    write("pixels", {255, 1, 200, 0, format, 0, 0, 60});
    write("pixels", {0, 0, 255, 1, format, 1, 192, 6});
  }
  return 0;
}
