// Published weights: names of timm and torchvision, what the networks compute with them, files.
#include "nets/weights.h"

#include <gtest/gtest.h>
#include <torch/csrc/api/include/torch/serialize.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "nets/network.h"
#include "nets/safetensors.h"
#include "train/export.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

// The names and shapes of a published network's state, in its own order, filled by a formula. The
// same was done in PyTorch 2.14.1 with torchvision 0.29.1 and timm 1.0.31, whose outputs are below.
NamedTensors filled(const std::string& list) {
  std::ifstream file(fs::path(NEVUS_PUBLISHED_DIR) / (list + ".txt"));
  NamedTensors out;
  std::string name, shape_text;
  for (double k = 0; file >> name >> shape_text; ++k) {
    std::vector<std::int64_t> shape;
    std::istringstream parts(shape_text);
    for (std::string part; std::getline(parts, part, 'x');) shape.push_back(std::stoll(part));
    std::int64_t n = 1;
    for (const std::int64_t length : shape) n *= length;
    const torch::Tensor s = torch::sin(0.7 * k + 0.37 * torch::arange(n, torch::kFloat64));
    torch::Tensor v = s * std::sqrt(2.0 / (static_cast<double>(n) / static_cast<double>(shape[0])));
    if (name.ends_with("running_var"))
      v = 1 + 0.5 * s * s;
    else if (name.ends_with("running_mean"))
      v = 0.1 * s;
    else if (shape.size() == 1)
      v = name.ends_with(".weight") ? 1 + 0.2 * s : 0.1 * s;
    out[name] = v.to(torch::kFloat32).view(shape);
  }
  return out;
}

void write(const fs::path& path, const NamedTensors& tensors) {
  TensorCollection collection;
  collection.add("", tensors);
  ASSERT_TRUE(write_safetensors(path, collection.views(), {}));
}

struct Published {
  std::string list, architecture, naming;
  int size;
  std::vector<double> logits;  // the first ones
};

void PrintTo(const Published& one, std::ostream* out) {
  *out << one.list;
}

class PublishedNetwork : public testing::TestWithParam<Published> {};

TEST_P(PublishedNetwork, ComputesWhatItsAuthorsCodeComputes) {
  const Published& one = GetParam();
  const fs::path path = fs::path(testing::TempDir()) / (one.list + ".safetensors");
  write(path, filled(one.list));
  const auto weights = read_weights(path);
  fs::remove(path);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->naming, one.naming);
  NetworkOptions options;
  options.classes = 1000;
  Network net(adapted(*find_architecture(one.architecture), *weights), options);
  const auto applied = apply_weights(*weights, net->architecture, state_of(*net), true);
  ASSERT_TRUE(applied) << applied.error().message;
  net->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor x =
      torch::sin(0.011 * torch::arange(3 * one.size * one.size, torch::kFloat64))
          .to(torch::kFloat32)
          .view({1, 3, one.size, one.size});
  const torch::Tensor logits = net->forward(x);
  for (std::size_t i = 0; i < one.logits.size(); ++i)
    EXPECT_NEAR(logits[0][static_cast<std::int64_t>(i)].item<double>(), one.logits[i], 2e-4) << i;
}

// MobileNetV3's map is one pixel here: what stands before or after pooling is then the same.
INSTANTIATE_TEST_SUITE_P(Weights, PublishedNetwork,
                         testing::Values(Published{"torchvision-efficientnet-b0",
                                                   "efficientnet-b0",
                                                   "torchvision",
                                                   64,
                                                   {-1.370345, 0.751463, 0.116854, -1.188589}},
                                         Published{"torchvision-mobilenetv3-small",
                                                   "mobilenetv3-small",
                                                   "torchvision",
                                                   32,
                                                   {1.066339, -1.018220, -0.221968, 1.300702}},
                                         Published{"timm-tf_efficientnet_lite0",
                                                   "efficientnet-lite0",
                                                   "timm",
                                                   64,
                                                   {-1.816367, 1.020151, 0.437529, -1.691822}},
                                         Published{"timm-mobilenetv3-large",
                                                   "mobilenetv3-large",
                                                   "timm",
                                                   32,
                                                   {0.966640, -1.430904, 0.904738, -0.109360}},
                                         Published{"timm-tf_efficientnet_b1",
                                                   "efficientnet-b1",
                                                   "timm",
                                                   64,
                                                   {-4.266058, 1.975207, 1.200396, -3.848963}}));

