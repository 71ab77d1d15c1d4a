// Assembles the static site: the page's template plus one model package.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "nevus/result.h"

namespace nevus {

/// Stands in every folder that assemble_site() made; only such a folder (or an empty one) is
/// replaced without `force`.
inline constexpr std::string_view kSiteMarker = ".nevus-site";

struct SiteOptions {
  std::filesystem::path model;              ///< model.onnx with its package inside
  std::filesystem::path out;                ///< folder to make or replace
  std::filesystem::path site_template;      ///< from the web build
  std::filesystem::path compression_cache;  ///< may be empty
  std::string version;                      ///< of Nevus
  bool compress = true;                     ///< write the .br and .gz twins
  bool force = false;                       ///< replace a folder that isn't a site
  unsigned threads = 0;                     ///< 0: as many as the machine has
  /// Called as each file's compressed twins are ready, from any thread, one call at a time.
  std::function<void(std::size_t done, std::size_t all, const std::string& file)> progress;
};

struct SiteSummary {
  std::size_t files = 0;           ///< without the compressed twins
  std::uint64_t bytes = 0;         ///< of those
  std::uint64_t brotli_bytes = 0;  ///< of those, each as its .br where there is one
  std::string model_url;           ///< relative to the site's root
};

/// Copies the template; adds model/model-HASH.onnx and model.json; fills the placeholders of the
/// HTML files and the service worker's lists; writes .br and .gz twins and the hosts' files. The
/// folder appears complete or not at all. Errors are one line that names the file and the reason.
Result<SiteSummary> assemble_site(const SiteOptions& options);

/// Beside the program: ../web/template (build tree), ../share/nevus/template (installed).
std::optional<std::filesystem::path> find_template();

}  // namespace nevus
