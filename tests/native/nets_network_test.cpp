// The network: size, shape, maps, and that the ImageNet weights mean what they say.
#include <gtest/gtest.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "image_io/photo.h"
#include "nets/network.h"
#include "nets/safetensors.h"
#include "nets/state.h"
#include "train/run_folder.h"

namespace nevus {
namespace {

std::int64_t parameter_count(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

Network lite0(int classes, Padding padding = Padding::tf_same) {
  NetworkOptions options;
  options.classes = classes;
  Architecture architecture = *find_architecture("efficientnet-lite0");
  architecture.padding = padding;
  return Network(architecture, options);
}

// What torchvision 0.29.1 and timm 1.0.31 count for a thousand classes, MobileNetV3's paper and the
// EfficientNet paper rounded (B0: 5.3 M … B7: 66 M; Lite: 4.7, 5.4, 6.1, 8.2, 13.0 M).
TEST(Networks, HaveThePublishedNumberOfParameters) {
  const std::map<std::string, std::int64_t> published{
      {"efficientnet-lite0", 4652008}, {"efficientnet-b0", 5288548},  {"efficientnet-b1", 7794184},
      {"efficientnet-b2", 9109994},    {"efficientnet-b3", 12233232}, {"efficientnet-b4", 19341616},
      {"efficientnet-b5", 30389784},   {"efficientnet-b6", 43040704}, {"efficientnet-b7", 66347960},
      {"mobilenetv3-small", 2542856},  {"mobilenetv3-large", 5483032}};
  const double lite_millions[] = {4.7, 5.4, 6.1, 8.2, 13.0};
  int lite = 0;
  for (const Architecture& architecture : architectures()) {
    const Network net(architecture, NetworkOptions{});
    const std::int64_t count = parameter_count(*net);
    const auto exact = published.find(architecture.name);
    if (exact != published.end()) {
      EXPECT_EQ(count, exact->second) << architecture.name;
    }
    if (architecture.name.find("lite") != std::string::npos) {
      EXPECT_NEAR(static_cast<double>(count) / 1e6, lite_millions[lite++], 0.051)
          << architecture.name;
    }
  }
  EXPECT_EQ(lite, 5);
}

// The reference code's table: B7 doubles the channels and multiplies the blocks by 3.1.
TEST(Networks, ScaleCompoundly) {
  EXPECT_EQ(scaled_channels(32, 1.1), 32);  // 35.2: not down by more than a tenth
  EXPECT_EQ(scaled_channels(16, 1.4), 24);  // 22.4
  EXPECT_EQ(scaled_channels(24, 1.2), 32);  // 28.8: 24 would be a sixth less
  EXPECT_EQ(scaled_channels(1280, 1.6), 2048);
  const auto blocks = [](const char* name) { return find_architecture(name)->blocks.size(); };
  EXPECT_EQ(blocks("efficientnet-b0"), 16u);
  EXPECT_EQ(blocks("efficientnet-b4"), 32u);
  EXPECT_EQ(blocks("efficientnet-b7"), 55u);
  EXPECT_EQ(blocks("efficientnet-lite0"), 16u);
  EXPECT_EQ(find_architecture("efficientnet-b7")->head, 2560);
  EXPECT_EQ(find_architecture("efficientnet-b7")->stem, 64);
  EXPECT_FALSE(find_architecture("resnet50"));
}

TEST(Networks, EveryOneHasAMapOfAThirtysecond) {
  const torch::NoGradGuard no_grad;
  for (const char* name : {"efficientnet-lite1", "efficientnet-b1", "efficientnet-b2",
                           "mobilenetv3-small", "mobilenetv3-large"}) {
    NetworkOptions options;
    options.classes = 2;
    Network net(*find_architecture(name), options);
    net->eval();
    const torch::Tensor features = net->forward_features(torch::randn({1, 3, 96, 96}));
    EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{1, net->architecture.features(), 3, 3}))
        << name;
    const torch::Tensor x = torch::randn({2, 3, 96, 96});
    EXPECT_LT(
        (net->cam(net->forward_features(x)).mean({2, 3}) + net->classifier->bias - net->forward(x))
            .abs()
            .max()
            .item<float>(),
        1e-5f)
        << name;
    // Gradients reach every parameter.
    torch::AutoGradMode with_gradients(true);
    net->train();
    net->forward(x).square().sum().backward();
    for (const auto& entry : net->named_parameters())
      EXPECT_TRUE(entry.value().grad().defined()) << name << " " << entry.key();
  }
}

TEST(Networks, MapsAverageToTheLogits) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  Network net = lite0(3);
  torch::nn::init::normal_(net->classifier->weight, 0.0, 0.1);
  torch::nn::init::normal_(net->classifier->bias, 0.0, 0.1);
  net->eval();
  const torch::Tensor x = torch::randn({2, 3, 224, 224});
  const torch::Tensor features = net->forward_features(x);
  EXPECT_EQ(features.sizes(), (std::vector<std::int64_t>{2, 1280, 7, 7}));
  const torch::Tensor cam = net->cam(features);
  EXPECT_EQ(cam.sizes(), (std::vector<std::int64_t>{2, 3, 7, 7}));
  const torch::Tensor logits = net->forward(x);
  EXPECT_GT(logits.abs().max().item<float>(), 0.01f);
  EXPECT_LT((cam.mean({2, 3}) + net->classifier->bias - logits).abs().max().item<float>(), 1e-5f);
}

