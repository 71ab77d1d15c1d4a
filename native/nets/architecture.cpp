// EfficientNets from one definition (compound scaling: Tan & Le, "EfficientNet", ICML 2019; the
// Lite variants: tensorflow/tpu, 2020), MobileNetV3 from the tables of its paper.
#include "nets/architecture.h"

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

constexpr std::array<float, 3> kImageNetMean{0.485f, 0.456f, 0.406f};
constexpr std::array<float, 3> kImageNetStd{0.229f, 0.224f, 0.225f};

struct Stage {
  int repeats, kernel, stride, expansion, channels;
};
// Table 1 of the EfficientNet paper.
constexpr Stage kStages[] = {{1, 3, 1, 1, 16}, {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},
                             {3, 3, 2, 6, 80}, {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192},
                             {1, 3, 1, 6, 320}};
constexpr int kStem = 32, kHead = 1280;

// width, depth: multiples of channels and blocks.
Architecture efficientnet(const std::string& name, bool lite, double width, double depth, int size,
                          double dropout, double norm_epsilon) {
  Architecture a;
  a.name = name;
  a.size = size;
  a.dropout = dropout;
  a.norm_epsilon = norm_epsilon;
  a.hard_gate = false;
  a.hidden = 0;
  if (lite) {
    a.mean.fill(127.0f / 255.0f);  // (v - 127) / 128 on 0..255
    a.std.fill(128.0f / 255.0f);
    a.padding = Padding::tf_same;
    a.activation = Activation::relu6;
    a.stem = kStem;
    a.head = kHead;
  } else {
    a.mean = kImageNetMean;
    a.std = kImageNetStd;
    a.padding = Padding::symmetric;
    a.activation = Activation::silu;
    a.stem = scaled_channels(kStem, width);
    a.head = scaled_channels(kHead, width);
  }
  int in = a.stem;
  for (const Stage& stage : kStages) {
    // The Lite variants scale neither the first nor the last stage's repeats.
    const bool end = &stage == std::begin(kStages) || &stage == std::end(kStages) - 1;
    const int repeats =
        lite && end ? stage.repeats : static_cast<int>(std::ceil(stage.repeats * depth));
    const int out = scaled_channels(stage.channels, width);
    for (int i = 0; i < repeats; ++i) {
      a.blocks.push_back({in, out, in * stage.expansion, stage.kernel, i == 0 ? stage.stride : 1,
                          lite ? 0 : std::max(1, in / 4), a.activation});
      in = out;
    }
  }
  return a;
}

struct MobileStage {
  int kernel, inner, out;
  bool squeeze;
  Activation activation;
  int stride;
};
constexpr Activation kRelu = Activation::relu, kSwish = Activation::hard_swish;
// Tables 1 and 2 of the MobileNetV3 paper.
constexpr MobileStage kLarge[] = {
    {3, 16, 16, false, kRelu, 1},   {3, 64, 24, false, kRelu, 2},   {3, 72, 24, false, kRelu, 1},
    {5, 72, 40, true, kRelu, 2},    {5, 120, 40, true, kRelu, 1},   {5, 120, 40, true, kRelu, 1},
    {3, 240, 80, false, kSwish, 2}, {3, 200, 80, false, kSwish, 1}, {3, 184, 80, false, kSwish, 1},
    {3, 184, 80, false, kSwish, 1}, {3, 480, 112, true, kSwish, 1}, {3, 672, 112, true, kSwish, 1},
    {5, 672, 160, true, kSwish, 2}, {5, 960, 160, true, kSwish, 1}, {5, 960, 160, true, kSwish, 1}};
constexpr MobileStage kSmall[] = {
    {3, 16, 16, true, kRelu, 2},   {3, 72, 24, false, kRelu, 2},  {3, 88, 24, false, kRelu, 1},
    {5, 96, 40, true, kSwish, 2},  {5, 240, 40, true, kSwish, 1}, {5, 240, 40, true, kSwish, 1},
    {5, 120, 48, true, kSwish, 1}, {5, 144, 48, true, kSwish, 1}, {5, 288, 96, true, kSwish, 2},
    {5, 576, 96, true, kSwish, 1}, {5, 576, 96, true, kSwish, 1}};

