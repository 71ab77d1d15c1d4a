// The steps of assemble_site(), each over a list of files in memory: a site is some 40 MB.
#include "site/assemble.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "nevus/package.h"
#include "nevus/sha256.h"
#include "site/compress.h"
#include "site/files.h"
#include "site/headers.h"
#include "site/model_card.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;
/// Path relative to the site's root, with '/', to content; sorted, so that output is reproducible.
using Files = std::map<std::string, Bytes>;

Bytes to_bytes(std::string_view text) {
  return Bytes(text.begin(), text.end());
}
std::string to_text(const Bytes& bytes) {
  return std::string(bytes.begin(), bytes.end());
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// Replaces every occurrence; what is put in is not looked at again. Returns how many.
std::size_t replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t count = 0;
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()), ++count)
    text.replace(at, from.size(), to);
  return count;
}

Result<Files> read_template(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    return Error{folder.string() +
                     ": no template there (build it with: cmake --preset web && "
                     "cmake --build --preset web)",
                 ""};
  Files files;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (!it->is_regular_file()) continue;
    const std::string name = it->path().lexically_relative(folder).generic_string();
    auto bytes = read_file(it->path());
    if (!bytes.ok()) return bytes.error();
    files.emplace(name, std::move(*bytes));
  }
  if (error) return Error{folder.string() + ": " + error.message(), ""};
  for (const char* needed : {"index.html", "app/index.html", "sw.js"}) {
    if (!files.count(needed))
      return Error{folder.string() + ": not a site template, it has no " + needed, ""};
  }
  return files;
}

/// Two passes so that a package's own words, once put in, are never taken for placeholders.
Result<std::string> fill_in(const std::string& name, const std::string& text,
                            const std::map<std::string, std::string>& values) {
  constexpr std::string_view kStart = "@NEVUS_";
  std::string out;
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(kStart, from)) != std::string::npos;) {
    out.append(text, from, at - from);
    const std::size_t end = text.find('@', at + 1);
    const std::string key = text.substr(at, end == std::string::npos ? end : end + 1 - at);
    const auto value = values.find(key);
    if (value == values.end())
      return Error{"template's " + name + ": unknown placeholder " + key.substr(0, 40), ""};
    out += value->second;
    from = at + key.size();
  }
  return out.append(text, from, std::string::npos);
}

/// What the service worker caches before anything is asked for, and what it caches on first use:
/// the WebGPU runtime is larger than all else together and many visitors' browsers can't run it.
bool is_optional(std::string_view name) {
  return name.find("jspi") != std::string_view::npos;
}

bool is_for_host(const std::string& name) {
  static const std::set<std::string> names{"_headers", "nginx.conf", "Caddyfile", ".nojekyll",
                                           std::string(kSiteMarker)};
  return names.count(name) != 0;
}

