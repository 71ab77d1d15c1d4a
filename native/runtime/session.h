// Runs an exported model package with ONNX Runtime: the file itself, never the network it came
// from.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"

namespace nevus {

struct ModelOutput {
  std::vector<float> logits;    ///< N * C
  std::vector<float> cam;       ///< N * C * h * w
  std::vector<float> distance;  ///< N; empty where the package has no typicality
};

class Session {
 public:
  /// Reads and checks the package (hash, shapes), makes the session, runs the self-test.
  /// Errors are one line that names the file and the reason.
  static Result<Session> open(const std::filesystem::path& onnx, int threads = 0);
  static Result<Session> open(std::span<const std::uint8_t> onnx, int threads = 0);

  /// @param images  N * 3 * H * W floats
  Result<ModelOutput> run(std::span<const float> images, int n) const;
  const ModelPackage& package() const;

  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Bare run without package checks, for export's own comparison and for self-test logits.
Result<ModelOutput> run_onnx(std::span<const std::uint8_t> onnx, std::span<const float> images,
                             int n, int channels, int height, int width);

/// Bare run of any network with the input `image`: what its outputs say, image after image.
/// @param images   n * channels * height * width floats
/// @param outputs  names of float32 outputs whose first axis is the image
Result<std::map<std::string, std::vector<float>>> run_outputs(
    std::span<const std::uint8_t> onnx, std::span<const float> images, int n, int channels,
    int height, int width, const std::vector<std::string>& outputs);

}  // namespace nevus
