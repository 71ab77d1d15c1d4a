// The weights in an ONNX file that graph.h wrote, however storage.h stored them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nevus/result.h"

namespace nevus {

struct OnnxTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;  ///< float16 widened, int8 scaled
};

/// By name, without the ".float16" of stored halves and the ".int8" of integers. Errors: not
/// protobuf, a tensor whose bytes don't fit its shape, integers without scales.
Result<std::map<std::string, OnnxTensor>> read_initializers(std::span<const std::uint8_t> onnx);

}  // namespace nevus
