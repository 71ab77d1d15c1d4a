// A module's parameters and buffers as named tensors, from and to safetensors.
#pragma once

#include <torch/nn/module.h>

#include <map>
#include <string>

#include "nets/safetensors.h"
#include "nevus/result.h"

namespace nevus {

/// Name to tensor: a module's parameters and float buffers (they share memory with the module).
using NamedTensors = std::map<std::string, torch::Tensor>;

NamedTensors state_of(const torch::nn::Module& module);

/// Copies every tensor of `target` from the file, values alone; names are looked up with `prefix`
/// before them. Tensors whose name starts with `skip` (if not empty) keep what they have.
/// The error names the first tensor that is missing or has another shape.
Result<bool> load_state(const SafeTensors& file, const NamedTensors& target,
                        const std::string& prefix = "", const std::string& skip = "");

/// Owns row-major CPU copies for as long as the views that it gives are used.
class TensorCollection {
 public:
  void add(const std::string& name, const torch::Tensor& tensor);
  void add(const std::string& prefix, const NamedTensors& tensors);
  const std::map<std::string, TensorView>& views() const { return views_; }

 private:
  std::vector<torch::Tensor> owners_;
  std::map<std::string, TensorView> views_;
};

}  // namespace nevus
