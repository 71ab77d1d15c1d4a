// A local preview server for a site, with the headers that a real host should send.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "nevus/result.h"

namespace nevus {

struct ServeOptions {
  std::filesystem::path folder;
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any free one
  /// Told of every request that arrives: "GET /app/ 200". Called from several threads.
  std::function<void(const std::string&)> log;
};

/// Static files only: no uploads, nothing outside the folder, no hidden files. Negotiates the
/// precompressed twins, answers conditional requests.
class SiteServer {
 public:
  /// Binds; errors are one line ("port 8080 on 127.0.0.1 is in use").
  static Result<SiteServer> bind(const ServeOptions& options);
  int port() const;
  /// Answers until stop(), which any thread may call.
  void run();
  void stop();

  SiteServer(SiteServer&&) noexcept;
  ~SiteServer();

 private:
  struct Impl;
  explicit SiteServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Serves until SIGINT or SIGTERM. `ready` is told the port once requests are answered.
Result<bool> serve_site(const ServeOptions& options, const std::function<void(int)>& ready);

}  // namespace nevus
