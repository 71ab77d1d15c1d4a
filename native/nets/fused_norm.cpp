// Batch-norm, activation and depthwise convolution in one.
#include "nets/fused_norm.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <vector>

#include "nets/channels_last.h"

namespace nevus {
namespace {

using channels_last::Affine;
using channels_last::Depthwise;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

SumOverProcesses& sum_over_processes() {
  static SumOverProcesses sum;
  return sum;
}

Tensor pixels(const Tensor& x) {
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

std::size_t rows_of(const Tensor& x) {
  return static_cast<std::size_t>(x.size(0) * x.size(2) * x.size(3));
}

// Two sums a channel and the number of pixels, over all threads and processes.
class Sums {
 public:
  explicit Sums(int channels)
      : channels_(static_cast<std::size_t>(channels)),
        threads_(static_cast<std::size_t>(at::get_num_threads())),
        values_(threads_ * (2 * channels_ + 1), 0.0) {}
  double* first() { return mine(); }
  double* second() { return mine() + channels_; }
  // [first..., second..., rows], in an order of adding that depends on nothing but the number of
  // threads.
  std::vector<double> total(std::size_t rows) const {
    std::vector<double> sum(2 * channels_ + 1, 0.0);
    for (std::size_t t = 0; t < threads_; ++t) {
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += values_[t * sum.size() + i];
    }
    sum.back() = static_cast<double>(rows);
    return sum;
  }

 private:
  double* mine() {
    return values_.data() + static_cast<std::size_t>(at::get_thread_num()) * (2 * channels_ + 1);
  }
  std::size_t channels_, threads_;
  std::vector<double> values_;
};

// Image by image, each thread a share of the batch.
template <class Work>
void each_image(std::int64_t images, const Work& work) {
  at::parallel_for(0, images, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) work(n);
  });
}

const float* data(const Tensor& x) {
  return x.const_data_ptr<float>();
}

struct Statistics {
  Tensor scale, shift;   // y = x * scale + shift
  Tensor mean, inverse;  // of the batch; inverse: 1 / sqrt(variance + epsilon)
};

// In training mode also moves the running statistics.
Statistics statistics(const Tensor& x, torch::nn::BatchNorm2dImpl& norm) {
  const int channels = static_cast<int>(x.size(1));
  Statistics s;
  s.scale = torch::empty({channels});
  s.shift = torch::empty({channels});
  s.mean = torch::empty({channels});
  s.inverse = torch::empty({channels});
  const double epsilon = norm.options.eps();
  const Tensor gamma = norm.weight.detach(), beta = norm.bias.detach();
  std::vector<double> sums;
  if (norm.is_training()) {
    Sums moments(channels);
    const std::size_t plane = static_cast<std::size_t>(x.size(2) * x.size(3));
    each_image(x.size(0), [&](std::int64_t n) {
      channels_last::add_moments(
          data(x) + static_cast<std::size_t>(n) * plane * static_cast<std::size_t>(channels), plane,
          channels, moments.first(), moments.second());
    });
    sums = moments.total(rows_of(x));
    if (sum_over_processes()) sum_over_processes()(sums);
  }
  for (int c = 0; c < channels; ++c) {
    double mean = 0, variance = 0;
    if (norm.is_training()) {
      const double rows = sums.back();
      mean = sums[static_cast<std::size_t>(c)] / rows;
      variance = std::max(0.0, sums[static_cast<std::size_t>(channels + c)] / rows - mean * mean);
      const double momentum = *norm.options.momentum();
      auto* running_mean = norm.running_mean.mutable_data_ptr<float>();
      auto* running_var = norm.running_var.mutable_data_ptr<float>();
      running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * mean);
      running_var[c] = static_cast<float>((1 - momentum) * running_var[c] +
                                          momentum * variance * rows / std::max(1.0, rows - 1));
    } else {
      mean = data(norm.running_mean)[c];
      variance = data(norm.running_var)[c];
    }
    const double inverse = 1 / std::sqrt(variance + epsilon);
    const double scale = data(gamma)[c] * inverse;
    s.scale.mutable_data_ptr<float>()[c] = static_cast<float>(scale);
    s.shift.mutable_data_ptr<float>()[c] = static_cast<float>(data(beta)[c] - mean * scale);
    s.mean.mutable_data_ptr<float>()[c] = static_cast<float>(mean);
    s.inverse.mutable_data_ptr<float>()[c] = static_cast<float>(inverse);
  }
  if (norm.is_training()) norm.num_batches_tracked += 1;
  return s;
}

