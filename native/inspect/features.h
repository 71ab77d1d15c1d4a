// What `nevus inspect` measures of one photo, and what it keeps of it to find others like it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <opencv2/features2d.hpp>
#include <string>
#include <vector>

#include "nevus/quality.h"
#include "nevus/result.h"

namespace nevus {

/// The signs of low frequencies and the colours of rings: cheap to compare with thousands.
inline constexpr int kLayoutSize = 63;  ///< 8 x 8 cosine coefficients without the first
inline constexpr int kColorSize =
    24;  ///< 4 rings x (mean, deviation) x (brightness, red-green, blue-yellow)

/// Turn and size of a keypoint, as far as two photos of one lesion have to agree on them.
struct KeypointPose {
  std::uint8_t turn = 0;   ///< of a full turn in 256 steps
  std::uint8_t level = 0;  ///< of the image pyramid, each 1.2 times smaller than the one before
};

struct PhotoFeatures {
  int width = 0, height = 0;  ///< pixels, upright
  std::uintmax_t bytes = 0;   ///< of the file
  std::string file_hash;      ///< SHA-256 of the file, hex
  std::string pixel_hash;     ///< SHA-256 of the decoded pixels
  Quality quality;
  std::array<float, kLayoutSize> layout{};  ///< unit length
  std::array<float, kColorSize> color{};
  cv::Mat details;  ///< 44 x 44 floats: the middle's grey values without the broad strokes; 0
                    ///< outside of a dermatoscope's round view
  std::vector<cv::Point2f> keypoints;  ///< in a frame whose shorter side is 224 pixels
  std::vector<KeypointPose> poses;     ///< one a keypoint
  cv::Mat descriptors;                 ///< n x 32 bytes (ORB; Rublee et al., ICCV 2011)
};

/// Measures photos; not for two threads at once.
class FeatureExtractor {
 public:
  FeatureExtractor();
  /// The error is one line with the reason, without the file's name.
  Result<PhotoFeatures> extract(const std::filesystem::path& file);

 private:
  cv::Ptr<cv::Feature2D> detector_;
};

}  // namespace nevus
