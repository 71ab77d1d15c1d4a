// How the kernels in a network's file are stored, and changing that in a file that is there.
//
// The network computes in float32 whatever the storage: a Cast (float16), or a Cast and a Mul by a
// scale for each output channel (int8), stands behind each kernel, which every session of ONNX
// Runtime folds away when it is made (docs/quantisation.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nevus/result.h"

namespace nevus {

/// float32: as they are.
/// float16: pointwise kernels are halves; kernels over several pixels, those that see one pixel
///   (behind a global average) and the one that makes the class maps stay float32: a twentieth of
///   the weights, and with few numbers to average over the greater part of what rounding does.
/// int8: pointwise kernels of at least 65,536 weights are integers with a scale for each output
///   channel, smaller ones are halves, as are kernels over several or of one pixel of at least
///   4,096 weights; the rest and the class maps' kernel stay float32.
/// Kernels that the narrower number can't hold (infinite, or rounded by more than a part in 1,000)
/// stay float32; biases always do: a hundredth of the bytes.
enum class WeightStorage { float16, int8, float32 };

std::string_view name(WeightStorage storage);
/// The storage of that name.
std::optional<WeightStorage> weight_storage(std::string_view name);

/// Mean input of each channel by the Conv node's name.
using InputMeans = std::map<std::string, std::vector<float>>;

/// The same network, its kernels stored anew. What rounding a kernel shifts on average, given the
/// mean of its input, goes into its bias (Nagel et al., "Data-Free Quantization", ICCV 2019, 4.2).
/// A kernel that already is as the storage wants it keeps its bytes.
/// @param onnx   as OnnxGraph or this function wrote it; a package's description is left out, since
///               the graph's hash changes
/// @param means  of Convs without an entry the bias stays
/// Errors: not protobuf, tensors or nodes that contradict each other.
Result<std::vector<std::uint8_t>> store_weights(std::span<const std::uint8_t> onnx,
                                                WeightStorage storage,
                                                const InputMeans& means = {});

/// A network to measure InputMeans with.
struct ProbedNetwork {
  struct Output {
    std::string name;
    std::size_t channels = 0;
  };
  std::vector<std::uint8_t> onnx;         ///< the network with further outputs [images, C, 1, 1]; a
                                          ///< network may see a photo as several images
  std::map<std::string, Output> outputs;  ///< by the Conv node's name
};
/// One output for each Conv with a bias whose kernel `storage` rounds.
Result<ProbedNetwork> probe_inputs(std::span<const std::uint8_t> onnx, WeightStorage storage);

}  // namespace nevus
