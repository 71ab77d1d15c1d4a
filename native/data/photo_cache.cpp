// The file's layout (little-endian, as every machine that this is built for):
//   64 bytes  "NEVUSPIX", version (u32), zeros
//   records   64 bytes of header (below), pixels, zeros up to a multiple of 64
#include "data/photo_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "nevus/sha256.h"

namespace nevus {
namespace {

constexpr char kMagic[8] = {'N', 'E', 'V', 'U', 'S', 'P', 'I', 'X'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kHeader = 64;
constexpr std::uint32_t kRecordMagic = 0x544f4850;  // "PHOT"
constexpr std::uint32_t kMaxSide = 1u << 15;

struct Record {
  std::uint32_t magic, width, height, channels;
  PhotoCache::Key key;
  std::uint64_t checksum;  // of the pixels
  std::uint64_t header;    // of the fields above
};
static_assert(sizeof(Record) == 64);

// A mixing hash over 8-byte words (the finaliser of SplitMix64): finds damage, not forgery.
std::uint64_t hash_of(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t sum = size * 0x9e3779b97f4a7c15u;
  const auto mix = [&](std::uint64_t word) {
    sum = (sum ^ word) * 0xbf58476d1ce4e5b9u;
    sum ^= sum >> 29;
  };
  std::size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, 8);
    mix(word);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, bytes + at, size - at);
  mix(rest);
  return sum;
}

std::uint64_t header_hash(const Record& record) {
  return hash_of(reinterpret_cast<const std::uint8_t*>(&record), offsetof(Record, header));
}

std::uint64_t padded(std::uint64_t size) {
  return (size + 63) / 64 * 64;
}

bool read_at(int descriptor, std::uint64_t offset, void* to, std::size_t size) {
  auto* out = static_cast<std::uint8_t*>(to);
  while (size > 0) {
    const ssize_t got = ::pread(descriptor, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_at(int descriptor, std::uint64_t offset, const void* from, std::size_t size) {
  const auto* in = static_cast<const std::uint8_t*>(from);
  while (size > 0) {
    const ssize_t put = ::pwrite(descriptor, in, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      if (put == 0) errno = ENOSPC;
      return false;
    }
    in += put;
    offset += static_cast<std::uint64_t>(put);
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

std::uint64_t size_of(int descriptor) {
  struct stat status = {};
  return ::fstat(descriptor, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

// Held by one process at a time where exclusive; nobody writes meanwhile.
class FileLock {
 public:
  FileLock(int descriptor, int kind) : descriptor_(descriptor) {
    while (::flock(descriptor_, kind) != 0 && errno == EINTR) {
    }
  }
  ~FileLock() { ::flock(descriptor_, LOCK_UN); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  const int descriptor_;
};

}  // namespace

PhotoCache::PhotoCache(std::filesystem::path file, int descriptor, std::uint64_t limit,
                       std::function<void(const std::string&)> warn)
    : file_(std::move(file)), descriptor_(descriptor), limit_(limit), warn_(std::move(warn)) {}

PhotoCache::~PhotoCache() {
  ::close(descriptor_);
}

Result<std::unique_ptr<PhotoCache>> PhotoCache::open(const std::filesystem::path& file,
                                                     std::uint64_t max_bytes,
                                                     std::function<void(const std::string&)> warn) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return Error{file.string() + ": can't be opened: " + std::generic_category().message(errno),
                 ""};
  std::error_code code;
  const auto space = std::filesystem::space(std::filesystem::absolute(file).parent_path(), code);
  const std::uint64_t room = code ? max_bytes : size_of(descriptor) + space.available / 2;
  std::unique_ptr<PhotoCache> cache(
      new PhotoCache(file, descriptor, std::min(max_bytes, room), std::move(warn)));
  const FileLock lock(descriptor, LOCK_EX);
  std::array<char, kHeader> header{};
  std::uint32_t version = 0;
  bool known = read_at(descriptor, 0, header.data(), header.size()) &&
               std::memcmp(header.data(), kMagic, sizeof kMagic) == 0;
  std::memcpy(&version, header.data() + sizeof kMagic, sizeof version);
  known = known && version == kVersion;
  if (!known) {
    const std::uint64_t before = size_of(descriptor);
    if (before > 0) cache->warn_(file.string() + ": not a cache of this version: begun anew");
    header.fill(0);
    std::memcpy(header.data(), kMagic, sizeof kMagic);
    std::memcpy(header.data() + sizeof kMagic, &kVersion, sizeof kVersion);
    if (::ftruncate(descriptor, 0) != 0 || !write_at(descriptor, 0, header.data(), header.size()))
      return Error{file.string() + ": can't be written: " + std::generic_category().message(errno),
                   ""};
  }
  cache->end_ = kHeader;
  cache->scan();
  // What follows the last whole record is the beginning of one.
  if (size_of(descriptor) > cache->end_ &&
      ::ftruncate(descriptor, static_cast<off_t>(cache->end_)) != 0)
    return Error{file.string() + ": can't be written: " + std::generic_category().message(errno),
                 ""};
  return cache;
}

std::optional<PhotoCache::Key> PhotoCache::key(const std::filesystem::path& photo,
                                               const std::string& preparation) {
  struct stat status = {};
  if (::stat(photo.c_str(), &status) != 0) return std::nullopt;
  std::error_code code;
  const std::string text = std::filesystem::absolute(photo, code).string() + '\0' + preparation +
                           '\0' + std::to_string(status.st_size) + '\0' +
                           std::to_string(status.st_mtim.tv_sec) + '\0' +
                           std::to_string(status.st_mtim.tv_nsec);
  Sha256 hash;
  hash.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  return hash.finish();
}

void PhotoCache::scan() {
  const std::uint64_t size = size_of(descriptor_);
  while (end_ + sizeof(Record) <= size) {
    Record record;
    if (!read_at(descriptor_, end_, &record, sizeof record) || record.magic != kRecordMagic ||
        record.header != header_hash(record) || record.width == 0 || record.height == 0 ||
        record.width > kMaxSide || record.height > kMaxSide || record.channels != 3)
      return;
    const std::uint64_t pixels = std::uint64_t{record.width} * record.height * record.channels;
    const std::uint64_t next = end_ + padded(sizeof record + pixels);
    if (next > size) return;
    places_[record.key] = {end_ + sizeof record, record.checksum, record.width, record.height,
                           record.channels};
    end_ = next;
  }
}

std::optional<Image> PhotoCache::find(const Key& key) {
  Place place;
  {
    const std::lock_guard guard(mutex_);
    auto at = places_.find(key);
    if (at == places_.end() && size_of(descriptor_) > end_) {  // another process wrote
      const FileLock lock(descriptor_, LOCK_SH);
      scan();
      at = places_.find(key);
    }
    if (at == places_.end()) {
      ++missed_;
      return std::nullopt;
    }
    place = at->second;
  }
  Image image(static_cast<int>(place.width), static_cast<int>(place.height), PixelFormat::rgb);
  if (read_at(descriptor_, place.offset, image.pixels.data(), image.pixels.size()) &&
      hash_of(image.pixels.data(), image.pixels.size()) == place.checksum) {
    ++found_;
    return image;
  }
  ++missed_;
  const std::lock_guard guard(mutex_);
  places_.erase(key);
  if (!damage_told_) {
    damage_told_ = true;
    warn_(file_.string() + ": damaged; the photos concerned are decoded again");
  }
  return std::nullopt;
}

void PhotoCache::put(const Key& key, const Image& image) {
  if (image.format != PixelFormat::rgb || image.empty()) return;
  const std::lock_guard guard(mutex_);
  if (full_ || places_.count(key) != 0) return;
  const FileLock lock(descriptor_, LOCK_EX);
  scan();
  const std::uint64_t size = padded(sizeof(Record) + image.pixels.size());
  const auto stop = [&](const std::string& why) {
    full_ = true;
    warn_(file_.string() + ": " + why +
          "; the photos that are not in it yet are decoded in every epoch");
  };
  if (end_ + size > limit_) {
    stop("the cache is full at " + std::to_string(limit_ >> 20) + " MB (--cache-size)");
    return;
  }
  std::vector<std::uint8_t> bytes(size, 0);
  Record record{kRecordMagic,
                static_cast<std::uint32_t>(image.width),
                static_cast<std::uint32_t>(image.height),
                3,
                key,
                hash_of(image.pixels.data(), image.pixels.size()),
                0};
  record.header = header_hash(record);
  std::memcpy(bytes.data(), &record, sizeof record);
  std::copy(image.pixels.begin(), image.pixels.end(), bytes.begin() + sizeof record);
  if (!write_at(descriptor_, end_, bytes.data(), bytes.size())) {
    const int reason = errno;
    if (::ftruncate(descriptor_, static_cast<off_t>(end_)) != 0) end_ = size_of(descriptor_);
    stop("can't grow: " + std::generic_category().message(reason));
    return;
  }
  places_[key] = {end_ + sizeof record, record.checksum, record.width, record.height, 3};
  end_ += size;
}

std::uint64_t PhotoCache::bytes() const {
  return size_of(descriptor_);
}

}  // namespace nevus
