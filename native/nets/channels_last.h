// Training kernels for a CPU: depthwise convolution and batch-norm with its activation, on float32
// pixels whose channels lie side by side (NHWC). Passes over memory are what they save: LibTorch
// reads and writes an activation 13 times a step where these do it 6 times. No LibTorch here, and
// no threads: the caller cuts the batch.
#pragma once

#include <cstddef>
#include <vector>

namespace nevus::channels_last {

/// All functions need a channel count that is a multiple of this.
inline constexpr int kChannelStep = 8;

/// y = clamp(x * scale + shift, low, high), channel by channel: what batch-norm and ReLU6 are once
/// the statistics are known. Infinite limits: no activation.
struct Affine {
  const float* scale;  ///< one a channel
  const float* shift;
  float low, high;
};

/// Adds the sum and the sum of squares over `rows` pixels to `sum` and `squares`, one a channel.
void add_moments(const float* x, std::size_t rows, int channels, double* sum, double* squares);

/// y = affine(x) + skip; `skip` may be null, y may be x.
void apply(const float* x, const Affine& affine, const float* skip, std::size_t rows, int channels,
           float* y);

/// With g = gy where the clamp let x through, else 0: adds the sums of g and of g * x to `sum_g`
/// and `sum_gx`, one a channel.
void add_gradient_moments(const float* x, const float* gy, const Affine& affine, std::size_t rows,
                          int channels, double* sum_g, double* sum_gx);

/// gx = g * a + x * b + c, g as above; a, b, c one a channel. gx may be gy.
void apply_gradient(const float* x, const float* gy, const Affine& affine, const float* a,
                    const float* b, const float* c, std::size_t rows, int channels, float* gx);

/// A depthwise convolution's shape; kernel, stride and padding are the same for every channel.
struct Depthwise {
  int channels, kernel, stride;  ///< kernel 3 or 5 (others work, slowly), stride 1 or 2
  int height, width;             ///< of the input
  int out_height, out_width;
  int pad_top, pad_left;
};

/// One image: z = depthwise(affine(x), weight), zeros around.
/// @param x       height * width * channels
/// @param weight  kernel * kernel * channels (channels side by side)
/// @param z       out_height * out_width * channels
void depthwise_forward(const Depthwise& shape, const float* x, const Affine& affine,
                       const float* weight, float* z);

/// One image: adds the weights' gradient to `gw` (kernel * kernel * channels).
void depthwise_backward_weight(const Depthwise& shape, const float* x, const Affine& affine,
                               const float* gz, float* gw);

/// One image: the gradient of x before batch-norm's share: g as in add_gradient_moments(), with its
/// sums added to `sum_g` and `sum_gx`.
/// @param g  height * width * channels, written
void depthwise_backward_data(const Depthwise& shape, const float* x, const Affine& affine,
                             const float* weight, const float* gz, float* g, double* sum_g,
                             double* sum_gx);

}  // namespace nevus::channels_last
