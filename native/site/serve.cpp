// The preview server: cpp-httplib for HTTP, everything about files by ourselves, since its own
// mount points know neither precompressed files nor ETags.
#include "site/serve.h"

#include <httplib.h>
#include <netdb.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <thread>

#include "site/files.h"
#include "site/headers.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

/// A request's path made relative and harmless; nothing when it leaves the folder, names a hidden
/// file, or holds what no file of a site is named by.
std::optional<std::string> clean_path(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.size() > 1024) return std::nullopt;
  std::string out;
  std::size_t at = 1;
  while (at <= path.size()) {
    std::size_t end = path.find('/', at);
    if (end == std::string::npos) end = path.size();
    const std::string part = path.substr(at, end - at);
    const bool last = end == path.size();
    if (part.empty() ? !last : part.front() == '.') return std::nullopt;
    for (const char c : part) {
      if (c == '\\' || static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    }
    out += part;
    if (!last) out += '/';
    at = end + 1;
  }
  return out;
}

/// Quality that an Accept-Encoding header gives to a coding (RFC 9110, 12.5.3); 0 when not listed.
double accepted(const std::string& header, std::string_view coding) {
  double star = 0;
  std::size_t at = 0;
  while (at < header.size()) {
    std::size_t end = header.find(',', at);
    if (end == std::string::npos) end = header.size();
    std::string item = header.substr(at, end - at);
    at = end + 1;
    item.erase(std::remove(item.begin(), item.end(), ' '), item.end());
    double quality = 1;
    if (const auto q = item.find(";q="); q != std::string::npos) {
      quality = std::strtod(item.c_str() + q + 3, nullptr);
      item.resize(q);
    }
    if (item == coding) return quality;
    if (item == "*") star = quality;
  }
  return star;
}

/// RFC 9110, 13.1.2: the weak comparison, over a list.
bool matches_etag(const std::string& header, const std::string& etag) {
  return header == "*" || header.find(etag) != std::string::npos;
}

struct Variant {
  fs::path path;
  std::string_view encoding;  ///< empty: as it is
  struct stat status {};
};

bool is_file(Variant& variant) {
  return stat(variant.path.c_str(), &variant.status) == 0 && S_ISREG(variant.status.st_mode);
}

void refuse(httplib::Response& response, int status, const std::string& text) {
  response.status = status;
  response.set_content(text + "\n", "text/plain; charset=utf-8");
}

void answer(const fs::path& root, const httplib::Request& request, httplib::Response& response) {
  const auto path = clean_path(request.path);
  if (!path) return refuse(response, 404, "Not found");
  std::string name = *path;
  struct stat status {};
  if (!name.empty() && name.back() != '/' && stat((root / name).c_str(), &status) == 0 &&
      S_ISDIR(status.st_mode)) {
    // Relative links in the page below need the slash. Relative to the last part, so that no
    // request can make this point to another host.
    const std::string last = name.substr(name.rfind('/') + 1);
    response.status = 301;
    response.set_header("Location", "./" + last + "/");
    return;
  }
  if (name.empty() || name.back() == '/') name += "index.html";

  // A link in the folder may lead out of it; what it leads to is not the site's.
  std::error_code error;
  const fs::path real = fs::canonical(root / name, error);
  if (error || real.string().compare(0, root.string().size() + 1, root.string() + "/") != 0)
    return refuse(response, 404, "Not found");

  Variant plain{real, "", {}};
  if (!is_file(plain)) return refuse(response, 404, "Not found");
  Variant chosen = plain;
  if (is_compressible(name)) {
    response.set_header("Vary", "Accept-Encoding");
    const std::string wanted = request.get_header_value("Accept-Encoding");
    Variant br{real.string() + ".br", "br", {}}, gz{real.string() + ".gz", "gzip", {}};
    const double br_quality = accepted(wanted, "br"), gz_quality = accepted(wanted, "gzip");
    if (br_quality > 0 && br_quality >= gz_quality && is_file(br)) {
      chosen = br;
    } else if (gz_quality > 0 && is_file(gz)) {
      chosen = gz;
    }
  }

  std::array<char, 80> etag{};
  std::snprintf(etag.data(), etag.size(), "\"%llx-%llx%llx-%llx%s%s\"",
                static_cast<unsigned long long>(chosen.status.st_ino),
                static_cast<unsigned long long>(chosen.status.st_mtim.tv_sec),
                static_cast<unsigned long long>(chosen.status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(chosen.status.st_size),
                chosen.encoding.empty() ? "" : "-", chosen.encoding.data());
  response.set_header("ETag", etag.data());
  response.set_header("Cache-Control", std::string(cache_control(name)));
  if (!chosen.encoding.empty())
    response.set_header("Content-Encoding", std::string(chosen.encoding));
  if (matches_etag(request.get_header_value("If-None-Match"), etag.data())) {
    response.status = 304;
    return;
  }

  auto bytes = read_file(chosen.path);
  if (!bytes.ok()) return refuse(response, 500, "The file can't be read");
  const std::string type(media_type(name));
  if (bytes->empty()) {
    response.set_content("", type);
    return;
  }
  // A provider of known length: set_content() would compress again.
  auto content = std::make_shared<std::vector<std::uint8_t>>(std::move(*bytes));
  response.set_content_provider(
      content->size(), type,
      [content](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
        return sink.write(reinterpret_cast<const char*>(content->data()) + offset, length);
      });
}

}  // namespace