template <std::size_t N>
Architecture mobilenet(const std::string& name, const MobileStage (&stages)[N], int hidden) {
  Architecture a;
  a.name = name;
  a.size = 224;
  a.dropout = 0.2;
  a.mean = kImageNetMean;
  a.std = kImageNetStd;
  a.padding = Padding::symmetric;
  a.norm_epsilon = 1e-3;
  a.stem = 16;
  a.activation = kSwish;
  a.hard_gate = true;
  int in = a.stem;
  for (const MobileStage& s : stages) {
    a.blocks.push_back({in, s.out, s.inner, s.kernel, s.stride,
                        s.squeeze ? scaled_channels(s.inner, 0.25) : 0, s.activation});
    in = s.out;
  }
  a.head = 6 * in;
  a.hidden = hidden;
  return a;
}

}  // namespace

int scaled_channels(int channels, double width) {
  const double scaled = channels * width;
  int rounded = std::max(8, static_cast<int>(scaled + 4) / 8 * 8);
  if (rounded < 0.9 * scaled) {
    rounded += 8;
  }
  return rounded;
}

std::size_t Architecture::appearance_block() const {
  std::size_t last = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].stride > 1) last = i;
  }
  return last;
}

const std::vector<Architecture>& architectures() {
  // Sizes, dropout and the scaling of the reference code (tensorflow/tpu). The epsilons of B are
  // torchvision's, whose weights people have.
  static const std::vector<Architecture> known{
      efficientnet("efficientnet-lite0", true, 1.0, 1.0, 224, 0.2, 1e-3),
      efficientnet("efficientnet-lite1", true, 1.0, 1.1, 240, 0.2, 1e-3),
      efficientnet("efficientnet-lite2", true, 1.1, 1.2, 260, 0.3, 1e-3),
      efficientnet("efficientnet-lite3", true, 1.2, 1.4, 280, 0.3, 1e-3),
      efficientnet("efficientnet-lite4", true, 1.4, 1.8, 300, 0.3, 1e-3),
      efficientnet("efficientnet-b0", false, 1.0, 1.0, 224, 0.2, 1e-5),
      efficientnet("efficientnet-b1", false, 1.0, 1.1, 240, 0.2, 1e-5),
      efficientnet("efficientnet-b2", false, 1.1, 1.2, 260, 0.3, 1e-5),
      efficientnet("efficientnet-b3", false, 1.2, 1.4, 300, 0.3, 1e-5),
      efficientnet("efficientnet-b4", false, 1.4, 1.8, 380, 0.4, 1e-5),
      efficientnet("efficientnet-b5", false, 1.6, 2.2, 456, 0.4, 1e-3),
      efficientnet("efficientnet-b6", false, 1.8, 2.6, 528, 0.5, 1e-3),
      efficientnet("efficientnet-b7", false, 2.0, 3.1, 600, 0.5, 1e-3),
      mobilenet("mobilenetv3-small", kSmall, 1024),
      mobilenet("mobilenetv3-large", kLarge, 1280),
  };
  return known;
}

std::optional<Architecture> find_architecture(const std::string& name) {
  for (const Architecture& one : architectures()) {
    if (one.name == name) {
      return one;
    }
  }
  return std::nullopt;
}

std::string architecture_names() {
  std::string names;
  for (const Architecture& one : architectures()) names += (names.empty() ? "" : ", ") + one.name;
  return names;
}

PreprocessSpec network_input(const Architecture& architecture) {
  PreprocessSpec spec;
  spec.width = spec.height = architecture.size;
  spec.mean = architecture.mean;
  spec.std = architecture.std;
  return spec;
}

}  // namespace nevus
