// How many pairs of photos of one lesion `nevus inspect` finds, and how many pairs of different
// lesions it takes for one. The truth (a CSV with the lesion of each photo) is used for counting
// alone.
//   inspect_recall DATA TRUTH.csv FILE_COLUMN LESION_COLUMN [across]
// "across": only pairs whose photos lie in different splits (train, test) count.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "data/csv.h"
#include "inspect/inspection.h"
#include "train/random.h"

using namespace nevus;

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr,
                 "usage: inspect_recall DATA TRUTH.csv FILE_COLUMN LESION_COLUMN [across]\n");
    return 2;
  }
  const bool across = argc > 5;
  const auto dataset = load_dataset(std::filesystem::path(argv[1]));
  std::ifstream file(argv[2], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto csv = parse_csv(text);
  if (!dataset || !csv) {
    std::fprintf(stderr, "%s\n", (!dataset ? dataset.error() : csv.error()).message.c_str());
    return 1;
  }
  const std::size_t file_column = csv->column(argv[3]), lesion_column = csv->column(argv[4]);
  if (file_column == Csv::npos || lesion_column == Csv::npos) return 1;
  std::map<std::string, std::string> lesion_of;
  const std::filesystem::path root = std::filesystem::path(argv[2]).parent_path();
  for (const CsvRow& row : csv->rows) {
    lesion_of[std::filesystem::weakly_canonical(root / row.fields[file_column]).string()] =
        row.fields[lesion_column];
  }
  std::vector<std::string> lesions;
  for (const Sample& sample : dataset->samples) {
    lesions.push_back(lesion_of[std::filesystem::weakly_canonical(sample.file).string()]);
  }

  const auto start = std::chrono::steady_clock::now();
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  Dataset ungrouped = *dataset;
  ungrouped.has_groups = false;
  const Inspection result =
      inspect(ungrouped, threads, [&](const char* stage, std::size_t at, std::size_t of) {
        // By the processor's clock as well: that of the wall counts other programs, too.
        static std::string last;
        static bool half = false;
        const bool close_look = at >= of / 2 && last == "comparing" && !half;
        if (last != stage || close_look)
          std::fprintf(
              stderr, "%s %zu/%zu after %.1f s, %.1f s of processor time\n", stage, at, of,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
              static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
        half = half || close_look;
        last = stage;
        return true;
      });
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double processor = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;

  const auto counts = [&](std::size_t a, std::size_t b) {
    return !across || dataset->samples[a].split != dataset->samples[b].split;
  };
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < lesions.size(); ++i) members[lesions[i]].push_back(i);
  std::size_t pairs = 0, found = 0, lesions_with_pairs = 0, lesions_found = 0;
  for (const auto& [lesion, photos] : members) {
    std::size_t here = 0, here_found = 0;
    for (std::size_t i = 0; i < photos.size(); ++i) {
      for (std::size_t k = i + 1; k < photos.size(); ++k) {
        if (!counts(photos[i], photos[k])) continue;
        ++here;
        here_found += result.groups[photos[i]] == result.groups[photos[k]] ? 1u : 0u;
      }
    }
    pairs += here;
    found += here_found;
    lesions_with_pairs += here > 0 ? 1u : 0u;
    lesions_found += here_found > 0 ? 1u : 0u;
  }
  std::size_t by_kind[3] = {}, wrong_by_kind[3] = {};
  for (const PhotoPair& pair : result.pairs) {
    const std::size_t a = result.readable[pair.first], b = result.readable[pair.second];
    const auto kind = static_cast<std::size_t>(pair.likeness);
    ++by_kind[kind];
    if (lesions[a] != lesions[b]) ++wrong_by_kind[kind];
  }
  // What the close look alone could find, and how often it is wrong on random pairs.
  std::vector<int> right, wrong;
  for (const auto& [lesion, photos] : members) {
    for (std::size_t i = 0; i + 1 < photos.size(); ++i) {
      if (counts(photos[i], photos[i + 1]))
        right.push_back(common_structures(result.photos[photos[i]], result.photos[photos[i + 1]]));
    }
  }
  {
    std::uint64_t draw = 7;
    for (int i = 0; i < 20000; ++i) {
      const std::size_t a = (draw = splitmix64(draw)) % result.photos.size();
      const std::size_t b = (draw = splitmix64(draw)) % result.photos.size();
      if (lesions[a] != lesions[b])
        wrong.push_back(common_structures(result.photos[a], result.photos[b]));
    }
  }
  for (const int limit : {7, 8, 9, 10, 11, 12, 14}) {
    const auto share = [&](const std::vector<int>& all) {
      return 100.0 *
             static_cast<double>(
                 std::count_if(all.begin(), all.end(), [&](int v) { return v >= limit; })) /
             static_cast<double>(all.size());
    };
    std::printf("limit %d: close look finds %.1f %%, wrong on %.3f %% of random pairs\n", limit,
                share(right), share(wrong));
  }
  // 200 random pairs of different lesions, looked at closely whatever the search would choose.
  std::size_t false_alarms = 0;
  std::uint64_t state = 1;
  for (int i = 0; i < 200;) {
    const std::size_t a = (state = splitmix64(state)) % result.photos.size();
    const std::size_t b = (state = splitmix64(state)) % result.photos.size();
    if (a == b || lesions[result.readable[a]] == lesions[result.readable[b]]) continue;
    ++i;
    false_alarms +=
        common_structures(result.photos[a], result.photos[b]) >= kSameLesionStructures ? 1u : 0u;
  }
  std::printf("%zu photos in %.1f s, %.1f s of processor time\n", result.photos.size(), seconds,
              processor);
  std::printf(
      "pairs of one lesion%s: %zu, found %zu (%.1f %%); lesions with such pairs: %zu, found %zu "
      "(%.1f %%)\n",
      across ? " across splits" : "", pairs, found,
      100.0 * static_cast<double>(found) / static_cast<double>(std::max<std::size_t>(1, pairs)),
      lesions_with_pairs, lesions_found,
      100.0 * static_cast<double>(lesions_found) /
          static_cast<double>(std::max<std::size_t>(1, lesions_with_pairs)));
  const char* kinds[3] = {"same pixels", "same picture", "same lesion"};
  for (std::size_t k = 0; k < 3; ++k) {
    std::printf("%-13s %6zu pairs named, %zu of different lesions\n", kinds[k], by_kind[k],
                wrong_by_kind[k]);
  }
  std::printf("false alarms on 200 random pairs of different lesions: %zu\n", false_alarms);
  return 0;
}
