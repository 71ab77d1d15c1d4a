// The `nevus` program.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "commands/commands.h"
#include "commands/help.h"

int main(int argc, char** argv) {
  // LibTorch frees and takes back large blocks all the time; glibc's default returns each to the
  // kernel, which makes training on a CPU several times slower.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 256 << 20);

  CLI::App app{
      "Nevus: train, check and run skin-lesion classifiers on your own machine.\n"
      "Research and education; not a medical device and not a diagnosis."};
  app.formatter(std::make_shared<nevus::HelpFormatter>());  // subcommands inherit it
  app.set_version_flag("--version", NEVUS_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  nevus inspect photos/ --out look     what is wrong with these photos?\n"
      "  nevus train photos/ --out run        train on a folder per class\n"
      "  nevus evaluate run/model.onnx photos/ --split test\n"
      "  nevus predict run/model.onnx mole.jpg\n"
      "  nevus site run/model.onnx --out site && nevus serve site\n"
      "Each command has its own --help.");
  int status = 0;
#ifdef NEVUS_TORCH
  nevus::add_train_command(app, status);
#endif
  nevus::add_inspect_command(app, status);
  nevus::add_evaluate_command(app, status);
  nevus::add_compare_command(app, status);
  nevus::add_predict_command(app, status);
  nevus::add_convert_command(app, status);
  nevus::add_card_command(app, status);
  nevus::add_synth_command(app, status);
  nevus::add_site_command(app, status);
  nevus::add_serve_command(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nevus: %s\n", error.what());
    return 1;
  }
  return status;
}
