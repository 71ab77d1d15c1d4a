// The fused training kernels against LibTorch's own operations: values, gradients, statistics.
#include "nets/fused_norm.h"

#include <gtest/gtest.h>
#include <torch/nn/functional/activation.h>
#include <torch/utils.h>

#include <ATen/Parallel.h>

namespace {

using namespace nevus;
using torch::Tensor;

torch::nn::BatchNorm2d some_norm(int channels) {
  torch::nn::BatchNorm2d norm(torch::nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.1));
  const torch::NoGradGuard no_grad;
  norm->weight.uniform_(0.5, 2);
  norm->bias.uniform_(-1, 2);
  return norm;
}

torch::nn::BatchNorm2d copy_of(const torch::nn::BatchNorm2d& norm) {
  torch::nn::BatchNorm2d other(norm->options);
  const torch::NoGradGuard no_grad;
  other->weight.copy_(norm->weight);
  other->bias.copy_(norm->bias);
  return other;
}

void expect_close(const Tensor& a, const Tensor& b, double tolerance, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  const double scale = std::max(1.0, b.abs().max().item<double>());
  EXPECT_LE((a - b).abs().max().item<double>(), tolerance * scale) << what;
}

struct Case {
  int channels, kernel, stride, height, width, batch;
  std::pair<int, int> rows, columns;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.channels << " channels, kernel " << c.kernel << ", stride " << c.stride << ", "
       << c.width << " x " << c.height;
}

class FusedNorm : public testing::TestWithParam<Case> {};

TEST_P(FusedNorm, DepthwiseAgreesWithLibTorch) {
  const Case& c = GetParam();
  torch::manual_seed(7);
  const Tensor pixels = torch::randn({c.batch, c.channels, c.height, c.width}) * 3 + 1;
  const Tensor kernel = torch::randn({c.channels, 1, c.kernel, c.kernel});
  auto norm = some_norm(c.channels);
  auto reference_norm = copy_of(norm);

  Tensor x = pixels.clone().requires_grad_(), w = kernel.clone().requires_grad_();
  const Tensor z = norm_clamp_depthwise(x, norm, {0, 6}, {w, c.stride, c.rows, c.columns});
  const Tensor gradient = torch::randn_like(z);
  z.backward(gradient);

  Tensor rx = pixels.clone().requires_grad_(), rw = kernel.clone().requires_grad_();
  const Tensor padded =
      torch::constant_pad_nd(torch::relu6(reference_norm(rx)),
                             {c.columns.first, c.columns.second, c.rows.first, c.rows.second});
  const Tensor expected =
      torch::conv2d(padded, rw, Tensor(), c.stride, at::IntArrayRef({0, 0}), 1, c.channels);
  expected.backward(gradient);

  expect_close(z, expected, 1e-5, "output");
  expect_close(x.grad(), rx.grad(), 2e-5, "gradient of the input");
  expect_close(w.grad(), rw.grad(), 2e-5, "gradient of the kernel");
  expect_close(norm->weight.grad(), reference_norm->weight.grad(), 2e-5, "gradient of gamma");
  expect_close(norm->bias.grad(), reference_norm->bias.grad(), 2e-5, "gradient of beta");
  expect_close(norm->running_mean, reference_norm->running_mean, 1e-5, "running mean");
  expect_close(norm->running_var, reference_norm->running_var, 1e-5, "running variance");

  norm->eval();
  reference_norm->eval();
  const torch::NoGradGuard no_grad;
  expect_close(norm_clamp_depthwise(pixels, norm, {0, 6}, {kernel, c.stride, c.rows, c.columns}),
               torch::conv2d(torch::constant_pad_nd(
                                 torch::relu6(reference_norm(pixels)),
                                 {c.columns.first, c.columns.second, c.rows.first, c.rows.second}),
                             kernel, Tensor(), c.stride, at::IntArrayRef({0, 0}), 1, c.channels),
               1e-5, "output in evaluation mode");
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedNorm,
                         testing::Values(Case{8, 3, 1, 5, 7, 2, {1, 1}, {1, 1}},
                                         Case{24, 3, 2, 9, 8, 3, {0, 1}, {1, 1}},
                                         Case{32, 3, 2, 112, 112, 2, {0, 1}, {0, 1}},
                                         Case{40, 5, 1, 13, 14, 2, {2, 2}, {2, 2}},
                                         Case{48, 5, 2, 28, 28, 2, {1, 2}, {1, 2}},
                                         Case{16, 5, 2, 7, 9, 5, {2, 2}, {2, 2}},
                                         Case{8, 3, 1, 1, 1, 4, {1, 1}, {1, 1}},
                                         // Not a multiple of eight: LibTorch's own operations.
                                         Case{6, 3, 1, 5, 5, 2, {1, 1}, {1, 1}}));

