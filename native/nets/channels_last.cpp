// Eight channels a vector, by the compiler's vector extension: the same source is compiled for
// several instruction sets and the loader picks one.
#include "nets/channels_last.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define NEVUS_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define NEVUS_CLONES
#endif
// Into each clone, or they would be compiled once, for the oldest machine.
#define NEVUS_INLINE inline __attribute__((always_inline))

namespace nevus::channels_last {
namespace {

constexpr int kStep = kChannelStep;
// Rows whose float sums are added up before they go into a double: keeps seven digits.
constexpr std::size_t kBlock = 64;

typedef float Vector __attribute__((vector_size(kStep * sizeof(float)), aligned(4), may_alias));

NEVUS_INLINE void clamp(Vector& value, float low, float high) {
  const Vector bottom = Vector{} + low, top = Vector{} + high;
  value = value < bottom ? bottom : value;
  value = value > top ? top : value;
}

NEVUS_INLINE void activate(const float* x, const Affine& affine, int channel, Vector& y) {
  y = *reinterpret_cast<const Vector*>(x + channel) *
          *reinterpret_cast<const Vector*>(affine.scale + channel) +
      *reinterpret_cast<const Vector*>(affine.shift + channel);
  clamp(y, affine.low, affine.high);
}

// g where the clamp let x through, else 0; x is loaded on the way.
NEVUS_INLINE void mask(const float* x, const Affine& affine, int channel, Vector& x_out,
                       Vector& g) {
  x_out = *reinterpret_cast<const Vector*>(x + channel);
  const Vector y = x_out * *reinterpret_cast<const Vector*>(affine.scale + channel) +
                   *reinterpret_cast<const Vector*>(affine.shift + channel);
  const Vector bottom = Vector{} + affine.low, top = Vector{} + affine.high;
  const Vector zero{};
  g = y > bottom ? g : zero;
  g = y < top ? g : zero;
}

NEVUS_INLINE const Vector& at(const float* p) {
  return *reinterpret_cast<const Vector*>(p);
}
NEVUS_INLINE Vector& at(float* p) {
  return *reinterpret_cast<Vector*>(p);
}

// Float sums of up to kBlock rows, one a channel, into doubles.
NEVUS_INLINE void drain(std::vector<float>& sums, int channels, double* first, double* second) {
  for (int c = 0; c < channels; ++c) {
    first[c] += sums[static_cast<std::size_t>(c)];
    second[c] += sums[static_cast<std::size_t>(channels + c)];
  }
  std::fill(sums.begin(), sums.end(), 0.0f);
}

// A window of `kernel` padded lines over an image, moved down line by line.
class Lines {
 public:
  Lines(int count, int left, int width, int right, int channels)
      : count_(count),
        left_(static_cast<std::size_t>(left) * static_cast<std::size_t>(channels)),
        size_(static_cast<std::size_t>(left + width + right) * static_cast<std::size_t>(channels)),
        values_(size_ * static_cast<std::size_t>(count), 0.0f) {}
  /// The line that image row `row` (>= -count) lies in; its first `left` pixels stay zero.
  float* line(int row) {
    return values_.data() + size_ * static_cast<std::size_t>((row + 8 * count_) % count_);
  }
  float* pixels(int row) { return line(row) + left_; }
  void clear(int row) { std::fill_n(line(row), size_, 0.0f); }

