// nevus serve: a site on this machine, with a real host's headers.
#include <cstdio>
#include <memory>

#include "commands/commands.h"
#include "site/serve.h"

namespace nevus {
namespace {

int run(ServeOptions options, bool log) {
  if (log) {
    options.log = [](const std::string& line) {
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    };
  }
  const auto served = serve_site(options, [&options](int port) {
    const bool v6 = options.host.find(':') != std::string::npos;
    std::printf("%s is at http://%s%s%s:%d/ (Ctrl-C ends it)\n", options.folder.c_str(),
                v6 ? "[" : "", options.host.c_str(), v6 ? "]" : "", port);
    std::fflush(stdout);
  });
  if (!served.ok()) {
    std::fprintf(stderr, "nevus serve: %s\n", served.error().message.c_str());
    return 1;
  }
  std::printf("ended\n");
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ServeOptions>();
  auto log = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("serve", "Serve a site on this machine, to look at it");
  command->add_option("folder", options->folder, "what nevus site made")->required();
  command->add_option("--port", options->port, "TCP port; 0 picks a free one")
      ->capture_default_str();
  command->add_option("--host", options->host, "address to listen on")->capture_default_str();
  command->add_flag("--log", *log, "print every request that arrives");
  command->footer("Example:\n  nevus serve site --port 8000");
  command->callback([options, log, &status] { status = run(*options, *log); });
}

}  // namespace nevus
