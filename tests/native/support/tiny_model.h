// A model package that is made in a moment: one convolution, no training, no LibTorch.
#pragma once

#include <cstdint>
#include <vector>

#include "nevus/package.h"

namespace nevus::test {

/// The package's fields as tiny_model() fills them in, to be spoilt by a test.
ModelPackage tiny_package();

/// A valid .onnx with the package inside. Input 64x64, classes benign and malignant, cam 2x2. Dark
/// photos score as malignant, and so do photos whose upper left is darker than the rest: a turned
/// or mirrored photo gets another answer.
std::vector<std::uint8_t> tiny_model();

/// The network without metadata. Classes beyond two have a logit of 0 always: mid grey photos are
/// theirs.
std::vector<std::uint8_t> tiny_network(int classes = 2);

/// The network with this package's text, whatever it says (hash and self-test logits are filled
/// in).
std::vector<std::uint8_t> tiny_model_with(ModelPackage package);

/// A network of the same shape with every kind of kernel that a trained one has (over several
/// pixels, depthwise, pointwise large and small, behind a global average), made of random numbers:
/// large enough for integers. A channel of the second layer is all zeros. Float32, without
/// metadata.
std::vector<std::uint8_t> wide_network();

/// A network with this package's text; hash and self-test logits are filled in.
std::vector<std::uint8_t> described(std::vector<std::uint8_t> onnx, ModelPackage package);

}  // namespace nevus::test