/// "name-0123abcdef.ext": as web/build.mjs and this file name what never changes.
bool has_hash(std::string_view name) {
  const auto dot = name.rfind('.');
  const auto dash = name.rfind('-');
  if (dot == std::string_view::npos || dash == std::string_view::npos || dot < dash + 9)
    return false;
  const auto hash = name.substr(dash + 1, dot - dash - 1);
  return hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Subresource Integrity's notation: "sha256-" and the digest in base64 (RFC 4648, 4).
std::string integrity(const Bytes& bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Sha256 sha;
  sha.update(bytes);
  const auto digest = sha.finish();
  std::string out = "sha256-";
  for (std::size_t i = 0; i < digest.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < digest.size() ? digest[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > digest.size() ? '=' : kDigits[group >> (18 - 6 * k) & 63];
  }
  return out;
}

Result<bool> fill_service_worker(Files& files) {
  // workbox-precaching's format: {url, revision, integrity}; revision null where the name holds the
  // hash. URLs are relative to the worker, that is to the site's root.
  nlohmann::json precache = nlohmann::json::array(), optional = nlohmann::json::array();
  for (const auto& [name, bytes] : files) {
    if (name == "sw.js" || is_for_host(name)) continue;
    if (is_optional(name)) {
      optional.push_back({{"url", name}, {"integrity", integrity(bytes)}});
      continue;
    }
    nlohmann::json revision;
    if (!has_hash(name)) revision = sha256_hex(bytes).substr(0, 16);
    precache.push_back(
        {{"url", name}, {"revision", std::move(revision)}, {"integrity", integrity(bytes)}});
  }
  std::string text = to_text(files.at("sw.js"));
  nlohmann::json headers = nlohmann::json::object();
  for (const auto& [name, value] : security_headers()) headers[name] = value;
  for (const auto& [token, list] :
       {std::pair{"self.__WB_MANIFEST", &precache}, std::pair{"self.__NEVUS_OPTIONAL", &optional},
        std::pair{"self.__NEVUS_HEADERS", &headers}}) {
    if (replace_all(text, token, list->dump()) == 0)
      return Error{std::string("template's sw.js: no ") + token + " to fill in", ""};
  }
  files["sw.js"] = to_bytes(text);
  return true;
}

Result<Files> compressed_twins(const Files& files, const SiteOptions& options) {
  struct Job {
    const std::string* name;
    const Bytes* bytes;
    Encoding encoding;
  };
  std::vector<Job> jobs;
  for (const auto& [name, bytes] : files) {
    if (!options.compress || is_for_host(name) || !is_compressible(name)) continue;
    jobs.push_back({&name, &bytes, Encoding::brotli});
    jobs.push_back({&name, &bytes, Encoding::gzip});
  }
  // The longest first, so that no thread ends alone with one.
  std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
    if (a.encoding != b.encoding) return a.encoding == Encoding::brotli;
    return a.bytes->size() > b.bytes->size();
  });

  Files twins;
  std::optional<Error> failure;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  const auto work = [&] {
    for (std::size_t i; (i = next++) < jobs.size();) {
      const Job& job = jobs[i];
      auto out = compress(*job.bytes, job.encoding, options.compression_cache);
      const std::lock_guard lock(mutex);
      ++done;
      if (!out.ok()) {
        failure = Error{*job.name + ": " + out.error().message, ""};
        next = jobs.size();
        return;
      }
      const char* suffix = job.encoding == Encoding::brotli ? ".br" : ".gz";
      if (options.progress) options.progress(done, jobs.size(), *job.name + suffix);
      // A twin that saves nothing only costs the host room.
      if (out->size() < job.bytes->size()) twins.emplace(*job.name + suffix, std::move(*out));
    }
  };
  const unsigned threads =
      options.threads ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> pool;
  for (unsigned i = 1; i < threads; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  if (failure) return *failure;
  return twins;
}

Result<bool> write_all(const Files& files, const fs::path& folder) {
  for (const auto& [name, bytes] : files) {
    const fs::path path = folder / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return Error{path.parent_path().string() + ": " + error.message(), ""};
    if (auto written = write_file(path, bytes); !written.ok()) return written.error();
  }
  return true;
}

/// Says why `out` may not be replaced; no error when it may, or isn't there.
Result<bool> may_replace(const fs::path& out, bool force) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(out, error);
  if (!fs::exists(status)) return true;
  if (!fs::is_directory(status)) return Error{out.string() + ": exists and is not a folder", ""};
  if (force || fs::exists(out / kSiteMarker, error)) return true;
  if (fs::is_empty(out, error) && !error) return true;
  return Error{out.string() +
                   ": exists and is not a Nevus site; choose another folder, or replace "
                   "it with --force",
               ""};
}

}  // namespace