TEST(FusedNorm, ClampAndShortcutAgreeWithLibTorch) {
  torch::manual_seed(8);
  for (const bool clamp : {false, true}) {
    const Tensor pixels = torch::randn({3, 16, 6, 5}) * 4, other = torch::randn({3, 16, 6, 5});
    auto norm = some_norm(16);
    auto reference_norm = copy_of(norm);
    Tensor x = pixels.clone().requires_grad_(), skip = other.clone().requires_grad_();
    const Tensor y = norm_clamp(x, norm, clamp ? Clamp{0, 6} : Clamp{}, skip);
    const Tensor gradient = torch::randn_like(y);
    y.backward(gradient);
    Tensor rx = pixels.clone().requires_grad_(), rskip = other.clone().requires_grad_();
    Tensor expected = reference_norm(rx);
    if (clamp) expected = torch::relu6(expected);
    expected = expected + rskip;
    expected.backward(gradient);
    expect_close(y, expected, 1e-5, "output");
    expect_close(x.grad(), rx.grad(), 2e-5, "gradient of the input");
    expect_close(skip.grad(), rskip.grad(), 1e-7, "gradient of the shortcut");
    expect_close(norm->weight.grad(), reference_norm->weight.grad(), 2e-5, "gradient of gamma");
    expect_close(norm->bias.grad(), reference_norm->bias.grad(), 2e-5, "gradient of beta");
  }
}

// Two halves of a batch whose sums are added up are one batch.
TEST(FusedNorm, SynchronisedHalvesAreOneBatch) {
  torch::manual_seed(9);
  const Tensor pixels = torch::randn({4, 8, 6, 5}) * 4;
  auto norm = some_norm(8), whole_norm = copy_of(norm), first_norm = copy_of(norm);
  const Tensor whole = norm_clamp(pixels, whole_norm, {0, 6});
  // The sums of the other half are those of the whole less one's own.
  std::vector<double> all;
  synchronise_norms([&](std::span<double> sums) { all.assign(sums.begin(), sums.end()); });
  norm_clamp(pixels, norm, {0, 6});
  synchronise_norms(
      [&](std::span<double> sums) { std::copy(all.begin(), all.end(), sums.begin()); });
  const Tensor half = norm_clamp(pixels.slice(0, 0, 2), first_norm, {0, 6});
  synchronise_norms({});
  expect_close(half, whole.slice(0, 0, 2), 1e-6, "output");
  expect_close(first_norm->running_var, whole_norm->running_var, 1e-6, "running variance");
}

TEST(FusedNorm, SameNumbersTwiceWithTwoThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  std::vector<Tensor> grads;
  for (int i = 0; i < 2; ++i) {
    torch::manual_seed(10);
    auto norm = some_norm(16);
    Tensor x = torch::randn({5, 16, 20, 20}).requires_grad_();
    Tensor w = torch::randn({16, 1, 3, 3}).requires_grad_();
    norm_clamp_depthwise(x, norm, {0, 6}, {w, 1, {1, 1}, {1, 1}}).square().sum().backward();
    grads.push_back(x.grad());
    grads.push_back(w.grad());
  }
  EXPECT_TRUE(torch::equal(grads[0], grads[2]));
  EXPECT_TRUE(torch::equal(grads[1], grads[3]));
  at::set_num_threads(threads);
}

}  // namespace
