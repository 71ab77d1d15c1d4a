// The quality check's thresholds on real photos: nearly all are judged, and none once blurred.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "image_io/photo.h"
#include "nevus/detail/pixels.h"
#include "nevus/quality.h"

namespace {

namespace fs = std::filesystem;
using namespace nevus;

class QualityOnPhotos : public testing::TestWithParam<const char*> {};

TEST_P(QualityOnPhotos, NearlyAllAreJudgedAndNoneWhenBlurred) {
  const fs::path folder = fs::path(NEVUS_DATA_DIR) / GetParam();
  if (!fs::is_directory(folder)) GTEST_SKIP() << folder << " is not there, skipped";
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".jpg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
#ifdef __SANITIZE_ADDRESS__
  // Every tenth will do: this is about memory, and ten times slower.
  for (std::size_t i = 0; i * 10 < files.size(); ++i) files[i] = files[i * 10];
  files.resize((files.size() + 9) / 10);
#endif
  ASSERT_FALSE(files.empty());

  std::size_t refused = 0, refused_blurred = 0;
  std::vector<double> sharp, blurred;
  for (const fs::path& file : files) {
    const auto photo = read_photo(file);
    ASSERT_TRUE(photo.ok()) << file << ": " << photo.error().message;
    const Quality quality = assess_quality(photo->view());
    refused += !quality.judgeable();
    sharp.push_back(quality.sharpness);

    Image square = detail::square_rgb(photo->view(), 256);
    cv::Mat pixels(256, 256, CV_8UC3, square.pixels.data());
    cv::GaussianBlur(pixels, pixels, cv::Size(), 6);
    const Quality worse = assess_quality(square.view());
    refused_blurred += !worse.judgeable();
    blurred.push_back(worse.sharpness);
  }
  std::sort(sharp.begin(), sharp.end());
  std::sort(blurred.begin(), blurred.end());
  const std::size_t n = files.size();
  RecordProperty("least_sharpness", std::to_string(sharp.front()));
  RecordProperty("greatest_blurred_sharpness", std::to_string(blurred.back()));
  EXPECT_LE(refused * 100, n) << "sharpness from " << sharp.front() << " to " << sharp.back();
  EXPECT_GE(refused_blurred * 100, n * 99)
      << "blurred sharpness from " << blurred.front() << " to " << blurred.back();
}

INSTANTIATE_TEST_SUITE_P(Data, QualityOnPhotos, testing::Values("kaggle", "bcn", "photos"));

}  // namespace