Affine affine_of(const Tensor& scale, const Tensor& shift, Clamp clamp) {
  return {data(scale), data(shift), clamp.low, clamp.high};
}

// What batch-norm's gradient needs, from the sums of g and g * x (own, then over all processes).
struct NormGradient {
  Tensor gamma, beta;  // their gradients
  Tensor a, b, c;      // gx = g * a + x * b + c
};

NormGradient norm_gradient(std::vector<double> sums, const Tensor& scale, const Tensor& mean,
                           const Tensor& inverse) {
  const auto channels = static_cast<std::size_t>(scale.size(0));
  NormGradient out;
  for (Tensor* t : {&out.gamma, &out.beta, &out.a, &out.b, &out.c}) {
    *t = torch::empty({scale.size(0)});
  }
  const auto set = [](Tensor& t, std::size_t i, double value) {
    t.mutable_data_ptr<float>()[i] = static_cast<float>(value);
  };
  for (std::size_t i = 0; i < channels; ++i) {
    const double normalised = data(inverse)[i] * (sums[channels + i] - data(mean)[i] * sums[i]);
    set(out.beta, i, sums[i]);
    set(out.gamma, i, normalised);
  }
  if (sum_over_processes()) sum_over_processes()(sums);
  const double rows = sums.back();
  for (std::size_t i = 0; i < channels; ++i) {
    const double m = data(mean)[i], s = data(scale)[i], v = data(inverse)[i];
    const double b = -s * v * v * (sums[channels + i] - m * sums[i]) / rows;
    set(out.a, i, s);
    set(out.b, i, b);
    set(out.c, i, -s * sums[i] / rows - b * m);
  }
  return out;
}

struct NormClamp : torch::autograd::Function<NormClamp> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& gamma,
                        const Tensor& beta, const std::optional<Tensor>& skip,
                        torch::nn::BatchNorm2dImpl* norm, double low, double high) {
    static_cast<void>(gamma), static_cast<void>(beta);  // named so that autograd sees them
    const Tensor x = pixels(input);
    const Clamp clamp{static_cast<float>(low), static_cast<float>(high)};
    const Statistics s = statistics(x, *norm);
    Tensor y = torch::empty_like(x);
    const Tensor added = skip ? pixels(*skip) : Tensor();
    const Affine affine = affine_of(s.scale, s.shift, clamp);
    const auto size = static_cast<std::size_t>(x.numel() / x.size(0));
    const int channels = static_cast<int>(x.size(1));
    float* out = y.mutable_data_ptr<float>();
    each_image(x.size(0), [&](std::int64_t n) {
      const std::size_t offset = static_cast<std::size_t>(n) * size;
      channels_last::apply(data(x) + offset, affine,
                           added.defined() ? data(added) + offset : nullptr,
                           size / static_cast<std::size_t>(channels), channels, out + offset);
    });
    context->save_for_backward({x, s.scale, s.shift, s.mean, s.inverse});
    context->saved_data["low"] = low;
    context->saved_data["high"] = high;
    context->saved_data["skip"] = skip.has_value();
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1], &shift = saved[2];
    const Tensor gy = pixels(gradients[0]);
    const Affine affine = affine_of(scale, shift,
                                    {static_cast<float>(context->saved_data["low"].toDouble()),
                                     static_cast<float>(context->saved_data["high"].toDouble())});
    const int channels = static_cast<int>(x.size(1));
    const auto size = static_cast<std::size_t>(x.numel() / x.size(0));
    const std::size_t plane = size / static_cast<std::size_t>(channels);
    Sums moments(channels);
    each_image(x.size(0), [&](std::int64_t n) {
      const std::size_t offset = static_cast<std::size_t>(n) * size;
      channels_last::add_gradient_moments(data(x) + offset, data(gy) + offset, affine, plane,
                                          channels, moments.first(), moments.second());
    });
    const NormGradient g = norm_gradient(moments.total(rows_of(x)), scale, saved[3], saved[4]);
    Tensor gx = torch::empty_like(x);
    float* out = gx.mutable_data_ptr<float>();
    each_image(x.size(0), [&](std::int64_t n) {
      const std::size_t offset = static_cast<std::size_t>(n) * size;
      channels_last::apply_gradient(data(x) + offset, data(gy) + offset, affine, data(g.a),
                                    data(g.b), data(g.c), plane, channels, out + offset);
    });
    return {
        gx,       g.gamma,  g.beta,  context->saved_data["skip"].toBool() ? gradients[0] : Tensor(),
        Tensor(), Tensor(), Tensor()};
  }
};

