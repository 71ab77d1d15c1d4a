// The epochs of a training.
#include "train/training.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/cuda.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <opencv2/core/version.hpp>
#include <set>
#include <thread>

#include "metrics/metrics.h"
#include "nets/fused_norm.h"
#include "nets/network.h"
#include "nets/state.h"
#include "nets/weights.h"
#include "nevus/decision.h"
#include "nevus/self_test.h"
#include "runtime/session.h"
#include "train/checkpoint.h"
#include "train/distributed.h"
#include "train/export.h"
#include "train/loader.h"
#include "train/loss.h"
#include "train/photos.h"
#include "train/random.h"
#include "train/run_folder.h"
#include "train/typicality.h"

namespace nevus {

bool use_cuda(const TrainOptions& options) {
  return options.device != "cpu" && torch::hasCUDA();
}

void Training::choose_device() {
  if (use_cuda(options_)) {
    device_ = torch::Device(
        torch::kCUDA,
        static_cast<c10::DeviceIndex>(processes_.local_rank() % torch::cuda::device_count()));
  }
  threads_ = options_.threads > 0
                 ? options_.threads
                 : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  at::set_num_threads(threads_);
}

Result<std::optional<PublishedWeights>> Training::find_weights() const {
  if (options_.weights == "none") return std::optional<PublishedWeights>();
  std::filesystem::path path = options_.weights;
  if (options_.weights == "imagenet") {
    const auto found = imagenet_weights(architecture_.name);
    if (!found) return found.error();
    path = *found;
  }
  auto weights = read_weights(path);
  if (!weights) return weights.error();
  return std::optional<PublishedWeights>(std::move(*weights));
}

void Training::make_optimizer() {
  // Kernels decay; biases and batch-norm don't. Deeper blocks learn faster.
  std::map<std::pair<int, bool>, std::vector<torch::Tensor>> groups;
  for (const auto& entry : net_->named_parameters()) {
    groups[{net_->depth_of(entry.key()), entry.value().dim() > 1}].push_back(entry.value());
  }
  const bool sgd = recipe_.optimizer == "sgd";
  std::vector<torch::optim::OptimizerParamGroup> parameter_groups;
  rate_share_.clear();
  for (const auto& [key, tensors] : groups) {
    const auto [depth, is_kernel] = key;
    const double decay = is_kernel ? recipe_.weight_decay : 0.0;
    std::unique_ptr<torch::optim::OptimizerOptions> group_options;
    if (sgd) {
      auto own = std::make_unique<torch::optim::SGDOptions>(recipe_.learning_rate);
      own->weight_decay(decay).momentum(recipe_.momentum).nesterov(recipe_.momentum > 0);
      group_options = std::move(own);
    } else {
      auto own = std::make_unique<torch::optim::AdamWOptions>(recipe_.learning_rate);
      own->weight_decay(decay);
      group_options = std::move(own);
    }
    parameter_groups.emplace_back(tensors, std::move(group_options));
    const bool head = depth == net_->depth();
    rate_share_.push_back(head ? 1.0
                               : recipe_.backbone_rate *
                                     std::pow(recipe_.layer_decay, net_->depth() - 1 - depth));
  }
  if (sgd) {
    optimizer_ = std::make_unique<torch::optim::SGD>(
        std::move(parameter_groups), torch::optim::SGDOptions(recipe_.learning_rate));
  } else {
    optimizer_ = std::make_unique<torch::optim::AdamW>(
        std::move(parameter_groups), torch::optim::AdamWOptions(recipe_.learning_rate));
  }
}

nlohmann::json Training::settings() const {
  const AugmentSpec& augment = recipe_.augment;
  return {{"architecture", architecture_.name},
          {"input_size", architecture_.size},
          {"weights", std::filesystem::path(options_.weights).filename().string()},
          {"seed", options_.seed},
          {"data_sha256", photos_.hash},
          {"train_photos", photos_.train.size()},
          {"val_photos", photos_.val.size()},
          {"epochs", recipe_.epochs},
          {"batch_size", recipe_.batch_size},
          {"learning_rate", recipe_.learning_rate},
          {"backbone_rate", recipe_.backbone_rate},
          {"weight_decay", recipe_.weight_decay},
          {"warm_up", recipe_.warm_up},
          {"label_smoothing", recipe_.label_smoothing},
          {"dropout", recipe_.dropout},
          {"drop_connect", recipe_.drop_connect},
          {"norm_momentum", recipe_.norm_momentum},
          {"ema_epochs", recipe_.ema_epochs},
          {"first_size", recipe_.first_size},
          {"last_size", recipe_.last_size},
          {"val_share", recipe_.val_share},
          {"photos", options_.photos},
          {"folds", options_.folds},
          {"fold", options_.folds > 0 ? options_.fold : 0},
          {"optimizer", recipe_.optimizer},
          {"momentum", recipe_.momentum},
          {"layer_decay", recipe_.layer_decay},
          {"head_epochs", recipe_.head_epochs},
          {"freeze", recipe_.freeze},
          {"accumulate", recipe_.accumulate},
          {"clip_norm", recipe_.clip_norm},
          {"balance", recipe_.balance},
          {"balance_power", recipe_.balance_power},
          {"mixup", recipe_.mixup},
          {"cutmix", recipe_.cutmix},
          {"teachers", teachers_.hashes()},
          {"teacher_weight", teachers_.empty() ? 0.0 : recipe_.teacher_weight},
          {"teacher_turns", teachers_.empty() ? 0 : recipe_.teacher_turns},
          {"patience", recipe_.patience},
          {"select", recipe_.select},
          {"typicality", recipe_.typicality},
          {"processes", processes_.world()},
          {"augment",
           {{"min_scale", augment.min_scale},
            {"aspect", augment.aspect},
            {"max_rotation", augment.max_rotation},
            {"color", augment.color},
            {"hue", augment.hue},
            {"blur", augment.blur},
            {"hair", augment.hair},
            {"cutout", augment.cutout},
            {"jpeg", augment.jpeg}}}};
}

Result<bool> Training::prepare() {
  choose_device();
  torch::manual_seed(options_.seed);
  NetworkOptions net_options;
  net_options.classes = static_cast<int>(photos_.classes.size());
  net_options.dropout = recipe_.dropout;
  net_options.drop_connect = recipe_.drop_connect;
  net_options.norm_momentum = recipe_.norm_momentum;
  const auto weights = find_weights();
  if (!weights) return weights.error();
  net_ = Network(*weights ? adapted(architecture_, **weights) : architecture_, net_options);
  if (*weights) {
    // ImageNet's classifier is for other classes, also where there are a thousand.
    const auto applied = apply_weights(**weights, net_->architecture, state_of(*net_),
                                       options_.weights != "imagenet");
    if (!applied)
      return Error{options_.weights + ": not weights of " + architecture_.name + ": " +
                       applied.error().message,
                   applied.error().field};
  }
  net_->to(device_);
  {
    // Twice as fast as NCHW on a CPU with these depthwise convolutions.
    const torch::NoGradGuard no_grad;
    for (torch::Tensor& parameter : net_->parameters()) {
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
      }
    }
  }
  for (const auto& [name, tensor] : state_of(*net_)) {
    average_[name] = tensor.clone();
    best_[name] = tensor.clone();
  }
  auto teachers = Teachers::read(options_.teachers, photos_.classes, input_, device_);
  if (!teachers) return teachers.error();
  teachers_ = std::move(*teachers);
  open_cache();
  make_optimizer();
  possible_ = torch::zeros({static_cast<std::int64_t>(photos_.labels.size()),
                            static_cast<std::int64_t>(photos_.classes.size())});
  for (std::size_t label = 0; label < photos_.labels.size(); ++label) {
    for (const int c : photos_.possible[label]) possible_[static_cast<std::int64_t>(label)][c] = 1;
  }
  possible_ = possible_.to(device_);
  std::vector<std::size_t> counts(photos_.labels.size(), 0);
  for (const Sample& sample : photos_.train) ++counts[static_cast<std::size_t>(sample.label)];
  class_weight_ =
      torch::tensor(
          class_weights(counts, recipe_.balance == "weights" ? recipe_.balance_power : 0.0),
          torch::kFloat32)
          .to(device_);
  steps_per_epoch_ = static_cast<std::int64_t>(
      cut_batches(std::vector<std::size_t>(photos_.train.size()), photos_of_step()).size());
  state_.settings = settings();
  for (const std::filesystem::path& file : teachers_.of_other_splits(state_.settings)) {
    if (!processes_.leads()) break;  // warnings come from each process
    observer_.warn("--teacher " + file.string() +
                   ": trained on other photos, or cut otherwise; if it has learnt from photos that "
                   "this run validates on, their figures are too good");
  }
  state_.command_line = options_.command_line;