TEST(Networks, PadsAsTensorFlowDoes) {
  const auto pads = [](int length, int kernel, int stride) {
    return PaddedConv(1, 1, kernel, stride, 1, Padding::tf_same)->pads(length);
  };
  EXPECT_EQ(pads(224, 3, 2), (std::pair{0, 1}));
  EXPECT_EQ(pads(225, 3, 2), (std::pair{1, 1}));
  EXPECT_EQ(pads(28, 5, 2), (std::pair{1, 2}));
  EXPECT_EQ(pads(28, 5, 1), (std::pair{2, 2}));
  EXPECT_EQ(pads(7, 1, 1), (std::pair{0, 0}));
}

TEST(Networks, AWrongFileNamesTheLayer) {
  Network net = lite0(2);
  Network other = lite0(3);
  TensorCollection collection;
  collection.add("", state_of(*other));
  const auto path = std::filesystem::path(testing::TempDir()) / "nevus-other.safetensors";
  ASSERT_TRUE(write_safetensors(path, collection.views(), {}));
  const auto file = SafeTensors::read(path);
  ASSERT_TRUE(file);
  const torch::Tensor before = net->stem->weight.detach().clone();
  const auto refused = load_state(*file, state_of(*net));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("_fc.bias has shape [3], expected [2]"), std::string::npos)
      << refused.error().message;
  EXPECT_TRUE(net->stem->weight.equal(before)) << "a refused file changes nothing";
  EXPECT_TRUE(load_state(*file, state_of(*net), "", "_fc."));
  EXPECT_TRUE(net->stem->weight.equal(other->stem->weight));
  std::filesystem::remove(path);
}

// Everyday photographs (Berkeley Segmentation Data Set) whose ImageNet class is beyond doubt,
// looked at one by one; class numbers as in ILSVRC 2012.
struct Known {
  const char* file;
  std::vector<int> classes;
};
const std::vector<Known> kKnown{
    {"108005.jpg", {292}},            // tiger
    {"108082.jpg", {292}},            // tiger
    {"100075.jpg", {294}},            // brown bear
    {"94079.jpg", {294}},             // brown bears
    {"183087.jpg", {296}},            // ice bear
    {"296059.jpg", {101, 385, 386}},  // elephants: tusker, Indian, African
    {"253016.jpg", {101, 385, 386}},  // elephants
    {"66075.jpg", {9}},               // ostrich
    {"106025.jpg", {145}},            // king penguin
    {"41033.jpg", {347}},             // bison
    {"35058.jpg", {301}},             // ladybird
    {"124084.jpg", {985}},            // daisy (a red cultivar)
    {"228076.jpg", {437}},            // beacon, lighthouse
    {"29030.jpg", {817}},             // sports car
    {"232076.jpg", {472}},            // canoes
    {"3096.jpg", {895}},              // warplane
    {"374020.jpg", {888}},            // viaduct
    {"385022.jpg", {471}},            // cannon
};

struct Hits {
  int top1 = 0, top5 = 0;
  double log_probability = 0;  // mean, of the right class
};

