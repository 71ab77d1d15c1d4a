// A trained network as an ONNX file, and the proof that the file says what the network says.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "nets/network.h"
#include "nevus/preprocess.h"
#include "nevus/result.h"
#include "onnx/storage.h"
#include "train/typicality.h"

namespace nevus {

/// The network with batch-norm folded into its convolutions (in double precision), outputs `cam`
/// and `logits`, without metadata.
/// @param calibration  n * 3 * H * W floats, typical inputs, by which biases make up for rounded
///                     kernels; may be empty
/// @param typicality   adds the output `distance` [N, 1]; null: none
Result<std::vector<std::uint8_t>> export_onnx(Network& net, const PreprocessSpec& input,
                                              WeightStorage storage,
                                              std::span<const float> calibration = {},
                                              const EmbeddingGaussian* typicality = nullptr);

struct ExportCheck {
  int images = 0;
  double logits = 0;  ///< greatest absolute difference to LibTorch
  double cam = 0;
};

/// Runs file and network (in evaluation mode, on its device) on the same images.
/// @param images  n * 3 * H * W floats
/// An error where the file can't be run or its logits differ by more than `tolerance`.
Result<ExportCheck> check_export(std::span<const std::uint8_t> onnx, Network& net,
                                 const PreprocessSpec& input, std::span<const float> images, int n,
                                 double tolerance);

}  // namespace nevus