Result<SiteSummary> assemble_site(const SiteOptions& options) {
  // "site/" and "site" are the same folder, but only the latter has a name to add ".tmp" to.
  fs::path out = fs::absolute(options.out).lexically_normal();
  if (out.filename().empty()) out = out.parent_path();
  if (out == out.root_path()) return Error{options.out.string() + ": not a place for a site", ""};
  if (auto allowed = may_replace(out, options.force); !allowed.ok()) return allowed.error();

  auto model = read_file(options.model);
  if (!model.ok()) return model.error();
  const auto package = read_package(*model);
  if (!package.ok()) {
    const Error& error = package.error();
    // Some messages name the field themselves.
    const bool named = error.field.empty() || error.message.find(error.field) != std::string::npos;
    return Error{options.model.string() + ": " + (named ? "" : error.field + ": ") + error.message,
                 error.field};
  }

  auto files = read_template(options.site_template);
  if (!files.ok()) return files.error();

  SiteSummary summary;
  summary.model_url = "model/model-" + sha256_hex(*model).substr(0, 12) + ".onnx";
  const auto values_in = [&](std::string_view language) {
    std::map<std::string, std::string> values = model_card(*package, language);
    values["@NEVUS_MODEL@"] = "../" + summary.model_url;
    values["@NEVUS_VERSION@"] = escape_html(options.version);
    values["@NEVUS_CSP@"] = escape_html(content_security_policy());
    return values;
  };
  const auto english = values_in("en"), german = values_in("de");
  for (auto& [name, bytes] : *files) {
    if (!ends_with(name, ".html")) continue;
    // web/pages.mjs puts the German pages there.
    const bool is_german = name.rfind("de/", 0) == 0;
    auto filled = fill_in(name, to_text(bytes), is_german ? german : english);
    if (!filled.ok())
      return Error{options.site_template.string() + ": " + filled.error().message, ""};
    bytes = to_bytes(*filled);
  }
  (*files)[summary.model_url] = std::move(*model);
  (*files)["model.json"] = to_bytes(to_json(*package));
  for (const auto& [name, text] : host_files()) (*files)[name] = to_bytes(text);
  if (auto filled = fill_service_worker(*files); !filled.ok())
    return Error{options.site_template.string() + ": " + filled.error().message, ""};
  (*files)[std::string(kSiteMarker)] = to_bytes("Nevus " + options.version + "\n");

  // Found out before the long work, not after it.
  const fs::path fresh = out.string() + ".tmp-" + std::to_string(getpid());
  std::error_code error;
  fs::create_directories(fresh, error);
  if (error) return Error{out.string() + ": can't write there: " + error.message(), ""};
  const auto give_up = [&fresh](Error reason) {
    std::error_code ignored;
    fs::remove_all(fresh, ignored);
    return reason;
  };

  auto twins = compressed_twins(*files, options);
  if (!twins.ok()) return give_up(twins.error());
  for (const Files* part : {&*files, &*twins}) {
    if (auto written = write_all(*part, fresh); !written.ok()) return give_up(written.error());
  }

  const fs::path old = out.string() + ".old-" + std::to_string(getpid());
  const bool replaced = fs::exists(out, error);
  if (replaced) {
    fs::rename(out, old, error);
    if (error) return give_up(Error{out.string() + ": can't be replaced: " + error.message(), ""});
  }
  fs::rename(fresh, out, error);
  if (error) {
    std::error_code ignored;
    if (replaced) fs::rename(old, out, ignored);
    return give_up(Error{out.string() + ": can't write there: " + error.message(), ""});
  }
  if (replaced) fs::remove_all(old, error);

  for (const auto& [name, bytes] : *files) {
    ++summary.files;
    summary.bytes += bytes.size();
    const auto twin = twins->find(name + ".br");
    summary.brotli_bytes += twin == twins->end() ? bytes.size() : twin->second.size();
  }
  return summary;
}

std::optional<fs::path> find_template() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  for (const char* place : {"../web/template", "../share/nevus/template"}) {
    const fs::path folder = (program.parent_path() / place).lexically_normal();
    if (fs::exists(folder / "sw.js", error)) return folder;
  }
  return std::nullopt;
}

}  // namespace nevus
