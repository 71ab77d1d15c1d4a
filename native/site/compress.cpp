// Brotli, gzip and the cache of their results.
#include "site/compress.h"

#include <brotli/encode.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "nevus/sha256.h"
#include "site/files.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

std::optional<std::vector<std::uint8_t>> brotli(std::span<const std::uint8_t> bytes) {
  std::size_t size = BrotliEncoderMaxCompressedSize(bytes.size());
  std::vector<std::uint8_t> out(size);
  if (!BrotliEncoderCompress(BROTLI_MAX_QUALITY, BROTLI_MAX_WINDOW_BITS, BROTLI_MODE_GENERIC,
                             bytes.size(), bytes.data(), &size, out.data())) {
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::optional<std::vector<std::uint8_t>> gzip(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  // 15 + 16: the largest window, with a gzip header; the header holds no time stamp.
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
    return std::nullopt;
  std::vector<std::uint8_t> out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return std::nullopt;
  return out;
}

}  // namespace

Result<std::vector<std::uint8_t>> compress(std::span<const std::uint8_t> bytes, Encoding encoding,
                                           const fs::path& cache) {
  const bool is_brotli = encoding == Encoding::brotli;
  fs::path entry;
  if (!cache.empty()) {
    entry = cache / (sha256_hex(bytes) + (is_brotli ? "-q11-w24.br" : "-9.gz"));
    // An entry ends with its own hash, so that a damaged one is not taken for good.
    if (auto kept = read_file(entry); kept.ok() && kept->size() > 64) {
      const auto body = std::span(*kept).first(kept->size() - 64);
      const std::string hash(kept->end() - 64, kept->end());
      if (sha256_hex(body) == hash) return std::vector<std::uint8_t>(body.begin(), body.end());
    }
  }
  auto out = is_brotli ? brotli(bytes) : gzip(bytes);
  if (!out) return Error{is_brotli ? "brotli failed" : "gzip failed", ""};
  if (!entry.empty()) {
    static std::atomic<int> counter{0};
    const fs::path temporary =
        entry.string() + "." + std::to_string(getpid()) + "." + std::to_string(counter++);
    std::vector<std::uint8_t> text = *out;
    const std::string hash = sha256_hex(*out);
    text.insert(text.end(), hash.begin(), hash.end());
    std::error_code error;
    fs::create_directories(cache, error);
    if (!error && write_file(temporary, text).ok()) fs::rename(temporary, entry, error);
    if (error) fs::remove(temporary, error);
  }
  return std::move(*out);
}

fs::path compression_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return fs::path(cache) / "nevus" / "compressed";
  if (const char* home = std::getenv("HOME"); home && *home)
    return fs::path(home) / ".cache" / "nevus" / "compressed";
  return {};
}

}  // namespace nevus
