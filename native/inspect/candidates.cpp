// Tables of sampled descriptor bits.
#include "inspect/candidates.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace nevus {
namespace {

constexpr int kTables = 16;
constexpr int kKeyBits = 18;
constexpr std::uint32_t kCommon = 400;  // entries from which a key says nothing
constexpr int kLeastVotes = 11;         // a close look hardly ever finds anything below

// An entry: photo in the high bits, then 5 bits of turn, 3 bits of pyramid level.
constexpr int kTurnBits = 5, kLevelBits = 3;
constexpr int kTurns = 1 << kTurnBits;
constexpr std::size_t kMostPhotos = std::size_t{1} << (32 - kTurnBits - kLevelBits);

// A vote's place: difference of turns in sixteenths, of levels in steps of two.
constexpr int kTurnBins = 16, kZoomBins = 8;
constexpr std::size_t kBins = std::size_t{kTurnBins} * kZoomBins;

std::uint32_t key_of(const std::uint8_t* descriptor, const std::array<std::uint8_t, 32>& bits) {
  std::uint32_t key = 0;
  for (int i = 0; i < kKeyBits; ++i) {
    const std::uint8_t bit = bits[static_cast<std::size_t>(i)];
    key |= static_cast<std::uint32_t>((descriptor[bit >> 3] >> (bit & 7)) & 1) << i;
  }
  return key;
}

}  // namespace

StructureIndex::StructureIndex(const std::vector<PhotoFeatures>& photos) : photos_(photos) {
  const std::size_t n = std::min(photos.size(), kMostPhotos);
  std::mt19937 random(1);
  std::array<std::uint8_t, 256> all{};
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  tables_.resize(kTables);
  for (Table& table : tables_) {
    for (std::size_t i = 0; i < kKeyBits; ++i) {
      std::swap(all[i], all[i + random() % (all.size() - i)]);
      table.bits[i] = all[i];
    }
    table.starts.assign((std::size_t{1} << kKeyBits) + 1, 0);
    const auto each = [&](const auto& work) {
      for (std::size_t photo = 0; photo < n; ++photo) {
        const PhotoFeatures& features = photos[photo];
        for (int row = 0; row < features.descriptors.rows; ++row)
          work(photo, features.poses[static_cast<std::size_t>(row)],
               key_of(features.descriptors.ptr(row), table.bits));
      }
    };
    each([&](std::size_t, KeypointPose, std::uint32_t key) { ++table.starts[key + 1]; });
    for (std::size_t key = 1; key < table.starts.size(); ++key)
      table.starts[key] += table.starts[key - 1];
    table.entries.resize(table.starts.back());
    std::vector<std::uint32_t> at(table.starts.begin(), table.starts.end() - 1);
    each([&](std::size_t photo, KeypointPose pose, std::uint32_t key) {
      table.entries[at[key]++] =
          static_cast<std::uint32_t>(photo << (kTurnBits + kLevelBits)) |
          (static_cast<std::uint32_t>(pose.turn >> (8 - kTurnBits)) << kLevelBits) |
          std::min<std::uint32_t>(pose.level, (1u << kLevelBits) - 1);
    });
  }
}

StructureIndex::Votes::Votes(const StructureIndex& index)
    : counts_(index.photos_.size() * kBins, 0), scores_(index.photos_.size(), 0.0f) {}

void StructureIndex::nearest(std::size_t own, std::size_t count, Votes& votes,
                             std::vector<std::size_t>& out) const {
  const PhotoFeatures& features = photos_[own];
  for (const Table& table : tables_) {
    for (int row = 0; row < features.descriptors.rows; ++row) {
      const std::uint32_t key = key_of(features.descriptors.ptr(row), table.bits);
      const std::uint32_t from = table.starts[key], to = table.starts[key + 1];
      if (to - from > kCommon) continue;
      const KeypointPose pose = features.poses[static_cast<std::size_t>(row)];
      const int turn = pose.turn >> (8 - kTurnBits);
      for (std::uint32_t at = from; at < to; ++at) {
        const std::uint32_t entry = table.entries[at];
        const std::size_t photo = entry >> (kTurnBits + kLevelBits);
        const int turn_bin =
            ((turn - static_cast<int>(entry >> kLevelBits) % kTurns + kTurns) % kTurns) / 2;
        const int zoom_bin =
            (pose.level - static_cast<int>(entry & ((1u << kLevelBits) - 1)) + 8) / 2;
        std::uint8_t& bin =
            votes
                .counts_[photo * kBins + static_cast<std::size_t>(zoom_bin * kTurnBins + turn_bin)];
        if (bin < 255) ++bin;
      }
    }
  }
  // Turns between two bins give their votes to both.
  std::vector<std::size_t> best;
  for (std::size_t photo = 0; photo < photos_.size(); ++photo) {
    std::uint8_t* row = votes.counts_.data() + photo * kBins;
    int most = 0;
    for (int zoom = 0; zoom < kZoomBins; ++zoom) {
      const std::uint8_t* bins = row + zoom * kTurnBins;
      for (int turn = 0; turn < kTurnBins; ++turn)
        most = std::max(most, bins[turn] + bins[(turn + 1) % kTurnBins]);
    }
    votes.scores_[photo] = static_cast<float>(most);
    if (most >= kLeastVotes && photo != own) best.push_back(photo);
    std::fill(row, row + kBins, std::uint8_t{0});
  }
  count = std::min(count, best.size());
  std::partial_sort(
      best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), best.end(),
      [&](std::size_t a, std::size_t b) {
        return votes.scores_[a] != votes.scores_[b] ? votes.scores_[a] > votes.scores_[b] : a < b;
      });
  out.insert(out.end(), best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace nevus
