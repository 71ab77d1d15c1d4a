// Decoded photos in one file, so that later epochs needn't decode them again. Several threads and
// processes may share it. Whatever is wrong with the file, the worst that happens is decoding.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "nevus/image.h"
#include "nevus/result.h"

namespace nevus {

/// Appended to, never rewritten: a header, then records of (key, size, checksum, pixels). Read with
/// pread() rather than mapped into memory: the pages come from the same page cache, and a file that
/// another program cuts short is a failed read instead of a SIGBUS.
class PhotoCache {
 public:
  using Key = std::array<std::uint8_t, 32>;

  /// Opens the file, or makes it; one of another version, or damaged at its start, is begun anew.
  /// A record that a killed program left unfinished is cut off.
  /// @param max_bytes  greatest size of the file; also never more than half of the free disk
  /// @param warn       told once where the cache has to stop growing, and of damaged records; may
  ///                   be called from any thread
  static Result<std::unique_ptr<PhotoCache>> open(const std::filesystem::path& file,
                                                  std::uint64_t max_bytes,
                                                  std::function<void(const std::string&)> warn);
  ~PhotoCache();
  PhotoCache(const PhotoCache&) = delete;
  PhotoCache& operator=(const PhotoCache&) = delete;

  /// What identifies a decoded photo: its file's path, size and time, and how it was prepared. None
  /// where the file is not there.
  static std::optional<Key> key(const std::filesystem::path& photo, const std::string& preparation);

  /// None: not in it, or its bytes are damaged.
  std::optional<Image> find(const Key& key);
  /// Does nothing where there is no room.
  void put(const Key& key, const Image& image);

  std::uint64_t found() const { return found_; }    ///< times that find() had an answer
  std::uint64_t missed() const { return missed_; }  ///< times that it had none
  std::uint64_t bytes() const;                      ///< of the file

 private:
  struct Place {
    std::uint64_t offset = 0;  // of the pixels
    std::uint64_t checksum = 0;
    std::uint32_t width = 0, height = 0, channels = 0;
  };

  PhotoCache(std::filesystem::path file, int descriptor, std::uint64_t limit,
             std::function<void(const std::string&)> warn);
  void scan();  // mutex_ and a lock on the file are held

  const std::filesystem::path file_;
  const int descriptor_;
  const std::uint64_t limit_;
  const std::function<void(const std::string&)> warn_;
  mutable std::mutex mutex_;
  std::map<Key, Place> places_;
  std::uint64_t end_ = 0;  // of the last whole record that is known
  bool full_ = false, damage_told_ = false;
  std::atomic<std::uint64_t> found_{0}, missed_{0};
};

}  // namespace nevus
