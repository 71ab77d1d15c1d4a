// Which photos can't be judged, on made pictures.
#include "nevus/quality.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "pictures.h"

namespace {

using namespace nevus;
using namespace nevus::test;

bool has(const Quality& quality, QualityIssue issue) {
  return std::find(quality.issues.begin(), quality.issues.end(), issue) != quality.issues.end();
}

TEST(Quality, ASharpLesionIsJudgeableAtAnySize) {
  for (const auto& [w, h] : {std::pair{200, 150}, {224, 224}, {600, 450}, {3000, 2000}}) {
    const Quality quality = assess_quality(lesion_picture(w, h).view());
    EXPECT_TRUE(quality.judgeable()) << w << " sharpness " << quality.sharpness;
    EXPECT_EQ(quality.width, w);
    EXPECT_EQ(quality.height, h);
  }
}

TEST(Quality, BlackWhiteAndUniformAreRefused) {
  const Quality black = assess_quality(uniform_picture(300, 300, PixelFormat::rgb, 0).view());
  EXPECT_TRUE(has(black, QualityIssue::too_dark));
  EXPECT_DOUBLE_EQ(black.brightness, 0);
  EXPECT_DOUBLE_EQ(black.clipped, 1);
  const Quality white = assess_quality(uniform_picture(300, 300, PixelFormat::rgb, 255).view());
  EXPECT_TRUE(has(white, QualityIssue::too_bright));
  EXPECT_DOUBLE_EQ(white.brightness, 1);
  EXPECT_DOUBLE_EQ(white.clipped, 1);
  const Quality gray = assess_quality(uniform_picture(300, 300, PixelFormat::gray, 140).view());
  EXPECT_TRUE(has(gray, QualityIssue::no_contrast));
  EXPECT_DOUBLE_EQ(gray.contrast, 0);
  EXPECT_DOUBLE_EQ(gray.clipped, 0);
}

TEST(Quality, SmallIsRefused) {
  EXPECT_TRUE(has(assess_quality(lesion_picture(63, 400).view()), QualityIssue::too_small));
  EXPECT_TRUE(has(assess_quality(lesion_picture(400, 63).view()), QualityIssue::too_small));
  EXPECT_FALSE(has(assess_quality(lesion_picture(64, 64).view()), QualityIssue::too_small));
  EXPECT_TRUE(
      has(assess_quality(noise_picture(1, 1, PixelFormat::rgb).view()), QualityIssue::too_small));
}

TEST(Quality, HeavyBlurIsRefusedAndContrastDoesNotHideIt) {
  const Image sharp = lesion_picture(512, 512);
  const cv::Mat from(512, 512, CV_8UC3, const_cast<std::uint8_t*>(sharp.pixels.data()));
  cv::Mat blurred;
  cv::GaussianBlur(from, blurred, cv::Size(), 12);
  for (const double gain : {1.0, 0.5, 0.3}) {
    cv::Mat scaled;
    blurred.convertTo(scaled, -1, gain, 128 * (1 - gain));
    const Quality quality =
        assess_quality({scaled.data, 512, 512, scaled.step[0], PixelFormat::rgb});
    EXPECT_TRUE(has(quality, QualityIssue::too_blurred)) << quality.sharpness;
  }
}

TEST(Quality, FormatsAgree) {
  const Image rgb = lesion_picture(300, 200);
  const Quality a = assess_quality(rgb.view());
  const Quality b = assess_quality(with_format(rgb, PixelFormat::rgba).view());
  EXPECT_EQ(a.sharpness, b.sharpness);
  EXPECT_EQ(a.brightness, b.brightness);
  EXPECT_EQ(a.contrast, b.contrast);
  EXPECT_EQ(a.clipped, b.clipped);
}

TEST(Quality, EveryIssueHasAWordAndASentence) {
  using enum QualityIssue;
  EXPECT_EQ(id(too_blurred), "too_blurred");
  EXPECT_EQ(sentence(too_blurred), "The photo is too blurred.");
  std::vector<std::string_view> seen;
  for (const auto issue : {too_small, too_blurred, too_dark, too_bright, no_contrast}) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), id(issue)), 0);
    seen.push_back(id(issue));
    EXPECT_EQ(sentence(issue).back(), '.');
  }
}

}  // namespace