  std::error_code status;
  if (options_.resume) {
    if (std::filesystem::exists(folder_.checkpoint(), status)) {
      TrainTensors tensors{net_, average_, best_, *optimizer_};
      const auto loaded = load_checkpoint(folder_.checkpoint(), tensors, state_);
      if (!loaded) return loaded;
      observer_.note("continuing with epoch " +
                     std::to_string(std::min(state_.epoch, recipe_.epochs)) + ", step " +
                     std::to_string(state_.step));
    } else {
      observer_.note(folder_.checkpoint().string() + " is not there: starting from the beginning");
    }
  }
  return true;
}

void Training::open_cache() {
  if (options_.cache == "off" || options_.out.empty()) return;
  const std::filesystem::path file =
      options_.cache == "auto" ? folder_.cache() : std::filesystem::path(options_.cache);
  auto cache = PhotoCache::open(file, static_cast<std::uint64_t>(options_.cache_size * 1e9),
                                [this](const std::string& line) { observer_.warn(line); });
  if (cache)
    cache_ = std::move(*cache);
  else
    observer_.warn(cache.error().message + "; photos are decoded in every epoch");
}

Training::~Training() {
  // A run's own cache is scratch, worth keeping for as long as the run may be resumed.
  if (cache_ && options_.cache == "auto" && finished_ && processes_.leads()) {
    cache_.reset();
    std::error_code code;
    std::filesystem::remove(folder_.cache(), code);
  }
}