Depthwise shape_of(const Tensor& x, const DepthwiseKernel& kernel) {
  Depthwise s{};
  s.channels = static_cast<int>(x.size(1));
  s.kernel = static_cast<int>(kernel.weight.size(2));
  s.stride = kernel.stride;
  s.height = static_cast<int>(x.size(2));
  s.width = static_cast<int>(x.size(3));
  s.out_height = (s.height + kernel.rows.first + kernel.rows.second - s.kernel) / s.stride + 1;
  s.out_width = (s.width + kernel.columns.first + kernel.columns.second - s.kernel) / s.stride + 1;
  s.pad_top = kernel.rows.first;
  s.pad_left = kernel.columns.first;
  return s;
}

// [C, 1, k, k] to k * k * C.
Tensor side_by_side(const Tensor& weight) {
  return weight.detach().squeeze(1).permute({1, 2, 0}).contiguous();
}

struct NormClampDepthwise : torch::autograd::Function<NormClampDepthwise> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& gamma,
                        const Tensor& beta, const Tensor& weight, torch::nn::BatchNorm2dImpl* norm,
                        const Clamp& clamp, const DepthwiseKernel& kernel) {
    static_cast<void>(gamma), static_cast<void>(beta);
    const Tensor x = pixels(input);
    const Statistics s = statistics(x, *norm);
    const Depthwise shape = shape_of(x, kernel);
    const Tensor w = side_by_side(weight);
    Tensor z = torch::empty({x.size(0), x.size(1), shape.out_height, shape.out_width},
                            x.options().memory_format(torch::MemoryFormat::ChannelsLast));
    const Affine affine = affine_of(s.scale, s.shift, clamp);
    const std::int64_t in_size = x.numel() / x.size(0), out_size = z.numel() / x.size(0);
    float* out = z.mutable_data_ptr<float>();
    each_image(x.size(0), [&](std::int64_t n) {
      channels_last::depthwise_forward(shape, data(x) + n * in_size, affine, data(w),
                                       out + n * out_size);
    });
    context->save_for_backward({x, s.scale, s.shift, s.mean, s.inverse, w});
    context->saved_data["low"] = static_cast<double>(clamp.low);
    context->saved_data["high"] = static_cast<double>(clamp.high);
    context->saved_data["shape"] =
        std::vector<std::int64_t>{shape.kernel,    shape.stride,  shape.out_height,
                                  shape.out_width, shape.pad_top, shape.pad_left};
    return z;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1], &shift = saved[2], &w = saved[5];
    const Tensor gz = pixels(gradients[0]);
    const Affine affine = affine_of(scale, shift,
                                    {static_cast<float>(context->saved_data["low"].toDouble()),
                                     static_cast<float>(context->saved_data["high"].toDouble())});
    const auto numbers = context->saved_data["shape"].toIntVector();
    Depthwise s{};
    s.channels = static_cast<int>(x.size(1));
    s.kernel = static_cast<int>(numbers[0]);
    s.stride = static_cast<int>(numbers[1]);
    s.height = static_cast<int>(x.size(2));
    s.width = static_cast<int>(x.size(3));
    s.out_height = static_cast<int>(numbers[2]);
    s.out_width = static_cast<int>(numbers[3]);
    s.pad_top = static_cast<int>(numbers[4]);
    s.pad_left = static_cast<int>(numbers[5]);
    const std::int64_t in_size = x.numel() / x.size(0), out_size = gz.numel() / x.size(0);

    // A sum a thread, added up in the threads' order.
    const Tensor partial = torch::zeros({at::get_num_threads(), s.kernel, s.kernel, s.channels});
    auto* const gw = partial.mutable_data_ptr<float>();
    const std::int64_t weights = partial.numel() / partial.size(0);
    Tensor gx = torch::empty_like(x);
    float* const g = gx.mutable_data_ptr<float>();
    Sums moments(s.channels);
    each_image(x.size(0), [&](std::int64_t n) {
      channels_last::depthwise_backward_weight(s, data(x) + n * in_size, affine,
                                               data(gz) + n * out_size,
                                               gw + at::get_thread_num() * weights);
      channels_last::depthwise_backward_data(s, data(x) + n * in_size, affine, data(w),
                                             data(gz) + n * out_size, g + n * in_size,
                                             moments.first(), moments.second());
    });
    const NormGradient norm = norm_gradient(moments.total(rows_of(x)), scale, saved[3], saved[4]);
    // The clamp has had its say already.
    const Affine open = affine_of(scale, shift, {});
    each_image(x.size(0), [&](std::int64_t n) {
      channels_last::apply_gradient(
          data(x) + n * in_size, g + n * in_size, open, data(norm.a), data(norm.b), data(norm.c),
          static_cast<std::size_t>(in_size / s.channels), s.channels, g + n * in_size);
    });
    const Tensor weight_gradient = partial.sum(0).permute({2, 0, 1}).unsqueeze(1);
    return {gx, norm.gamma, norm.beta, weight_gradient, Tensor(), Tensor(), Tensor()};
  }
};

