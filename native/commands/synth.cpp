// nevus synth: writes synthetic lesion photos in a folder per label, with labels.csv.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "commands/commands.h"
#include "commands/terminal.h"
#include "image_io/photo.h"
#include "synth/lesion.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

// Photos from cameras and dermatoscopes have about this.
constexpr int kJpegQuality = 90;

struct SynthOptions {
  std::string out;
  int count = 10;
  std::uint64_t seed = 1;
  int width = 480, height = 360;
  bool flat = false, jpeg = false;
};

int run_synth(const SynthOptions& options) {
  const fs::path out = options.out;
  std::error_code code;
  const std::vector<fs::path> folders =
      options.flat ? std::vector<fs::path>{out}
                   : std::vector<fs::path>{out / "benign", out / "malignant"};
  for (const fs::path& folder : folders) {
    fs::create_directories(folder, code);
    if (code) {
      print_error(folder.string() + ": can't be made: " + code.message());
      return 1;
    }
  }
  std::string csv = "file,label,lesion_id,seed\n";
  for (int i = 0; i < options.count; ++i) {
    LesionSpec spec;
    spec.width = options.width;
    spec.height = options.height;
    spec.malignant = i % 2 == 1;
    spec.seed = options.seed * 1'000'003 + static_cast<std::uint64_t>(i);
    const char* label = spec.malignant ? "malignant" : "benign";
    char name[64];
    std::snprintf(name, sizeof name, options.flat ? "%s_%05d.%s" : "%s/synthetic_%05d.%s", label,
                  i + 1, options.jpeg ? "jpg" : "png");
    const Image photo = synthesize_lesion(spec);
    const auto written = options.jpeg ? write_jpeg(out / name, photo.view(), kJpegQuality)
                                      : write_png(out / name, photo.view());
    if (!written) {
      print_error(written.error().message);
      return 1;
    }
    char line[160];
    std::snprintf(line, sizeof line, "%s,%s,synthetic_%05d,%llu\n", name, label, i + 1,
                  static_cast<unsigned long long>(spec.seed));
    csv += line;
  }
  std::ofstream file(out / "labels.csv", std::ios::binary | std::ios::trunc);
  file << csv;
  file.close();
  if (!file) {
    print_error((out / "labels.csv").string() + ": can't be written");
    return 1;
  }
  std::printf("%d synthetic photos (%d benign, %d malignant) and labels.csv in %s\n", options.count,
              options.count - options.count / 2, options.count / 2, out.c_str());
  return 0;
}

}  // namespace

void add_synth_command(CLI::App& app, int& status) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* command = app.add_subcommand(
      "synth", "Make synthetic lesion photos with known labels, for tests and demos");
  command->add_option("--out", options->out, "Folder to write into (made if it isn't there)")
      ->required();
  command->add_option("--count", options->count, "Photos, half of them malignant")
      ->check(CLI::Range(1, 99999))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "The same seed gives the same photos")
      ->capture_default_str();
  command->add_option("--width", options->width, "Pixels")
      ->check(CLI::Range(64, 4096))
      ->capture_default_str();
  command->add_option("--height", options->height, "Pixels")
      ->check(CLI::Range(64, 4096))
      ->capture_default_str();
  command->add_flag("--jpeg", options->jpeg, "JPEG files instead of PNG");
  command->add_flag("--flat", options->flat, "All photos in one folder, the label in their names");
  command->footer(
      "Example:\n"
      "  nevus synth --out photos --count 100 && nevus train photos --out run");
  command->callback([options, &status] { status = run_synth(*options); });
}

}  // namespace nevus