LoaderSpec Training::loading(bool augmented) const {
  LoaderSpec spec;
  spec.input = input_;
  spec.threads = threads_;
  spec.ahead = 2 * threads_;
  if (augmented) spec.augment = recipe_.augment;
  spec.cache = cache_.get();
  return spec;
}

UnreadableHandler Training::unreadable() {
  return [this](const Sample& sample, const std::string& reason) {
    if (named_unreadable_.insert(sample.file).second) {
      observer_.warn(sample.file.string() + ": " + reason + "; left out");
    }
  };
}

torch::Tensor Training::to_device(const Batch& batch) const {
  const auto n = static_cast<std::int64_t>(batch.indices.size());
  return torch::from_blob(const_cast<float*>(batch.images.data()),
                          {n, 3, batch.height, batch.width}, torch::kFloat32)
      .to(device_)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor Training::forward(const torch::Tensor& images) {
  if (!device_.is_cuda()) {
    return net_->forward(images);
  }
  // bfloat16 needs no loss scaling, which LibTorch doesn't offer in C++.
  at::autocast::set_autocast_enabled(at::kCUDA, true);
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  torch::Tensor logits = net_->forward(images).to(torch::kFloat32);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCUDA, false);
  return logits;
}

Scores Scores::of_known_class(std::size_t classes) const {
  Scores known;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (static_cast<std::size_t>(labels[i]) >= classes) continue;
    known.malignancy.push_back(malignancy[i]);
    known.malignant.push_back(malignant[i]);
    known.labels.push_back(labels[i]);
    if (!indices.empty()) known.indices.push_back(indices[i]);
    const auto row = static_cast<std::ptrdiff_t>(i * classes);
    const auto end = row + static_cast<std::ptrdiff_t>(classes);
    known.logits.insert(known.logits.end(), logits.begin() + row, logits.begin() + end);
    known.probabilities.insert(known.probabilities.end(), probabilities.begin() + row,
                               probabilities.begin() + end);
  }
  known.loss = loss;
  return known;
}

// One photo's answer. The loss is without label smoothing, so that training and validation can be
// compared; a sum for now.
void Training::add_score(std::span<const float> logits, int label, Scores& scores) const {
  const std::vector<double> probabilities = calibrated_softmax(logits, 1.0);
  double bad = 0;
  for (std::size_t c = 0; c < probabilities.size(); ++c) {
    bad += photos_.malignant[c] ? probabilities[c] : 0;
  }
  const auto index = static_cast<std::size_t>(label);
  scores.malignancy.push_back(bad);
  scores.malignant.push_back(photos_.malignant[index] ? 1 : 0);
  scores.labels.push_back(label);
  scores.logits.insert(scores.logits.end(), logits.begin(), logits.end());
  scores.probabilities.insert(scores.probabilities.end(), probabilities.begin(),
                              probabilities.end());
  double own = 0;
  for (const int c : photos_.possible[index]) own += probabilities[static_cast<std::size_t>(c)];
  scores.loss -= std::log(std::max(own, 1e-12));
}

