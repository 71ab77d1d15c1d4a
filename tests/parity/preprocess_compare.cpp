// WebAssembly half of the preprocessing parity test: computes from the same pixels what the native
// core computed, in every pixel format that a decoder may hand over, decodes the same JPEGs at
// every size, and wants the very same bytes. usage: preprocess_compare FOLDER
#include <cstdio>
#include <sstream>

#include "../shared/pictures.h"
#include "preprocess_results.h"

using namespace nevus;
using namespace nevus::test;

namespace {

int differences = 0;

void compare(const std::string& stem, const std::string& picture, const NamedBytes& results,
             bool same_format = true) {
  std::ifstream list(stem + ".results");
  std::vector<std::string> names;
  for (std::string name; std::getline(list, name);) names.push_back(name);
  if (names.size() != results.size()) {
    std::printf("%s: %zu results natively, %zu here\n", picture.c_str(), names.size(),
                results.size());
    ++differences;
    return;
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto& [name, bytes] = results[i];
    std::vector<std::uint8_t> expected;
    if (name != names[i] || !read_bytes(stem + "." + std::to_string(i), expected)) {
      std::printf("%s: %s can't be read\n", picture.c_str(), name.c_str());
      ++differences;
      continue;
    }
    if (bytes == expected) continue;
    std::size_t differing = 0;
    for (std::size_t b = 0; b < std::min(bytes.size(), expected.size()); ++b) {
      differing += bytes[b] != expected[b];
    }
    std::printf("%s%s: %s differs in %zu of %zu bytes\n", picture.c_str(),
                same_format ? "" : " as RGBA", name.c_str(), differing, expected.size());
    ++differences;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: preprocess_compare FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  compare(folder + "/self", "self-test", self_test_results());
  std::ifstream index(folder + "/index.txt");
  int pictures = 0, jpegs = 0;
  for (std::string line; std::getline(index, line);) {
    std::istringstream words(line);
    int number = 0, width = 0, height = 0, cn = 0;
    std::string name;
    words >> number >> width >> height >> cn >> name;
    const std::string stem = folder + "/" + std::to_string(number);
    Image image(width, height, static_cast<PixelFormat>(cn));
    std::vector<std::uint8_t> pixels;
    if (!words || !read_bytes(stem + ".pixels", pixels) || pixels.size() != image.pixels.size()) {
      std::printf("%s: pixels can't be read\n", line.c_str());
      return 1;
    }
    image.pixels = std::move(pixels);
    compare(stem, name, core_results(image.view()));
    if (image.format == PixelFormat::rgb) {
      // A browser hands every photo over as RGBA.
      compare(stem, name, core_results(with_format(image, PixelFormat::rgba).view()), false);
    }
    std::vector<std::uint8_t> file;
    if (read_bytes(stem + ".jpg", file)) {
      compare(stem + ".jpg", name, jpeg_results(file));
      ++jpegs;
    }
    ++pictures;
  }
  std::printf("%d pictures, %d of them JPEG, %d differences\n", pictures, jpegs, differences);
  return pictures > 0 && differences == 0 ? 0 : 1;
}