 private:
  int count_;
  std::size_t left_, size_;
  std::vector<float> values_;
};

// One output line of a depthwise convolution: `wide` vectors of channels and `many` pixels at once,
// so that a weight is loaded once for `many` products.
template <int kernel, int wide, int many>
NEVUS_INLINE void convolve(const float* const* lines, const float* weight, int channels, int stride,
                           int channel, int pixel, float* z) {
  Vector sums[many][wide] = {};
  for (int i = 0; i < kernel; ++i) {
    for (int j = 0; j < kernel; ++j) {
      const float* w = weight + (i * kernel + j) * channels + channel;
      const float* in = lines[i] + (pixel * stride + j) * channels + channel;
#pragma GCC unroll 8
      for (int p = 0; p < many; ++p) {
#pragma GCC unroll 2
        for (int v = 0; v < wide; ++v) {
          sums[p][v] += at(in + p * stride * channels + v * kStep) * at(w + v * kStep);
        }
      }
    }
  }
  for (int p = 0; p < many; ++p) {
    for (int v = 0; v < wide; ++v) {
      at(z + (pixel + p) * channels + channel + v * kStep) = sums[p][v];
    }
  }
}

template <int kernel, int wide>
NEVUS_INLINE void convolve_line(const float* const* lines, const float* weight, int channels,
                                int stride, int channel, int width, float* z) {
  int pixel = 0;
  for (; pixel + 4 <= width; pixel += 4) {
    convolve<kernel, wide, 4>(lines, weight, channels, stride, channel, pixel, z);
  }
  for (; pixel < width; ++pixel) {
    convolve<kernel, wide, 1>(lines, weight, channels, stride, channel, pixel, z);
  }
}

template <int kernel>
NEVUS_INLINE void convolve_channels(const float* const* lines, const float* weight, int channels,
                                    int stride, int width, float* z) {
  int channel = 0;
  for (; channel + 2 * kStep <= channels; channel += 2 * kStep) {
    convolve_line<kernel, 2>(lines, weight, channels, stride, channel, width, z);
  }
  for (; channel < channels; channel += kStep) {
    convolve_line<kernel, 1>(lines, weight, channels, stride, channel, width, z);
  }
}

// The weights' gradient of one output line and one line of the kernel.
template <int kernel>
NEVUS_INLINE void correlate_line(const float* in, const float* gz, int channels, int stride,
                                 int width, float* gw) {
  for (int channel = 0; channel < channels; channel += kStep) {
    Vector sums[kernel] = {};
    for (int pixel = 0; pixel < width; ++pixel) {
      const Vector g = at(gz + pixel * channels + channel);
      const float* x = in + pixel * stride * channels + channel;
#pragma GCC unroll 8
      for (int j = 0; j < kernel; ++j) {
        sums[j] += g * at(x + j * channels);
      }
    }
    for (int j = 0; j < kernel; ++j) {
      at(gw + j * channels + channel) += sums[j];
    }
  }
}

// Pixels right of the image that the last output reaches.
int right_padding(const Depthwise& s) {
  return std::max(0, (s.out_width - 1) * s.stride + s.kernel - s.pad_left - s.width);
}

template <int kernel>
NEVUS_INLINE void forward(const Depthwise& s, const float* x, const Affine& affine,
                          const float* weight, float* z) {
  const int line_size = s.width * s.channels;
  Lines window(kernel, s.pad_left, s.width, right_padding(s), s.channels);
  int filled = -s.pad_top;  // the next image row to enter
  const float* lines[kernel];
  for (int row = 0; row < s.out_height; ++row) {
    const int top = row * s.stride - s.pad_top;
    for (; filled < top + kernel; ++filled) {
      if (filled < 0 || filled >= s.height) {
        window.clear(filled);
        continue;
      }
      const float* from = x + std::size_t(filled) * std::size_t(line_size);
      float* to = window.pixels(filled);
      for (int p = 0; p < line_size; p += s.channels) {
        for (int c = 0; c < s.channels; c += kStep) {
          activate(from + p, affine, c, at(to + p + c));
        }
      }
    }
    for (int i = 0; i < kernel; ++i) lines[i] = window.line(top + i);
    convolve_channels<kernel>(lines, weight, s.channels, s.stride, s.out_width,
                              z + std::size_t(row) * std::size_t(s.out_width * s.channels));
  }
}

template <int kernel>
NEVUS_INLINE void backward_weight(const Depthwise& s, const float* x, const Affine& affine,
                                  const float* gz, float* gw) {
  const int line_size = s.width * s.channels;
  Lines window(kernel, s.pad_left, s.width, right_padding(s), s.channels);
  int filled = -s.pad_top;
  for (int row = 0; row < s.out_height; ++row) {
    const int top = row * s.stride - s.pad_top;
    for (; filled < top + kernel; ++filled) {
      if (filled < 0 || filled >= s.height) {
        window.clear(filled);
        continue;
      }
      const float* from = x + std::size_t(filled) * std::size_t(line_size);
      float* to = window.pixels(filled);
      for (int p = 0; p < line_size; p += s.channels) {
        for (int c = 0; c < s.channels; c += kStep) {
          activate(from + p, affine, c, at(to + p + c));
        }
      }
    }
    for (int i = 0; i < kernel; ++i) {
      correlate_line<kernel>(window.line(top + i),
                             gz + std::size_t(row) * std::size_t(s.out_width * s.channels),
                             s.channels, s.stride, s.out_width, gw + i * kernel * s.channels);
    }
  }
}

// The transposed convolution is a convolution with the kernel turned round over gradients that
// stand `stride` apart with zeros between: with a stride of 2 three quarters of the products are
// with zeros, still less than the memory costs.
template <int kernel>
NEVUS_INLINE void backward_data(const Depthwise& s, const float* x, const Affine& affine,
                                const float* weight, const float* gz, float* g, double* sum_g,
                                double* sum_gx) {
  const int channels = s.channels;
  std::vector<float> turned(static_cast<std::size_t>(kernel * kernel * channels));
  for (int i = 0; i < kernel * kernel; ++i) {
    std::copy_n(weight + (kernel * kernel - 1 - i) * channels, channels,
                turned.data() + i * channels);
  }
  const int pad_top = kernel - 1 - s.pad_top, pad_left = kernel - 1 - s.pad_left;
  const int spread = (s.out_width - 1) * s.stride + 1;  // width of the spread gradient
  Lines window(kernel, pad_left, spread, std::max(0, s.width + kernel - 1 - pad_left - spread),
               channels);
  std::vector<float> sums(static_cast<std::size_t>(2 * channels), 0.0f);
  const float* lines[kernel];
  int filled = -pad_top;
  std::size_t pending = 0;
  for (int row = 0; row < s.height; ++row) {
    const int top = row - pad_top;
    for (; filled < top + kernel; ++filled) {
      const int from = filled / s.stride;
      if (filled < 0 || filled % s.stride != 0 || from >= s.out_height) {
        window.clear(filled);
        continue;
      }
      const float* gradient = gz + std::size_t(from) * std::size_t(s.out_width * channels);
      float* to = window.pixels(filled);
      for (int p = 0; p < s.out_width; ++p) {
        std::memcpy(to + p * s.stride * channels, gradient + p * channels,
                    static_cast<std::size_t>(channels) * sizeof(float));
      }
    }
    for (int i = 0; i < kernel; ++i) lines[i] = window.line(top + i);
    const std::size_t offset = std::size_t(row) * std::size_t(s.width * channels);
    convolve_channels<kernel>(lines, turned.data(), channels, 1, s.width, g + offset);
    for (int p = 0; p < s.width; ++p) {
      const float* pixel = x + offset + p * channels;
      float* gradient = g + offset + p * channels;
      for (int c = 0; c < channels; c += kStep) {
        Vector value, masked = at(gradient + c);
        mask(pixel, affine, c, value, masked);
        at(gradient + c) = masked;
        at(sums.data() + c) += masked;
        at(sums.data() + channels + c) += masked * value;
      }
    }
    pending += static_cast<std::size_t>(s.width);
    if (pending >= kBlock) {
      drain(sums, channels, sum_g, sum_gx);
      pending = 0;
    }
  }
  drain(sums, channels, sum_g, sum_gx);
}

}  // namespace

NEVUS_CLONES void add_moments(const float* x, std::size_t rows, int channels, double* sum,
                              double* squares) {
  std::vector<float> sums(static_cast<std::size_t>(2 * channels), 0.0f);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* pixel = x + row * static_cast<std::size_t>(channels);
    for (int c = 0; c < channels; c += kStep) {
      const Vector value = at(pixel + c);
      at(sums.data() + c) += value;
      at(sums.data() + channels + c) += value * value;
    }
    if (row % kBlock == kBlock - 1) drain(sums, channels, sum, squares);
  }
  drain(sums, channels, sum, squares);
}