void Training::collect(const torch::Tensor& logits, const Batch& batch, Scores& scores) const {
  const std::size_t classes = photos_.classes.size();
  const torch::Tensor flat = logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const std::span<const float> values(flat.const_data_ptr<float>(), batch.labels.size() * classes);
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    add_score(values.subspan(i * classes, classes), batch.labels[i], scores);
  }
}

void Training::report_progress(bool validating, std::int64_t step, std::int64_t steps,
                               std::size_t images, Clock::time_point start) {
  TrainProgress progress;
  progress.validating = validating;
  progress.epoch = std::min(state_.epoch, recipe_.epochs);
  progress.epochs = recipe_.epochs;
  progress.step = step;
  progress.steps = steps;
  const double seconds = seconds_since(start);
  progress.images_per_second = seconds > 0 ? static_cast<double>(images) / seconds : 0;
  if (progress.images_per_second > 0) {
    // Validation costs about a third of a training step for each photo (no way back).
    const double per_image =
        validating ? 3 / progress.images_per_second : 1 / progress.images_per_second;
    // Of later epochs, in the time that this one's views take.
    const auto area = [&](int epoch) {
      const double side = view_size(input_.width, recipe_, epoch);
      return side * side;
    };
    double epochs_after = 0;
    for (int epoch = state_.epoch + 1; epoch <= recipe_.epochs; ++epoch) {
      epochs_after += area(epoch) / area(std::min(state_.epoch, recipe_.epochs));
    }
    const double done =
        static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, steps));
    const auto train = static_cast<double>(photos_.train.size());
    const double val = static_cast<double>(photos_.val.size()) / 3;
    const double photos_left = validating ? val * (1 - done) : train * (1 - done) + val;
    progress.seconds_left = per_image * (photos_left + epochs_after * (train + val));
  } else {
    progress.seconds_left = NAN;
  }
  observer_.progress(progress);
}

// Adds the batch's share of the step's gradient.
void Training::accumulate(const Batch& batch, double photos_of_step) {
  torch::Tensor images = to_device(batch);
  const torch::Tensor labels =
      torch::tensor(std::vector<std::int64_t>(batch.labels.begin(), batch.labels.end()))
          .to(device_);
  const torch::Tensor allowed = possible_.index_select(0, labels);
  const torch::Tensor weight = class_weight_.index_select(0, labels);
  const Mix mix = mix_batch(images, recipe_.mixup, recipe_.cutmix);
  const torch::Tensor logits = forward(images);
  torch::Tensor loss =
      (allowed_cross_entropy(logits, allowed, recipe_.label_smoothing) * weight).sum();
  if (mix.order.defined()) {
    const torch::Tensor other = (allowed_cross_entropy(logits, allowed.index_select(0, mix.order),
                                                       recipe_.label_smoothing) *
                                 weight.index_select(0, mix.order))
                                    .sum();
    loss = loss * mix.share + other * (1 - mix.share);
  }
  if (!teachers_.empty()) {
    // Of mixed photos, too, they tell what they see.
    const torch::Tensor taught =
        (distillation_loss(logits, teachers_.probabilities(images, recipe_.teacher_turns)) * weight)
            .sum();
    loss = loss * (1 - recipe_.teacher_weight) + taught * recipe_.teacher_weight;
  }
  (loss / photos_of_step).backward();

  Scores seen;
  collect(logits, batch, seen);
  state_.scores.insert(state_.scores.end(), seen.malignancy.begin(), seen.malignancy.end());
  state_.labels.insert(state_.labels.end(), seen.malignant.begin(), seen.malignant.end());
  state_.loss_sum += seen.loss;
}

void Training::set_rates(double rate) {
  for (std::size_t i = 0; i < rate_share_.size(); ++i) {
    optimizer_->param_groups()[i].options().set_lr(rate * rate_share_[i]);
  }
}