Hits count_hits(Network& net, const std::filesystem::path& folder) {
  const torch::NoGradGuard no_grad;
  net->eval();
  const PreprocessSpec input = network_input(net->architecture);
  Hits hits;
  for (const Known& known : kKnown) {
    const auto photo = read_photo(folder / known.file);
    EXPECT_TRUE(photo) << known.file;
    if (!photo) continue;
    torch::Tensor x = torch::empty({1, 3, input.height, input.width});
    preprocess(photo->view(), input,
               {x.mutable_data_ptr<float>(), static_cast<std::size_t>(x.numel())});
    const torch::Tensor probabilities = torch::softmax(net->forward(x), 1)[0];
    const torch::Tensor best = std::get<1>(probabilities.topk(5));
    double right = 0;
    bool in_five = false;
    for (const int c : known.classes) {
      right += probabilities[c].item<double>();
      in_five = in_five || best.eq(c).any().item<bool>();
      hits.top1 += best[0].item<std::int64_t>() == c ? 1 : 0;
    }
    hits.top5 += in_five ? 1 : 0;
    hits.log_probability += std::log(std::max(right, 1e-9)) / static_cast<double>(kKnown.size());
    if (!in_five) {
      std::printf("  %s: top five", known.file);
      for (int i = 0; i < 5; ++i) std::printf(" %ld", best[i].item<long>());
      std::printf("\n");
    }
  }
  std::printf("  top-1 %d, top-5 %d of %zu, mean log probability %.3f\n", hits.top1, hits.top5,
              kKnown.size(), hits.log_probability);
  return hits;
}

// The proof that the ImageNet weights are really used, and used rightly. Measured: with them the
// network names 18 of the 18 things first (mean log probability of the right class -0.31); with
// random weights none among its first five (-7.19); with PyTorch's symmetric padding in place of
// TensorFlow's, for which these weights were trained, it is less sure and misses one (-0.36).
TEST(Networks, ImagenetWeightsNameEverydayThings) {
  const std::filesystem::path folder = std::filesystem::path(NEVUS_DATA_DIR) / "ood";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << folder << " not there, skipped";
  }
  const auto path = imagenet_weights("efficientnet-lite0");
  ASSERT_TRUE(path) << path.error().message;
  const auto weights = SafeTensors::read(*path);
  ASSERT_TRUE(weights) << weights.error().message;

  torch::manual_seed(1);
  Network net = lite0(1000);
  EXPECT_LE(count_hits(net, folder).top5, 1) << "random weights";
  const auto loaded = load_state(*weights, state_of(*net));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(state_of(*net).size(), weights->tensors().size()) << "a tensor was left unused";
  const Hits right = count_hits(net, folder);
  EXPECT_GE(right.top1, static_cast<int>(kKnown.size()) * 3 / 4);
  EXPECT_GE(right.top5, static_cast<int>(kKnown.size()) - 2);

  Network shifted = lite0(1000, Padding::symmetric);
  ASSERT_TRUE(load_state(*weights, state_of(*shifted)));
  const Hits wrong = count_hits(shifted, folder);
  EXPECT_LT(wrong.log_probability, right.log_probability - 0.02);
}

TEST(Networks, LargerOnesHaveImagenetWeightsToo) {
  const std::filesystem::path folder = std::filesystem::path(NEVUS_DATA_DIR) / "ood";
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << folder << " not there, skipped";
  }
  for (const char* name : {"efficientnet-lite1", "efficientnet-lite2"}) {
    const auto path = imagenet_weights(name);
    ASSERT_TRUE(path) << path.error().message;
    const auto weights = SafeTensors::read(*path);
    ASSERT_TRUE(weights) << weights.error().message;
    NetworkOptions options;
    options.classes = 1000;
    Network net(*find_architecture(name), options);
    const auto loaded = load_state(*weights, state_of(*net));
    ASSERT_TRUE(loaded) << loaded.error().message;
    const Hits hits = count_hits(net, folder);
    EXPECT_GE(hits.top1, static_cast<int>(kKnown.size()) * 3 / 4) << name;
    EXPECT_GE(hits.top5, static_cast<int>(kKnown.size()) - 2) << name;
  }
  const auto none = imagenet_weights("efficientnet-b0");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("--weights FILE"), std::string::npos) << none.error().message;
}

}  // namespace
}  // namespace nevus