bool is_fast(const Tensor& x, torch::nn::BatchNorm2dImpl& norm) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat32 && x.dim() == 4 &&
         x.size(1) % channels_last::kChannelStep == 0 &&
         (norm.is_training() || !torch::GradMode::is_enabled()) && norm.options.momentum();
}

Tensor clamped(const Tensor& x, Clamp clamp) {
  if (std::isinf(clamp.low) && std::isinf(clamp.high)) return x;
  return clamp.low == 0 && clamp.high == 6 ? torch::relu6(x)
                                           : torch::clamp(x, clamp.low, clamp.high);
}

}  // namespace

Tensor norm_clamp(const Tensor& x, torch::nn::BatchNorm2d& norm, Clamp clamp, const Tensor& skip) {
  if (is_fast(x, *norm)) {
    return NormClamp::apply(x, norm->weight, norm->bias,
                            skip.defined() ? std::optional<Tensor>(skip) : std::nullopt, norm.get(),
                            static_cast<double>(clamp.low), static_cast<double>(clamp.high));
  }
  const Tensor y = clamped(norm(x), clamp);
  return skip.defined() ? y + skip : y;
}

Tensor norm_clamp_depthwise(const Tensor& x, torch::nn::BatchNorm2d& norm, Clamp clamp,
                            const DepthwiseKernel& kernel) {
  const std::int64_t size = kernel.weight.size(2);
  if (is_fast(x, *norm) && (size == 3 || size == 5) && kernel.stride <= 2) {
    return NormClampDepthwise::apply(x, norm->weight, norm->bias, kernel.weight, norm.get(), clamp,
                                     kernel);
  }
  Tensor y = clamped(norm(x), clamp);
  const std::int64_t groups = kernel.weight.size(0);
  if (kernel.rows.first == kernel.rows.second && kernel.columns.first == kernel.columns.second) {
    return torch::conv2d(y, kernel.weight, Tensor(), kernel.stride,
                         {kernel.rows.first, kernel.columns.first}, 1, groups);
  }
  y = torch::constant_pad_nd(
      y, {kernel.columns.first, kernel.columns.second, kernel.rows.first, kernel.rows.second});
  return torch::conv2d(y, kernel.weight, Tensor(), kernel.stride, at::IntArrayRef({0, 0}), 1,
                       groups);
}

void synchronise_norms(SumOverProcesses sum) {
  sum_over_processes() = std::move(sum);
}

}  // namespace nevus