// Over all processes, then clipped.
double Training::sum_gradients() {
  std::vector<torch::Tensor> parameters;
  for (const torch::Tensor& parameter : net_->parameters()) {
    if (parameter.grad().defined()) parameters.push_back(parameter);
  }
  if (processes_.world() > 1) {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> flat;
    for (const torch::Tensor& parameter : parameters)
      flat.push_back(parameter.grad().reshape({-1}));
    torch::Tensor all = torch::cat(flat);
    processes_.sum(all);
    std::int64_t offset = 0;
    for (const torch::Tensor& parameter : parameters) {
      const std::int64_t size = parameter.numel();
      parameter.grad().copy_(all.slice(0, offset, offset + size).view(parameter.sizes()));
      offset += size;
    }
  }
  if (recipe_.clip_norm <= 0) return 0;
  return torch::nn::utils::clip_grad_norm_(parameters, recipe_.clip_norm);
}

void Training::step(std::int64_t global_step) {
  set_rates(recipe_.learning_rate *
            schedule_factor(global_step, steps_per_epoch_ * recipe_.epochs, recipe_.warm_up));
  sum_gradients();
  optimizer_->step();
  optimizer_->zero_grad();
  update_average(global_step);
}

void Training::update_average(std::int64_t global_step) {
  const torch::NoGradGuard no_grad;
  const double horizon = recipe_.ema_epochs * static_cast<double>(steps_per_epoch_);
  const double decay = horizon > 1 ? 1 - 1 / horizon : 0;
  // Early averages lean on fewer steps, or the untrained start would stay in them for long.
  const double early = static_cast<double>(1 + global_step) / static_cast<double>(10 + global_step);
  const double weight = 1 - std::min(decay, early);
  for (const auto& [name, tensor] : state_of(*net_)) {
    average_.at(name).lerp_(tensor, weight);
  }
}

// The photos of an epoch, in the order in which they are learnt from.
std::vector<std::size_t> Training::epoch_order() const {
  const std::uint64_t seed =
      mix({options_.seed, kOrderSeed, static_cast<std::uint64_t>(state_.epoch)});
  std::vector<std::size_t> order(photos_.train.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (recipe_.balance == "sampling") {
    // With replacement, classes in proportion to n^(1 - power).
    std::vector<std::size_t> counts(photos_.labels.size(), 0);
    for (const Sample& sample : photos_.train) ++counts[static_cast<std::size_t>(sample.label)];
    const std::vector<double> weights = class_weights(counts, recipe_.balance_power);
    std::vector<double> until(order.size());
    double sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      sum += weights[static_cast<std::size_t>(photos_.train[i].label)];
      until[i] = sum;
    }
    std::uint64_t state = mix({seed, 1});
    for (std::size_t& index : order) {
      state = splitmix64(state);
      const double drawn = static_cast<double>(state >> 11) * 0x1.0p-53 * sum;
      index = std::min<std::size_t>(
          static_cast<std::size_t>(std::upper_bound(until.begin(), until.end(), drawn) -
                                   until.begin()),
          until.size() - 1);
    }
  }
  shuffle(order, seed);
  return order;
}

// Steps of the optimizer from the one to go on with, each as this process's `accumulate` batches.
std::vector<std::vector<std::size_t>> Training::plan(const std::vector<std::size_t>& order) const {
  const auto steps = cut_batches(order, photos_of_step());
  std::vector<std::vector<std::size_t>> batches;
  const auto parts = static_cast<std::size_t>(recipe_.accumulate);
  const auto world = static_cast<std::size_t>(processes_.world());
  for (std::size_t i = static_cast<std::size_t>(state_.step); i < steps.size(); ++i) {
    const std::vector<std::size_t>& photos = steps[i];
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t slot = static_cast<std::size_t>(processes_.rank()) * parts + part;
      const auto at = [&](std::size_t k) {
        return photos.begin() + static_cast<std::ptrdiff_t>(photos.size() * k / (world * parts));
      };
      batches.emplace_back(at(slot), at(slot + 1));
    }
  }
  return batches;
}

// What each process saw of the epoch comes together in all of them.
void Training::gather_epoch() {
  if (processes_.world() == 1) return;
  const auto world = static_cast<std::size_t>(processes_.world());
  const auto rank = static_cast<std::size_t>(processes_.rank());
  std::vector<double> counts(world, 0.0);
  counts[rank] = static_cast<double>(state_.scores.size());
  processes_.sum(counts);
  std::size_t total = 0, offset = 0;
  for (std::size_t i = 0; i < world; ++i) {
    if (i < rank) offset += static_cast<std::size_t>(counts[i]);
    total += static_cast<std::size_t>(counts[i]);
  }
  std::vector<double> all(2 * total + 1, 0.0);
  for (std::size_t i = 0; i < state_.scores.size(); ++i) {
    all[offset + i] = state_.scores[i];
    all[total + offset + i] = state_.labels[i];
  }
  all.back() = state_.loss_sum;
  processes_.sum(all);
  state_.scores.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(total));
  state_.labels.clear();
  for (std::size_t i = total; i < 2 * total; ++i) state_.labels.push_back(all[i] > 0.5 ? 1 : 0);
  state_.loss_sum = all.back();
}

