// Which photos share structures with a photo: an index over the descriptors of thousands of photos,
// asked without looking at every pair.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "inspect/features.h"

namespace nevus {

/// Locality-sensitive hashing of binary descriptors by samples of their bits (Indyk & Motwani,
/// STOC 1998), with a vote for the turn and the zoom that lead from one photo to the other
/// (Jégou, Douze & Schmid, "Hamming Embedding and Weak Geometric Consistency", ECCV 2008):
/// structures of one lesion agree on them, chance hits do not. 64 bytes a descriptor.
class StructureIndex {
 public:
  explicit StructureIndex(const std::vector<PhotoFeatures>& photos);

  /// Scratch memory of one thread.
  class Votes {
   public:
    explicit Votes(const StructureIndex& index);

   private:
    friend class StructureIndex;
    std::vector<std::uint8_t> counts_;  // a row a photo
    std::vector<float> scores_;
  };

  /// The up to `count` photos with most votes for one turn and zoom, photo `own` left out; appended
  /// to `out`. The same whatever was asked before.
  void nearest(std::size_t own, std::size_t count, Votes& votes,
               std::vector<std::size_t>& out) const;

 private:
  struct Table {
    std::array<std::uint8_t, 32> bits{};  // which bits of a descriptor make the key
    std::vector<std::uint32_t> starts;    // of each key's entries
    std::vector<std::uint32_t> entries;   // photo, turn, level
  };
  const std::vector<PhotoFeatures>& photos_;
  std::vector<Table> tables_;
};

}  // namespace nevus
