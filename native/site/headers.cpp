// Header table, media types, and the same table in the words of each host.
#include "site/headers.h"

#include <array>

namespace nevus {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; img-src 'self' blob:; style-src 'self'; font-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'";

constexpr std::string_view kForever = "public, max-age=31536000, immutable";

// For sw.js: the browser's own checks for a newer one, minutes after the page has looked by itself
// (web/ts/offline.ts), shall not reach the network while a photo is open.
constexpr std::string_view kForMinutes = "max-age=600";

struct Type {
  std::string_view extension, media;
  bool compressible;
};

// .js and .mjs: browsers refuse modules of any other type (HTML standard, "fetch a single module
// script"); .wasm: WebAssembly.instantiateStreaming wants exactly this.
constexpr std::array kTypes{
    Type{".html", "text/html; charset=utf-8", true},
    Type{".css", "text/css; charset=utf-8", true},
    Type{".js", "text/javascript; charset=utf-8", true},
    Type{".mjs", "text/javascript; charset=utf-8", true},
    Type{".json", "application/json", true},
    Type{".webmanifest", "application/manifest+json", true},
    Type{".wasm", "application/wasm", true},
    Type{".svg", "image/svg+xml", true},
    Type{".txt", "text/plain; charset=utf-8", true},
    Type{".md", "text/plain; charset=utf-8", true},
    Type{".ttf", "font/ttf", true},
    Type{".woff2", "font/woff2", false},
    Type{".png", "image/png", false},
    Type{".jpg", "image/jpeg", false},
    Type{".jpeg", "image/jpeg", false},
    Type{".webp", "image/webp", false},
    Type{".ico", "image/x-icon", false},
    Type{".onnx", "application/octet-stream", true},
};

const Type* find_type(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  for (const Type& type : kTypes) {
    if (path.substr(dot) == type.extension) return &type;
  }
  return nullptr;
}

// Netlify and Cloudflare Pages join a header that two rules set with a comma, so the general rule
// must not set Cache-Control; both hosts' own default for it is "ask each time".
std::string headers_file() {
  std::string text = "/*\n";
  for (const auto& [name, value] : security_headers()) text += "  " + name + ": " + value + "\n";
  for (const char* folder : {"/assets/*", "/model/*"}) {
    text += std::string(folder) + "\n  Cache-Control: " + std::string(kForever) + "\n";
  }
  text += "/sw.js\n  Cache-Control: " + std::string(kForMinutes) + "\n";
  return text;
}

std::string nginx_file() {
  std::string text =
      "# Put this file where nginx includes sites from (Debian: /etc/nginx/conf.d/) and set root.\n"
      "map $uri $nevus_cache {\n"
      "    default              \"no-cache\";\n"
      "    ~^/(assets|model)/   \"" +
      std::string(kForever) +
      "\";\n"
      "    /sw.js               \"" +
      std::string(kForMinutes) +
      "\";\n"
      "}\n"
      "server {\n"
      "    listen 80;\n"
      "    # The service worker needs https everywhere but on localhost: add your certificate.\n"
      "    root /var/www/nevus;\n"
      "    index index.html;\n"
      "    include /etc/nginx/mime.types;\n"
      "    types {\n"
      "        text/javascript           mjs;\n"
      "        application/octet-stream  onnx;\n"
      "        font/ttf                  ttf;\n"
      "        application/manifest+json webmanifest;\n"
      "    }\n"
      "    # The files lie compressed beside the originals.\n"
      "    gzip_static on;\n"
      "    # With libnginx-mod-http-brotli-static installed:\n"
      "    # brotli_static on;\n"
      "    location ~ /\\. { return 404; }\n";
  for (const auto& [name, value] : security_headers()) {
    text += "    add_header " + name + " \"" + value + "\" always;\n";
  }
  text += "    add_header Cache-Control $nevus_cache;\n}\n";
  return text;
}

std::string caddy_file() {
  std::string text =
      "# caddy run --config Caddyfile, from the folder of the site; with a host name instead of\n"
      "# :8080, Caddy gets a certificate by itself.\n"
      ":8080 {\n"
      "\troot * .\n"
      "\theader {\n";
  for (const auto& [name, value] : security_headers()) {
    text += "\t\t" + name + " \"" + value + "\"\n";
  }
  text +=
      "\t}\n"
      "\t@hashed path /assets/* /model/*\n"
      "\theader @hashed Cache-Control \"" +
      std::string(kForever) +
      "\"\n"
      "\theader /sw.js Cache-Control \"" +
      std::string(kForMinutes) +
      "\"\n"
      "\t@others not path /assets/* /model/* /sw.js\n"
      "\theader @others Cache-Control \"no-cache\"\n"
      "\t@manifest path *.webmanifest\n"
      "\theader @manifest Content-Type \"application/manifest+json\"\n"
      "\tfile_server {\n"
      "\t\thide .nevus-site .nojekyll Caddyfile nginx.conf _headers\n"
      "\t\tprecompressed br gzip\n"
      "\t}\n"
      "}\n";
  return text;
}

}  // namespace

std::string_view content_security_policy() {
  return kPolicy;
}

const std::vector<Header>& security_headers() {
  static const std::vector<Header> headers{
      {"Content-Security-Policy", std::string(kPolicy) + "; frame-ancestors 'none'"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Embedder-Policy", "require-corp"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"},
  };
  return headers;
}

bool is_immutable(std::string_view path) {
  return path.substr(0, 7) == "assets/" || path.substr(0, 6) == "model/";
}

std::string_view cache_control(std::string_view path) {
  if (path == "sw.js") return kForMinutes;
  return is_immutable(path) ? kForever : "no-cache";
}

std::string_view media_type(std::string_view path) {
  const Type* type = find_type(path);
  return type ? type->media : "application/octet-stream";
}

bool is_compressible(std::string_view path) {
  const Type* type = find_type(path);
  return type && type->compressible;
}

std::vector<std::pair<std::string, std::string>> host_files() {
  return {{"_headers", headers_file()},
          {"nginx.conf", nginx_file()},
          {"Caddyfile", caddy_file()},
          {".nojekyll", ""}};
}

}  // namespace nevus