NEVUS_CLONES void apply(const float* x, const Affine& affine, const float* skip, std::size_t rows,
                        int channels, float* y) {
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t offset = row * static_cast<std::size_t>(channels);
    for (int c = 0; c < channels; c += kStep) {
      Vector value;
      activate(x + offset, affine, c, value);
      if (skip != nullptr) value += at(skip + offset + c);
      at(y + offset + c) = value;
    }
  }
}

NEVUS_CLONES void add_gradient_moments(const float* x, const float* gy, const Affine& affine,
                                       std::size_t rows, int channels, double* sum_g,
                                       double* sum_gx) {
  std::vector<float> sums(static_cast<std::size_t>(2 * channels), 0.0f);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t offset = row * static_cast<std::size_t>(channels);
    for (int c = 0; c < channels; c += kStep) {
      Vector value, g = at(gy + offset + c);
      mask(x + offset, affine, c, value, g);
      at(sums.data() + c) += g;
      at(sums.data() + channels + c) += g * value;
    }
    if (row % kBlock == kBlock - 1) drain(sums, channels, sum_g, sum_gx);
  }
  drain(sums, channels, sum_g, sum_gx);
}

NEVUS_CLONES void apply_gradient(const float* x, const float* gy, const Affine& affine,
                                 const float* a, const float* b, const float* c, std::size_t rows,
                                 int channels, float* gx) {
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t offset = row * static_cast<std::size_t>(channels);
    for (int i = 0; i < channels; i += kStep) {
      Vector value, g = at(gy + offset + i);
      mask(x + offset, affine, i, value, g);
      at(gx + offset + i) = g * at(a + i) + value * at(b + i) + at(c + i);
    }
  }
}

NEVUS_CLONES void depthwise_forward(const Depthwise& shape, const float* x, const Affine& affine,
                                    const float* weight, float* z) {
  shape.kernel == 3 ? forward<3>(shape, x, affine, weight, z)
                    : forward<5>(shape, x, affine, weight, z);
}

NEVUS_CLONES void depthwise_backward_weight(const Depthwise& shape, const float* x,
                                            const Affine& affine, const float* gz, float* gw) {
  shape.kernel == 3 ? backward_weight<3>(shape, x, affine, gz, gw)
                    : backward_weight<5>(shape, x, affine, gz, gw);
}

NEVUS_CLONES void depthwise_backward_data(const Depthwise& shape, const float* x,
                                          const Affine& affine, const float* weight,
                                          const float* gz, float* g, double* sum_g,
                                          double* sum_gx) {
  shape.kernel == 3 ? backward_data<3>(shape, x, affine, weight, gz, g, sum_g, sum_gx)
                    : backward_data<5>(shape, x, affine, weight, gz, g, sum_g, sum_gx);
}

}  // namespace nevus::channels_last