bool Training::train_epoch() {
  net_->train();
  net_->freeze(state_.epoch <= recipe_.head_epochs ? net_->depth() : recipe_.freeze);
  const std::vector<std::size_t> order = epoch_order();
  const auto steps = cut_batches(order, photos_of_step());
  const auto total = static_cast<std::int64_t>(steps.size());

  LoaderSpec spec = loading(true);
  spec.view_width = view_size(input_.width, recipe_, state_.epoch);
  spec.view_height = view_size(input_.height, recipe_, state_.epoch);
  const auto epoch = static_cast<std::uint64_t>(state_.epoch);
  Loader loader(photos_.train, plan(order), spec, mix({options_.seed, kAugmentSeed, epoch}),
                unreadable());
  // After an interruption each process has its own share again.
  if (!processes_.leads()) {
    state_.scores.clear();
    state_.labels.clear();
    state_.loss_sum = 0;
  }
  const Clock::time_point start = Clock::now();
  std::size_t images = 0;
  optimizer_->zero_grad();
  while (state_.step < total) {
    const auto photos = static_cast<double>(steps[static_cast<std::size_t>(state_.step)].size());
    const std::int64_t global_step = (state_.epoch - 1) * steps_per_epoch_ + state_.step;
    // A seed a step: dropout is the same whether or not the training was interrupted.
    torch::manual_seed(mix({options_.seed, kStepSeed, static_cast<std::uint64_t>(global_step),
                            static_cast<std::uint64_t>(processes_.rank())}));
    std::size_t seen = 0;
    for (int part = 0; part < recipe_.accumulate; ++part) {
      const Clock::time_point asked = Clock::now();
      const auto batch = loader.next();
      state_.waited += seconds_since(asked);
      // A lone photo would train batch-norm on itself.
      if (!batch || (batch->indices.size() < 2 && processes_.world() == 1)) continue;
      accumulate(*batch, photos);
      seen += batch->indices.size();
    }
    if (seen > 0 || processes_.world() > 1) step(global_step);
    images += seen * static_cast<std::size_t>(processes_.world());
    ++state_.step;
    state_.images += seen * static_cast<std::size_t>(processes_.world());
    report_progress(false, state_.step, total, images, start);
    const bool late = options_.time_limit > 0 && seconds_since(started_) > options_.time_limit;
    if (processes_.any(stop_ || late) && state_.step < total) {
      state_.seconds += seconds_since(start);
      return false;
    }
  }
  state_.seconds += seconds_since(start);
  return true;
}

// On the averaged weights; the network has its own back afterwards. Each process takes its share
// of the photos, all of them get all answers.
Scores Training::evaluate() {
  const torch::NoGradGuard no_grad;
  NamedTensors own;
  const NamedTensors state = state_of(*net_);
  for (const auto& [name, tensor] : state) {
    own[name] = tensor.clone();
    torch::Tensor target = tensor;
    target.copy_(average_.at(name));
  }
  net_->eval();
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < photos_.val.size(); ++i) {
    if (i % static_cast<std::size_t>(processes_.world()) ==
        static_cast<std::size_t>(processes_.rank())) {
      order.push_back(i);
    }
  }
  auto batches = cut_batches(order, static_cast<std::size_t>(recipe_.batch_size));
  const auto total = static_cast<std::int64_t>(batches.size());
  const LoaderSpec spec = loading(false);
  // A row a photo: its logits, and 1 where it could be read.
  const std::size_t classes = photos_.classes.size();
  std::vector<double> rows(photos_.val.size() * (classes + 1), 0.0);
  {
    Loader loader(photos_.val, std::move(batches), spec, 0, unreadable());
    const Clock::time_point start = Clock::now();
    std::int64_t step = 0;
    std::size_t images = 0;
    while (const auto batch = loader.next()) {
      if (!batch->indices.empty()) {
        const torch::Tensor logits =
            forward(to_device(*batch)).to(torch::kCPU, torch::kFloat64).contiguous();
        const double* values = logits.const_data_ptr<double>();
        for (std::size_t i = 0; i < batch->indices.size(); ++i) {
          double* row = rows.data() + batch->indices[i] * (classes + 1);
          std::copy_n(values + i * classes, classes, row);
          row[classes] = 1;
        }
      }
      images += batch->indices.size();
      report_progress(true, ++step, total, images, start);
    }
  }
  processes_.sum(rows);
  Scores scores;
  for (std::size_t i = 0; i < photos_.val.size(); ++i) {
    const double* row = rows.data() + i * (classes + 1);
    if (row[classes] < 0.5) continue;
    const std::vector<float> logits(row, row + classes);
    add_score(logits, photos_.val[i].label, scores);
    scores.indices.push_back(i);
  }
  scores.loss /= static_cast<double>(std::max<std::size_t>(1, scores.labels.size()));
  for (const auto& [name, tensor] : state) {
    torch::Tensor target = tensor;
    target.copy_(own.at(name));
  }
  return scores;
}

