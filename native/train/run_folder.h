// The folder that a training run writes, and where the ImageNet weights lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"
#include "report/report.h"

namespace nevus {

class RunFolder {
 public:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path model() const { return path_ / "model.onnx"; }
  std::filesystem::path description() const { return path_ / "model.json"; }
  std::filesystem::path history() const { return path_ / "history.csv"; }
  std::filesystem::path report() const { return path_ / "report.html"; }
  std::filesystem::path validation() const { return path_ / "validation.csv"; }
  std::filesystem::path checkpoint() const { return path_ / "checkpoint"; }
  /// Decoded photos, while the run is not finished.
  std::filesystem::path cache() const { return path_ / "photos.cache"; }
  /// The folder's own name, or "model".
  std::string name() const;

  /// Makes the folder and proves that it can be written. Refuses a file in its place, and a run
  /// that is already there unless it is to be resumed or overwritten (`force` removes its files).
  Result<bool> prepare(bool resume, bool force) const;

  /// Epoch by epoch, no times: the same training writes the same bytes.
  Result<bool> write_history(const std::vector<EpochRecord>& history) const;

  /// Atomic: a temporary file beside it, then renamed. The error names the file.
  Result<bool> write(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) const;

 private:
  std::filesystem::path path_;
};

/// ARCH-imagenet.safetensors in $NEVUS_WEIGHTS_DIR, else where set-up put it.
Result<std::filesystem::path> imagenet_weights(const std::string& architecture);

/// A class of the package from a label text: an id of the letters that ids may have.
ModelClass model_class(const std::string& label, bool malignant);

}  // namespace nevus
