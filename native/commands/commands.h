// The subcommands of `nevus`: each adds itself, its options and its help to the parser, and returns
// its exit status through `status`.
#pragma once

#include <CLI/CLI.hpp>

namespace nevus {

void add_inspect_command(CLI::App& app, int& status);
void add_train_command(CLI::App& app, int& status);
void add_evaluate_command(CLI::App& app, int& status);
void add_compare_command(CLI::App& app, int& status);
void add_predict_command(CLI::App& app, int& status);
void add_convert_command(CLI::App& app, int& status);
void add_card_command(CLI::App& app, int& status);
void add_synth_command(CLI::App& app, int& status);
void add_site_command(CLI::App& app, int& status);
void add_serve_command(CLI::App& app, int& status);

}  // namespace nevus