Result<TrainOutcome> Training::run() {
  TrainOutcome stopped;
  stopped.stopped = true;
  while (state_.epoch <= recipe_.epochs) {
    if (!train_epoch()) {
      gather_epoch();
      const auto saved = save();
      if (!saved) return saved.error();
      return stopped;
    }
    const Clock::time_point start = Clock::now();
    const double train_seconds = state_.seconds;
    gather_epoch();
    const Scores scores = evaluate();
    if (scores.labels.empty() || state_.labels.empty()) {
      return Error{data_text(options_) + ": no photo can be read", ""};
    }
    EpochRecord record;
    record.epoch = state_.epoch;
    record.train_loss = state_.loss_sum / static_cast<double>(state_.labels.size());
    record.val_loss = scores.loss;
    record.train_auc = roc_auc(state_.scores, state_.labels);
    record.val_auc = roc_auc(scores.malignancy, scores.malignant);
    const Scores known = scores.of_known_class(photos_.classes.size());
    record.val_balanced_accuracy = balanced_accuracy(known.probabilities, known.labels,
                                                     static_cast<int>(photos_.classes.size()));
    record.seconds = train_seconds + seconds_since(start);
    record.images_per_second = static_cast<double>(state_.images) / std::max(train_seconds, 1e-9);
    record.data_wait = state_.waited / std::max(train_seconds, 1e-9);
    record.learning_rate =
        recipe_.learning_rate * schedule_factor(state_.epoch * steps_per_epoch_ - 1,
                                                steps_per_epoch_ * recipe_.epochs, recipe_.warm_up);
    if (!std::isfinite(record.train_loss) || !std::isfinite(record.val_loss)) {
      return Error{"the loss is no longer a number: take a smaller --lr", ""};
    }
    const double value = recipe_.select == "loss"                ? -record.val_loss
                         : recipe_.select == "balanced-accuracy" ? record.val_balanced_accuracy
                                                                 : record.val_auc;
    const bool best = state_.best_epoch == 0 || value > state_.best_value ||
                      (value == state_.best_value && record.val_loss < state_.best_loss);
    if (best) {
      state_.best_epoch = record.epoch;
      state_.best_value = value;
      state_.best_loss = record.val_loss;
      for (const auto& [name, tensor] : average_) {
        best_.at(name).copy_(tensor);
      }
    }
    state_.history.push_back(record);
    ++state_.epoch;
    state_.step = 0;
    state_.loss_sum = 0;
    state_.scores.clear();
    state_.labels.clear();
    state_.seconds = state_.waited = 0;
    state_.images = 0;
    const bool enough =
        recipe_.patience > 0 && record.epoch - state_.best_epoch >= recipe_.patience;
    if (enough) state_.epoch = recipe_.epochs + 1;
    auto saved = save();
    if (!saved) return saved.error();
    if (processes_.leads()) {
      saved = folder_.write_history(state_.history);
      if (!saved) return saved.error();
    }
    observer_.epoch(record, best);
    if (enough) {
      observer_.note("no better for " + std::to_string(recipe_.patience) + " epochs: ending early");
    }
    if (processes_.any(stop_) && state_.epoch <= recipe_.epochs) return stopped;
  }
  return finish();
}

}  // namespace nevus
