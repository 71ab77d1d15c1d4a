// Native half of the preprocessing parity test: decodes photos, writes their pixels and what the
// native core makes of them. usage: nevus_preprocess_write OUT PHOTO_FOLDER…
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "../shared/odd_pictures.h"
#include "image_io/photo.h"
#include "preprocess_results.h"

namespace fs = std::filesystem;
using namespace nevus;
using namespace nevus::test;

namespace {

bool write_results(const std::string& stem, const NamedBytes& results) {
  std::ofstream list(stem + ".results");
  int n = 0;
  for (const auto& [name, bytes] : results) {
    if (!write_bytes(stem + "." + std::to_string(n++), bytes.data(), bytes.size())) return false;
    list << name << '\n';
  }
  return static_cast<bool>(list.flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s OUT PHOTO_FOLDER...\n", argv[0]);
    return 2;
  }
  const fs::path out = argv[1];
  fs::remove_all(out);
  fs::create_directories(out);
  std::ofstream index(out / "index.txt");
  int number = 0;
  const auto add = [&](const std::string& name, const Image& image) {
    const std::string stem = (out / std::to_string(number)).string();
    if (!write_bytes(stem + ".pixels", image.pixels.data(), image.pixels.size()) ||
        !write_results(stem, core_results(image.view()))) {
      return false;
    }
    index << number++ << ' ' << image.width << ' ' << image.height << ' ' << channels(image.format)
          << ' ' << name << '\n';
    return true;
  };

  bool ok = write_results((out / "self").string(), self_test_results());
  for (const auto& [name, image] : odd_pictures()) ok = ok && add(name, image);
  for (int i = 2; i < argc && ok; ++i) {
    if (!fs::is_directory(argv[i])) {
      std::printf("%s is not there, skipped\n", argv[i]);
      continue;
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(argv[i])) {
      const std::string kind = entry.path().extension().string();
      if (kind == ".jpg" || kind == ".jpeg" || kind == ".png") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const auto photo = read_photo(file);
      if (!photo) {
        std::fprintf(stderr, "%s: %s\n", file.c_str(), photo.error().message.c_str());
        return 1;
      }
      const std::string stem = (out / std::to_string(number)).string();
      ok = ok && add(file.filename().string(), *photo);
      std::vector<std::uint8_t> bytes;
      if (file.extension() == ".png") continue;
      ok = ok && read_bytes(file, bytes) &&
           write_bytes(stem + ".jpg", bytes.data(), bytes.size()) &&
           write_results(stem + ".jpg", jpeg_results(bytes));
    }
  }
  if (!ok || !index.flush()) {
    std::fprintf(stderr, "%s: can't be written\n", out.c_str());
    return 1;
  }
  std::printf("%d pictures\n", number);
  return 0;
}
