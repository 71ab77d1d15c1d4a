// A network's weights in another storage: calibrated on photos, and proved on them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nevus/package.h"
#include "nevus/result.h"
#include "onnx/storage.h"

namespace nevus {

/// store_weights() with the means of `images` (n * 3 * height * width floats, may be none).
Result<std::vector<std::uint8_t>> store_calibrated(std::span<const std::uint8_t> onnx,
                                                   WeightStorage storage,
                                                   std::span<const float> images,
                                                   const PreprocessSpec& input);

/// Greatest absolute difference of logits to the float32 network that this storage may show on the
/// photos that it is checked on: several times what is measured (docs/quantisation.md).
double storage_tolerance(WeightStorage storage);

struct Conversion {
  std::vector<std::uint8_t> onnx;  ///< with its description
  ModelPackage package;
  int images = 0;             ///< that it was compared on, the self-test's input among them
  double logits = 0;          ///< greatest absolute difference to the package it was made from
  double typical_logits = 0;  ///< its root mean square
  double distance = 0;        ///< greatest difference of the distance, relative to the limit
};

/// A model package with its weights stored anew. Hash, self-test and record are the new file's; the
/// figures, the threshold and the temperature stay: they are the network's.
/// @param images  n * 3 * H * W floats: the first half calibrates, all are compared
/// Errors: no package, one that fails its own self-test, or logits that differ by more than
/// `tolerance`.
Result<Conversion> convert_package(std::span<const std::uint8_t> onnx, WeightStorage storage,
                                   std::span<const float> images, double tolerance);

}  // namespace nevus
