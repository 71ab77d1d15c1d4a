// The outline against masks that people drew; docs/lesion.md has the figures.
#include <gtest/gtest.h>

#include "lesion_masks.h"

namespace {

namespace fs = std::filesystem;
using namespace nevus;
using namespace nevus::test;

TEST(LesionOnPhotos, OverlapsTheMasksThatPeopleDrew) {
  const fs::path folder = fs::path(NEVUS_DATA_DIR) / "ham10000";
  if (!fs::is_directory(folder / "masks")) GTEST_SKIP() << folder << " is not there, skipped";
  const std::vector<fs::path> files = mask_files(folder);
  ASSERT_FALSE(files.empty());
#ifdef __SANITIZE_ADDRESS__
  constexpr std::size_t step = 20;  // this is about memory, and ten times slower
#else
  constexpr std::size_t step = 2;
#endif
  // The odd ones: the method was tuned on the others.
  double sum = 0, jaccard = 0, n = 0, low = 0;
  for (std::size_t i = 1; i < files.size(); i += step) {
    const Masked one = read_masked(files[i]);
    const double overlap =
        dice(filled(find_lesion(one.photo.view()), one.photo, one.mask.size()), one.mask);
    sum += overlap;
    jaccard += overlap / (2 - overlap);
    low += overlap < 0.5;
    ++n;
  }
  std::printf("%.0f masks: mean Dice %.4f, mean Jaccard %.4f, below 0.5: %.0f\n", n, sum / n,
              jaccard / n, low);
  EXPECT_GE(sum / n, 0.83);
  EXPECT_GE(jaccard / n, 0.73);
  EXPECT_LE(low / n, 0.05);
}

}  // namespace
