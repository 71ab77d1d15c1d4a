// nevus site: a model package in, a folder for any static host out.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "commands/commands.h"
#include "runtime/session.h"
#include "site/assemble.h"
#include "site/compress.h"

namespace nevus {
namespace {

struct Arguments {
  std::string model, out, site_template;
  bool force = false, quiet = false, plain = false;
};

int run(const Arguments& arguments) {
  // Runs the self-test: a model that fails it here would fail it for every visitor.
  if (auto session = Session::open(arguments.model); !session.ok()) {
    std::fprintf(stderr, "nevus site: %s\n", session.error().message.c_str());
    return 1;
  }
  SiteOptions options;
  options.model = arguments.model;
  options.out = arguments.out;
  options.force = arguments.force;
  options.version = NEVUS_VERSION;
  options.compress = !arguments.plain;
  options.compression_cache = compression_cache();
  if (!arguments.site_template.empty()) {
    options.site_template = arguments.site_template;
  } else if (auto found = find_template()) {
    options.site_template = *found;
  } else {
    std::fprintf(stderr,
                 "nevus site: no page template beside the program; build it (cmake --preset web && "
                 "cmake --build --preset web) or name it with --template\n");
    return 1;
  }
  const bool terminal = isatty(STDERR_FILENO) != 0;
  if (!arguments.quiet) {
    options.progress = [terminal](std::size_t done, std::size_t all, const std::string& file) {
      if (terminal) {
        std::fprintf(stderr, "\r\x1b[Kcompressed %zu of %zu: %s%s", done, all, file.c_str(),
                     done == all ? "\n" : "");
      } else if (done == all) {
        std::fprintf(stderr, "compressed %zu files\n", all);
      }
    };
  }
  if (!arguments.quiet && !arguments.plain)
    std::fprintf(stderr, "compressing the site's files, about a minute the first time\n");
  const auto summary = assemble_site(options);
  if (!summary.ok()) {
    std::fprintf(stderr, "nevus site: %s\n", summary.error().message.c_str());
    return 1;
  }
  std::printf("%s: %zu files, %.1f MB, %.1f MB compressed with Brotli; the model is %s\n",
              arguments.out.c_str(), summary->files, static_cast<double>(summary->bytes) / 1e6,
              static_cast<double>(summary->brotli_bytes) / 1e6, summary->model_url.c_str());
  std::printf("look at it: nevus serve %s\n", arguments.out.c_str());
  return 0;
}

}  // namespace

void add_site_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "site", "Assemble the static site with a model: upload the folder anywhere");
  command->add_option("model", arguments->model, "model.onnx, as nevus train writes it")
      ->required();
  command->add_option("--out", arguments->out, "folder to make; an older site there is replaced")
      ->required();
  command->add_option("--template", arguments->site_template,
                      "the page's template (default: the one built beside this program)");
  command->add_flag("--force", arguments->force,
                    "replace the folder even if it is not a Nevus site");
  command->add_flag("--no-compress", arguments->plain,
                    "leave the .br and .gz files out: quick, for a look");
  command->add_flag("--quiet", arguments->quiet, "no progress");
  command->footer(
      "Example:\n"
      "  nevus site run/model.onnx --out site && nevus serve site\n"
      "docs/hosting.md says where the folder can go.");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace nevus
