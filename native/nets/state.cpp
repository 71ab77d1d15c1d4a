// A module's state as named tensors.
#include "nets/state.h"

#include <sstream>

namespace nevus {
namespace {

std::string text_of(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

}  // namespace

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors state;
  for (const auto& entry : module.named_parameters()) {
    state[entry.key()] = entry.value().detach();
  }
  for (const auto& entry : module.named_buffers()) {
    // num_batches_tracked counts for nothing here: momentum is fixed.
    if (entry.value().is_floating_point()) {
      state[entry.key()] = entry.value().detach();
    }
  }
  return state;
}

Result<bool> load_state(const SafeTensors& file, const NamedTensors& target,
                        const std::string& prefix, const std::string& skip) {
  torch::NoGradGuard no_grad;
  // All checked before the first is changed: a refused file leaves the network as it was.
  for (const auto& [name, tensor] : target) {
    if (!skip.empty() && name.rfind(skip, 0) == 0) {
      continue;
    }
    const TensorView* view = file.find(prefix + name);
    if (view == nullptr) {
      return Error{"layer " + prefix + name + " is missing", prefix + name};
    }
    if (view->type != TensorType::f32 || c10::IntArrayRef(view->shape) != tensor.sizes()) {
      return Error{"layer " + prefix + name + " has shape " + text_of(view->shape) + ", expected " +
                       text_of(tensor.sizes()),
                   prefix + name};
    }
  }
  for (const auto& [name, tensor] : target) {
    if (!skip.empty() && name.rfind(skip, 0) == 0) {
      continue;
    }
    const TensorView* view = file.find(prefix + name);
    torch::Tensor values = torch::empty(view->shape, torch::kFloat32);
    std::copy(view->bytes.begin(), view->bytes.end(),
              static_cast<std::uint8_t*>(values.mutable_data_ptr()));
    if (!values.isfinite().all().item<bool>()) {
      return Error{"layer " + prefix + name + " holds values that are not finite", prefix + name};
    }
    torch::Tensor destination = tensor;
    destination.copy_(values);
  }
  return true;
}

void TensorCollection::add(const std::string& name, const torch::Tensor& tensor) {
  TORCH_CHECK(tensor.scalar_type() == torch::kFloat32 || tensor.scalar_type() == torch::kInt64,
              name, ": only float32 and int64 tensors are stored");
  const torch::Tensor flat = tensor.detach().to(torch::kCPU).contiguous();
  owners_.push_back(flat);
  TensorView view;
  view.type = tensor.scalar_type() == torch::kFloat32 ? TensorType::f32 : TensorType::i64;
  view.shape = flat.sizes().vec();
  view.bytes = {static_cast<const std::uint8_t*>(flat.const_data_ptr()),
                static_cast<std::size_t>(flat.nbytes())};
  views_[name] = std::move(view);
}

void TensorCollection::add(const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors) {
    add(prefix + name, tensor);
  }
}

}  // namespace nevus
