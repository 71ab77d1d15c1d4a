// nevus card: a model's card as a document.
#include <cstdio>
#include <memory>

#include "commands/commands.h"
#include "commands/terminal.h"
#include "files/atomic_file.h"
#include "runtime/model_file.h"
#include "site/model_card.h"

namespace nevus {
namespace {

struct CardOptions {
  std::string model, out;
};

int fail(const std::string& message) {
  print_error(message);
  return 1;
}

int run_card(const CardOptions& options) {
  const auto onnx = read_model(options.model);
  if (!onnx) return fail(onnx.error().message);
  const auto package = read_package(*onnx);
  if (!package) return fail(options.model + ": " + package.error().message);
  const std::string text = model_card_markdown(*package);
  if (options.out.empty()) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  const auto written = write_whole(options.out, text);
  return written ? 0 : fail(written.error().message);
}

}  // namespace

void add_card_command(CLI::App& app, int& status) {
  auto options = std::make_shared<CardOptions>();
  CLI::App* command = app.add_subcommand("card", "Write a model's card: figures, limits, making");
  command->add_option("model", options->model, "A model.onnx")->required();
  command->add_option("--out", options->out, "Write to this file (Markdown), not to the terminal")
      ->option_text("FILE");
  command->footer(
      "Examples:\n"
      "  nevus evaluate run/model.onnx photos/ --split test --record \"our clinic, 2026\"\n"
      "  nevus card run/model.onnx --out model-card.md\n"
      "All of it comes from the package; `nevus evaluate --record` puts a test's figures there.");
  command->callback([options, &status] { status = run_card(*options); });
}

}  // namespace nevus