struct SiteServer::Impl {
  httplib::Server server;
  fs::path root;
  int port = 0;
};

SiteServer::SiteServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SiteServer::SiteServer(SiteServer&&) noexcept = default;
SiteServer::~SiteServer() = default;

Result<SiteServer> SiteServer::bind(const ServeOptions& options) {
  auto impl = std::make_unique<Impl>();
  std::error_code error;
  impl->root = fs::canonical(options.folder, error);
  if (error) return Error{options.folder.string() + ": " + error.message(), ""};
  if (!fs::is_regular_file(impl->root / "index.html", error))
    return Error{options.folder.string() + ": no index.html in it (nevus site makes a site)", ""};

  httplib::Server& server = impl->server;
  // A browser keeps half a dozen connections open, each holds a thread.
  server.new_task_queue = [] { return new httplib::ThreadPool(32); };
  server.set_keep_alive_timeout(2);  // also the longest that stop() waits
  server.set_keep_alive_max_count(10000);
  server.set_tcp_nodelay(true);
  server.set_payload_max_length(1024);
  // The library's default is SO_REUSEPORT, with which two servers share a port without noticing.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  httplib::Headers headers;
  for (const auto& [name, value] : security_headers()) headers.emplace(name, value);
  server.set_default_headers(headers);
  const fs::path root = impl->root;
  server.set_pre_routing_handler(
      [root](const httplib::Request& request, httplib::Response& response) {
        if (request.method != "GET" && request.method != "HEAD")
          return httplib::Server::HandlerResponse::Unhandled;
        answer(root, request, response);
        return httplib::Server::HandlerResponse::Handled;
      });
  server.set_error_handler([](const httplib::Request& request, httplib::Response& response) {
    // What nothing took; other errors (a target that is too long, say) stay what they are.
    if (response.status != 404 || request.method == "GET" || request.method == "HEAD") return;
    response.set_header("Allow", "GET, HEAD");
    refuse(response, 405, "This server takes nothing in");
  });

  if (options.log) {
    server.set_logger(
        [log = options.log](const httplib::Request& request, const httplib::Response& response) {
          std::string line = request.method + " ";
          // As it came, except for what would disturb a terminal.
          for (const char c : request.target.substr(0, 500))
            line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
          log(line + " " + std::to_string(response.status));
        });
  }
  const std::string place = "port " + std::to_string(options.port) + " on " + options.host;
  if (options.port < 0 || options.port > 65535)
    return Error{"port " + std::to_string(options.port) + " is not between 0 and 65535", ""};
  addrinfo* address = nullptr;
  if (const int status = getaddrinfo(options.host.c_str(), nullptr, nullptr, &address))
    return Error{options.host + ": " + gai_strerror(status), ""};
  freeaddrinfo(address);
  errno = 0;
  if (options.port == 0) {
    impl->port = server.bind_to_any_port(options.host);
    if (impl->port <= 0) return Error{options.host + ": no free port: " + std::strerror(errno), ""};
  } else {
    // Closing the socket leaves errno as bind() or listen() set it.
    if (!server.bind_to_port(options.host, options.port)) {
      if (errno == EADDRINUSE)
        return Error{place + " is in use; another one: --port 0 picks a free one", ""};
      return Error{place + ": " + (errno ? std::strerror(errno) : "can't be used"), ""};
    }
    impl->port = options.port;
  }
  return SiteServer(std::move(impl));
}

int SiteServer::port() const {
  return impl_->port;
}
void SiteServer::run() {
  impl_->server.listen_after_bind();
}
void SiteServer::stop() {
  impl_->server.stop();
}

Result<bool> serve_site(const ServeOptions& options, const std::function<void(int)>& ready) {
  // Blocked before any thread exists, so that only the waiting thread below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto server = SiteServer::bind(options);
  if (!server.ok()) return server.error();
  ready(server->port());
  std::thread answering([&server] { server->run(); });
  int signal = 0;
  sigwait(&signals, &signal);
  server->stop();
  answering.join();
  return true;
}

}  // namespace nevus