TEST(Weights, APthOfTorchSaveIsReadAlsoBelowAStateDict) {
  const NamedTensors tensors = filled("torchvision-mobilenetv3-small");
  c10::impl::GenericDict state(c10::StringType::get(), c10::AnyType::get());
  for (const auto& [name, tensor] : tensors) state.insert("module." + name, tensor);
  c10::impl::GenericDict outer(c10::StringType::get(), c10::AnyType::get());
  outer.insert("epoch", std::int64_t{3});
  outer.insert("state_dict", state);
  const fs::path path = fs::path(testing::TempDir()) / "nevus-weights.pth";
  const std::vector<char> bytes = torch::pickle_save(outer);
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const auto weights = read_weights(path);
  ASSERT_TRUE(weights) << weights.error().message;
  EXPECT_EQ(weights->naming, "torchvision");
  EXPECT_EQ(weights->tensors.size(), tensors.size());
  Network net(*find_architecture("mobilenetv3-small"), NetworkOptions{});
  EXPECT_TRUE(apply_weights(*weights, net->architecture, state_of(*net), true));
  // Cut short, or no archive at all: a line, not a crash.
  for (const std::size_t length : {bytes.size() / 2, std::size_t{100}, std::size_t{0}}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(length));
    const auto cut = read_weights(path);
    ASSERT_FALSE(cut);
    EXPECT_NE(cut.error().message.find("nevus-weights.pth"), std::string::npos);
  }
  fs::remove(path);
}

TEST(Weights, AMismatchNamesTheLayerAsTheFileDoes) {
  const fs::path path = fs::path(testing::TempDir()) / "nevus-odd.safetensors";
  NamedTensors tensors = filled("torchvision-efficientnet-b0");
  tensors["features.3.0.block.1.0.weight"] = torch::zeros({7, 1, 5, 5});
  write(path, tensors);
  const auto weights = read_weights(path);
  ASSERT_TRUE(weights);
  Network net(*find_architecture("efficientnet-b0"), NetworkOptions{});
  const torch::Tensor before = net->stem->weight.detach().clone();
  const auto wrong = apply_weights(*weights, net->architecture, state_of(*net), false);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message,
            "layer features.3.0.block.1.0.weight has shape [7, 1, 5, 5], expected [144, 1, 5, 5]");
  EXPECT_TRUE(before.equal(net->stem->weight)) << "a refused file changes nothing";
  // Another network's weights: the first layer that is not there.
  Network large(*find_architecture("mobilenetv3-large"), NetworkOptions{});
  EXPECT_FALSE(apply_weights(*weights, large->architecture, state_of(*large), false));
  write(path, {{"layer", torch::zeros({2})}});
  const auto odd = read_weights(path);
  ASSERT_FALSE(odd);
  EXPECT_NE(odd.error().message.find("named neither as in timm"), std::string::npos);
  fs::remove(path);
}

TEST(Weights, AModelPackageComesBackAsTheNetworkItWas) {
  torch::manual_seed(4);
  NetworkOptions options;
  options.classes = 3;
  for (const char* name : {"efficientnet-lite0", "efficientnet-b0", "mobilenetv3-small"}) {
    Architecture architecture = *find_architecture(name);
    architecture.size = 64;
    Network net(architecture, options);
    // Batch-norm that does something.
    for (const auto& [key, tensor] : state_of(*net)) {
      torch::Tensor t = tensor;
      if (key.ends_with("running_var")) t.uniform_(0.5, 1.5);
      if (key.ends_with("running_mean")) t.normal_(0, 0.2);
    }
    net->eval();
    const PreprocessSpec input = network_input(architecture);
    const auto onnx = export_onnx(net, input, WeightStorage::float32).value();
    const torch::NoGradGuard no_grad;
    const torch::Tensor x = torch::randn({2, 3, 64, 64});
    const std::vector<float> values(x.const_data_ptr<float>(),
                                    x.const_data_ptr<float>() + x.numel());
    // What ONNX Runtime makes of the file is what LibTorch makes of the network.
    const auto check = check_export(onnx, net, input, values, 2, 1e-4);
    ASSERT_TRUE(check) << name << ": " << check.error().message;

    const fs::path path = fs::path(testing::TempDir()) / "nevus-package.onnx";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(onnx.data()),
               static_cast<std::streamsize>(onnx.size()));
    const auto weights = read_weights(path);
    fs::remove(path);
    ASSERT_TRUE(weights) << weights.error().message;
    Network back(adapted(architecture, *weights), options);
    const auto applied = apply_weights(*weights, architecture, state_of(*back), true);
    ASSERT_TRUE(applied) << applied.error().message;
    back->eval();
    EXPECT_LT((net->forward(x) - back->forward(x)).abs().max().item<float>(), 1e-4f) << name;
  }
}

}  // namespace
}  // namespace nevus
