// The training loop and the files that a run leaves.
#include "train/trainer.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adamw.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <opencv2/core/version.hpp>
#include <set>
#include <thread>

#include "data/split.h"
#include "metrics/metrics.h"
#include "nets/efficientnet.h"
#include "nets/state.h"
#include "nevus/decision.h"
#include "nevus/self_test.h"
#include "runtime/session.h"
#include "train/checkpoint.h"
#include "train/export.h"
#include "train/loader.h"
#include "train/random.h"
#include "train/run_folder.h"

namespace nevus {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Purposes of derived seeds.
enum : std::uint64_t { kOrderSeed = 1, kAugmentSeed = 2, kStepSeed = 3, kSplitSeed = 4 };

constexpr double kSensitivity = 0.95;  // of the operating point, on validation photos
constexpr int kCheckedPhotos = 15;     // validation photos that the export is compared on

// ---- Photos
// --------------------------------------------------------------------------------------

struct Photos {
  std::vector<std::string> classes;
  std::vector<bool> malignant;  // by class
  std::vector<Sample> train, val;
  std::string hash;
  std::size_t test = 0, dropped = 0;  // marked "test"; left out because their lesion is there
  bool given_val = false;             // validation photos were marked in the data

  // Photos of each kind in `samples`: benign, malignant.
  std::pair<std::size_t, std::size_t> kinds(const std::vector<Sample>& samples) const {
    std::size_t bad = 0;
    for (const Sample& sample : samples) {
      bad += malignant[static_cast<std::size_t>(sample.label)] ? 1u : 0u;
    }
    return {samples.size() - bad, bad};
  }
};

std::set<std::string> groups_of(const std::vector<Sample>& samples) {
  std::set<std::string> groups;
  for (const Sample& sample : samples) {
    groups.insert(sample.group);
  }
  return groups;
}

// Takes out the photos whose lesion is in `groups`; says how many.
std::size_t drop_groups(std::vector<Sample>& samples, const std::set<std::string>& groups) {
  const std::size_t before = samples.size();
  samples.erase(std::remove_if(samples.begin(), samples.end(),
                               [&](const Sample& s) { return groups.count(s.group) != 0; }),
                samples.end());
  return before - samples.size();
}

Result<Photos> choose_photos(const TrainOptions& options, TrainObserver& observer) {
  const auto dataset = load_dataset(options.data, options.dataset);
  if (!dataset) {
    return dataset.error();
  }
  for (const std::string& warning : dataset->warnings) {
    observer.warn(warning);
  }
  const std::string source = options.data.string();
  Photos photos;
  photos.classes = dataset->classes;
  photos.hash = dataset_hash(*dataset);
  for (const std::string& label : photos.classes) {
    const auto& named = options.malignant;
    photos.malignant.push_back(is_malignant_label(label) ||
                               std::find(named.begin(), named.end(), label) != named.end());
  }
  if (std::count(photos.malignant.begin(), photos.malignant.end(), true) == 0) {
    return Error{source + ": none of its classes counts as malignant; name them with --malignant",
                 ""};
  }
  if (std::count(photos.malignant.begin(), photos.malignant.end(), false) == 0) {
    return Error{source + ": all of its classes count as malignant", ""};
  }

  const std::vector<Sample> test = dataset->of_split("test");
  photos.test = test.size();
  photos.val = dataset->of_split("val");
  photos.given_val = !photos.val.empty();
  photos.train = dataset->of_split("train");
  const std::vector<Sample> unmarked = dataset->of_split("");
  photos.train.insert(photos.train.end(), unmarked.begin(), unmarked.end());
  const std::size_t others =
      dataset->samples.size() - photos.train.size() - photos.val.size() - photos.test;
  if (others != 0) {
    observer.warn(source + ": " + std::to_string(others) +
                  " photos belong to a split other than train, val and test: left out");
  }
  if (photos.train.empty()) {
    return Error{source + ": no photo is left to train on", ""};
  }

  if (dataset->has_groups) {
    const std::set<std::string> tested = groups_of(test);
    if (!options.keep_test_groups) {
      photos.dropped = drop_groups(photos.train, tested) + drop_groups(photos.val, tested);
      if (photos.dropped != 0) {
        observer.warn(source + ": " + std::to_string(photos.dropped) +
                      " photos show a lesion that is also in the test split: left out of training "
                      "(--keep-test-groups keeps them)");
      }
    }
    if (photos.given_val) {
      const std::size_t shared = drop_groups(photos.train, groups_of(photos.val));
      if (shared != 0) {
        observer.warn(source + ": " + std::to_string(shared) +
                      " training photos show a lesion that is also in the validation split: left "
                      "out");
      }
    }
  }
  if (!photos.given_val) {
    const Split split = stratified_group_split(photos.train, options.recipe.val_share,
                                               mix({options.seed, kSplitSeed}));
    std::vector<Sample> train;
    for (const std::size_t i : split.train) train.push_back(photos.train[i]);
    for (const std::size_t i : split.val) photos.val.push_back(photos.train[i]);
    photos.train = std::move(train);
  }
  for (const auto& [samples, use] :
       {std::pair{&photos.train, "training"}, std::pair{&photos.val, "validation"}}) {
    const auto [benign, malignant] = photos.kinds(*samples);
    if (benign == 0 || malignant == 0) {
      return Error{source + ": no " + (benign == 0 ? "benign" : "malignant") +
                       " photo is left for " + use + "; both kinds are needed",
                   ""};
    }
  }
  return photos;
}

// ---- The loop
// ------------------------------------------------------------------------------------

struct Scores {
  std::vector<double> malignancy;  // softmax, temperature 1
  std::vector<int> malignant;      // 1 or 0
  std::vector<int> labels;         // classes
  std::vector<float> logits;       // n * classes
  double loss = 0;                 // mean cross-entropy
};

class Training {
 public:
  Training(const TrainOptions& options, TrainObserver& observer, const std::atomic<bool>& stop,
           Photos photos, const EfficientNetVariant& variant)
      : options_(options),
        recipe_(options.recipe),
        observer_(observer),
        stop_(stop),
        photos_(std::move(photos)),
        variant_(variant),
        input_(efficientnet_input(variant)),
        folder_(options.out) {}

  // Everything that can fail for a reason the user can mend, before the first step.
  Result<bool> prepare();
  Result<TrainOutcome> run();

 private:
  Result<bool> choose_device();
  Result<bool> load_weights();
  void make_optimizer();
  nlohmann::json settings() const;
  bool train_epoch();  // false: stopped
  double train_step(const Batch& batch, std::int64_t global_step);
  Scores evaluate();
  void update_average(std::int64_t global_step);
  torch::Tensor to_device(const Batch& batch) const;
  torch::Tensor forward(const torch::Tensor& images);
  void collect(const torch::Tensor& logits, const Batch& batch, Scores& scores) const;
  void report_progress(bool validating, std::int64_t step, std::int64_t steps, std::size_t images,
                       Clock::time_point start);
  UnreadableHandler unreadable();
  Result<TrainOutcome> finish();
  Result<bool> save() {
    return save_checkpoint(folder_.checkpoint(), {net_, average_, best_, *optimizer_}, state_);
  }

  const TrainOptions& options_;
  const Recipe& recipe_;
  TrainObserver& observer_;
  const std::atomic<bool>& stop_;
  Photos photos_;
  const EfficientNetVariant variant_;
  const PreprocessSpec input_;
  const RunFolder folder_;

  int threads_ = 1;
  torch::Device device_{torch::kCPU};
  EfficientNet net_{nullptr};
  NamedTensors average_, best_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::vector<bool> is_head_;  // by parameter group
  std::int64_t steps_per_epoch_ = 0;
  TrainState state_;
  std::set<std::filesystem::path> named_unreadable_;
  double last_epoch_seconds_ = NAN;
};

Result<bool> Training::choose_device() {
  const bool has_cuda = torch::hasCUDA();
  if (options_.device == "cuda" && !has_cuda) {
    return Error{"--device cuda: this LibTorch finds no CUDA device", ""};
  }
  if (options_.device != "auto" && options_.device != "cpu" && options_.device != "cuda") {
    return Error{"--device " + options_.device + ": auto, cpu or cuda", ""};
  }
  if (has_cuda && options_.device != "cpu") {
    device_ = torch::Device(torch::kCUDA);
  }
  threads_ = options_.threads > 0
                 ? options_.threads
                 : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  at::set_num_threads(threads_);
  return true;
}

Result<bool> Training::load_weights() {
  if (options_.weights == "none") {
    return true;
  }
  const bool imagenet = options_.weights == "imagenet";
  std::filesystem::path path = options_.weights;
  if (imagenet) {
    const auto found = imagenet_weights(variant_.name);
    if (!found) return found.error();
    path = *found;
  } else if (path.extension() == ".onnx") {
    return Error{path.string() +
                     ": an exported model can't be trained further (batch-norm is folded "
                     "in); take its run's checkpoint or a .safetensors file",
                 ""};
  }
  const auto file = SafeTensors::read(path);
  if (!file) return file.error();
  // A classifier for other classes is left behind, the rest must fit.
  const TensorView* classifier = file->find("_fc.weight");
  const bool same_classes =
      classifier != nullptr && classifier->shape.size() == 2 &&
      classifier->shape[0] == static_cast<std::int64_t>(photos_.classes.size());
  const auto loaded =
      load_state(*file, state_of(*net_), "", same_classes && !imagenet ? "" : "_fc.");
  if (!loaded) return Error{path.string() + ": " + loaded.error().message, loaded.error().field};
  return true;
}

void Training::make_optimizer() {
  // Kernels decay; biases and batch-norm don't.
  std::vector<torch::Tensor> groups[4];
  for (const auto& entry : net_->named_parameters()) {
    const bool head = entry.key().rfind("_fc.", 0) == 0;
    const bool kernel = entry.value().dim() > 1;
    groups[(head ? 2 : 0) + (kernel ? 1 : 0)].push_back(entry.value());
  }
  std::vector<torch::optim::OptimizerParamGroup> parameter_groups;
  is_head_.clear();
  for (std::size_t i = 0; i < 4; ++i) {
    auto group_options = std::make_unique<torch::optim::AdamWOptions>(recipe_.learning_rate);
    group_options->weight_decay(i % 2 == 1 ? recipe_.weight_decay : 0.0);
    parameter_groups.emplace_back(groups[i], std::move(group_options));
    is_head_.push_back(i >= 2);
  }
  optimizer_ = std::make_unique<torch::optim::AdamW>(
      std::move(parameter_groups), torch::optim::AdamWOptions(recipe_.learning_rate));
}

nlohmann::json Training::settings() const {
  const AugmentSpec& augment = recipe_.augment;
  return {{"architecture", variant_.name},
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
          {"val_share", recipe_.val_share},
          {"augment",
           {{"min_scale", augment.min_scale},
            {"aspect", augment.aspect},
            {"max_rotation", augment.max_rotation},
            {"color", augment.color},
            {"hue", augment.hue},
            {"blur", augment.blur}}}};
}

Result<bool> Training::prepare() {
  auto ready = choose_device();
  if (!ready) return ready;
  torch::manual_seed(options_.seed);
  EfficientNetOptions net_options;
  net_options.classes = static_cast<int>(photos_.classes.size());
  net_options.dropout = recipe_.dropout;
  net_options.drop_connect = recipe_.drop_connect;
  net_options.norm_momentum = recipe_.norm_momentum;
  net_ = EfficientNet(variant_, net_options);
  ready = load_weights();
  if (!ready) return ready;
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
  make_optimizer();
  const auto size = static_cast<std::size_t>(recipe_.batch_size);
  std::vector<std::size_t> indices(photos_.train.size());
  steps_per_epoch_ = static_cast<std::int64_t>(cut_batches(indices, size).size());
  state_.settings = settings();
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
                          {n, 3, input_.height, input_.width}, torch::kFloat32)
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

void Training::collect(const torch::Tensor& logits, const Batch& batch, Scores& scores) const {
  const std::size_t classes = photos_.classes.size();
  const torch::Tensor flat = logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const std::span<const float> values(flat.const_data_ptr<float>(), batch.labels.size() * classes);
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    const auto row = values.subspan(i * classes, classes);
    const std::vector<double> probabilities = calibrated_softmax(row, 1.0);
    double bad = 0;
    for (std::size_t c = 0; c < probabilities.size(); ++c) {
      bad += photos_.malignant[c] ? probabilities[c] : 0;
    }
    const auto label = static_cast<std::size_t>(batch.labels[i]);
    scores.malignancy.push_back(bad);
    scores.malignant.push_back(photos_.malignant[label] ? 1 : 0);
    scores.labels.push_back(batch.labels[i]);
    scores.logits.insert(scores.logits.end(), row.begin(), row.end());
    // Without label smoothing, so that training and validation can be compared; a sum for now.
    const double p = probabilities.empty() ? NAN : probabilities[label];
    scores.loss -= std::log(std::max(p, 1e-12));
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
    const double epochs_after = std::max(0, recipe_.epochs - state_.epoch);
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

double Training::train_step(const Batch& batch, std::int64_t global_step) {
  // A seed a step: dropout is the same whether or not the training was interrupted.
  torch::manual_seed(mix({options_.seed, kStepSeed, static_cast<std::uint64_t>(global_step)}));
  const double factor =
      schedule_factor(global_step, steps_per_epoch_ * recipe_.epochs, recipe_.warm_up);
  const double rate = recipe_.learning_rate * factor;
  for (std::size_t i = 0; i < is_head_.size(); ++i) {
    optimizer_->param_groups()[i].options().set_lr(is_head_[i] ? rate
                                                               : rate * recipe_.backbone_rate);
  }

  const torch::Tensor logits = forward(to_device(batch));
  const torch::Tensor labels =
      torch::tensor(std::vector<std::int64_t>(batch.labels.begin(), batch.labels.end()))
          .to(device_);
  const torch::Tensor loss = torch::nn::functional::cross_entropy(
      logits, labels,
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(recipe_.label_smoothing));
  optimizer_->zero_grad();
  loss.backward();
  optimizer_->step();
  update_average(global_step);

  Scores seen;
  collect(logits, batch, seen);
  state_.scores.insert(state_.scores.end(), seen.malignancy.begin(), seen.malignancy.end());
  state_.labels.insert(state_.labels.end(), seen.malignant.begin(), seen.malignant.end());
  state_.loss_sum += seen.loss;
  return rate;
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

bool Training::train_epoch() {
  net_->train();
  std::vector<std::size_t> order(photos_.train.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto epoch = static_cast<std::uint64_t>(state_.epoch);
  shuffle(order, mix({options_.seed, kOrderSeed, epoch}));
  auto batches = cut_batches(order, static_cast<std::size_t>(recipe_.batch_size));
  const auto total = static_cast<std::int64_t>(batches.size());
  batches.erase(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(state_.step));

  LoaderSpec spec;
  spec.input = input_;
  spec.threads = threads_;
  spec.ahead = 2 * threads_;
  spec.augment = recipe_.augment;
  Loader loader(photos_.train, std::move(batches), spec, mix({options_.seed, kAugmentSeed, epoch}),
                unreadable());
  const Clock::time_point start = Clock::now();
  std::size_t images = 0;
  while (const auto batch = loader.next()) {
    // A lone photo would train batch-norm on itself.
    if (batch->indices.size() > 1) {
      train_step(*batch, (state_.epoch - 1) * steps_per_epoch_ + state_.step);
      images += batch->indices.size();
    }
    ++state_.step;
    report_progress(false, state_.step, total, images, start);
    if (stop_ && state_.step < total) {
      state_.seconds += seconds_since(start);
      return false;
    }
  }
  state_.seconds += seconds_since(start);
  return true;
}

// On the averaged weights; the network has its own back afterwards.
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
  std::vector<std::size_t> order(photos_.val.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto batches = cut_batches(order, static_cast<std::size_t>(recipe_.batch_size));
  const auto total = static_cast<std::int64_t>(batches.size());
  LoaderSpec spec;
  spec.input = input_;
  spec.threads = threads_;
  spec.ahead = 2 * threads_;
  Scores scores;
  {
    Loader loader(photos_.val, std::move(batches), spec, 0, unreadable());
    const Clock::time_point start = Clock::now();
    std::int64_t step = 0;
    while (const auto batch = loader.next()) {
      if (!batch->indices.empty()) {
        collect(forward(to_device(*batch)), *batch, scores);
      }
      report_progress(true, ++step, total, scores.labels.size(), start);
    }
  }
  scores.loss /= static_cast<double>(std::max<std::size_t>(1, scores.labels.size()));
  for (const auto& [name, tensor] : state) {
    torch::Tensor target = tensor;
    target.copy_(own.at(name));
  }
  return scores;
}

Result<TrainOutcome> Training::run() {
  while (state_.epoch <= recipe_.epochs) {
    if (!train_epoch()) {
      const auto saved = save();
      if (!saved) return saved.error();
      TrainOutcome outcome;
      outcome.stopped = true;
      return outcome;
    }
    const Clock::time_point start = Clock::now();
    const Scores scores = evaluate();
    if (scores.labels.empty() || state_.labels.empty()) {
      return Error{options_.data.string() + ": no photo can be read", ""};
    }
    EpochRecord record;
    record.epoch = state_.epoch;
    record.train_loss = state_.loss_sum / static_cast<double>(state_.labels.size());
    record.val_loss = scores.loss;
    record.train_auc = roc_auc(state_.scores, state_.labels);
    record.val_auc = roc_auc(scores.malignancy, scores.malignant);
    record.seconds = state_.seconds + seconds_since(start);
    record.learning_rate =
        recipe_.learning_rate * schedule_factor(state_.epoch * steps_per_epoch_ - 1,
                                                steps_per_epoch_ * recipe_.epochs, recipe_.warm_up);
    if (!std::isfinite(record.train_loss) || !std::isfinite(record.val_loss)) {
      return Error{"the loss is no longer a number: take a smaller --lr", ""};
    }
    const bool best = state_.best_epoch == 0 || record.val_auc > state_.best_auc ||
                      (record.val_auc == state_.best_auc && record.val_loss < state_.best_loss);
    if (best) {
      state_.best_epoch = record.epoch;
      state_.best_auc = record.val_auc;
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
    state_.seconds = 0;
    auto saved = save();
    if (!saved) return saved.error();
    saved = folder_.write_history(state_.history);
    if (!saved) return saved.error();
    observer_.epoch(record, best);
    if (stop_ && state_.epoch <= recipe_.epochs) {
      TrainOutcome outcome;
      outcome.stopped = true;
      return outcome;
    }
  }
  return finish();
}

nlohmann::json rounded(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nullptr;
}

// Figures on the validation photos at the frozen operating point, each with its 95 % interval.
nlohmann::json figures(const Scored& data, double threshold) {
  nlohmann::json json{{"n", data.labels.size()}};
  const auto add = [&](const std::string& key, auto statistic) {
    const Interval interval = bootstrap_interval(data, statistic);
    json[key] = rounded(statistic(data.scores, data.labels));
    json[key + "_ci"] = {rounded(interval.low), rounded(interval.high)};
  };
  using Values = std::span<const double>;
  using Labels = std::span<const int>;
  add("auc", [](Values s, Labels l) { return roc_auc(s, l); });
  add("average_precision", [](Values s, Labels l) { return average_precision(s, l); });
  add("sensitivity",
      [=](Values s, Labels l) { return confusion_at(s, l, threshold).sensitivity(); });
  add("specificity",
      [=](Values s, Labels l) { return confusion_at(s, l, threshold).specificity(); });
  add("balanced_accuracy",
      [=](Values s, Labels l) { return confusion_at(s, l, threshold).balanced_accuracy(); });
  add("ece", [](Values s, Labels l) { return expected_calibration_error(s, l); });
  return json;
}

Result<TrainOutcome> Training::finish() {
  observer_.note("calibrating and exporting epoch " + std::to_string(state_.best_epoch));
  for (const auto& [name, tensor] : best_) {
    average_.at(name).copy_(tensor);
  }
  const Scores scores = evaluate();
  {
    const torch::NoGradGuard no_grad;
    for (const auto& [name, tensor] : state_of(*net_)) {
      torch::Tensor target = tensor;
      target.copy_(best_.at(name));
    }
  }
  net_->eval();

  ModelPackage package;
  package.name = options_.name.empty() ? folder_.name() : options_.name;
  package.architecture = variant_.name;
  package.input = input_;
  for (std::size_t i = 0; i < photos_.classes.size(); ++i) {
    package.classes.push_back(model_class(photos_.classes[i], photos_.malignant[i]));
  }
  package.cam_width = (input_.width + 31) / 32;
  package.cam_height = (input_.height + 31) / 32;
  const int classes = static_cast<int>(photos_.classes.size());
  package.temperature = fit_temperature(scores.logits, scores.labels, classes);

  Scored calibrated;
  calibrated.labels = scores.malignant;
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    const auto row = std::span<const float>(scores.logits)
                         .subspan(i * photos_.classes.size(), photos_.classes.size());
    calibrated.scores.push_back(
        malignancy(calibrated_softmax(row, package.temperature), package.classes));
  }
  OperatingPoint& point = package.operating_point;
  point.threshold = threshold_for_sensitivity(calibrated.scores, calibrated.labels, kSensitivity);
  const Confusion confusion = confusion_at(calibrated.scores, calibrated.labels, point.threshold);
  point.sensitivity = confusion.sensitivity();
  point.specificity = confusion.specificity();
  point.n = static_cast<std::int64_t>(calibrated.labels.size());
  package.metrics["validation"] = figures(calibrated, point.threshold);

  package.training = {
      {"command_line", state_.command_line},
      {"seed", options_.seed},
      {"data",
       {{{"name", options_.data.filename().string()},
         {"sha256", photos_.hash},
         {"train", photos_.train.size()},
         {"validation", photos_.val.size()},
         {"test_not_used", photos_.test},
         {"left_out_lesion_in_test", photos_.dropped},
         {"unreadable", named_unreadable_.size()}}}},
      {"versions", {{"nevus", NEVUS_VERSION}, {"libtorch", TORCH_VERSION}, {"opencv", CV_VERSION}}},
      {"settings", settings()},
      {"best_epoch", state_.best_epoch}};
  package.training["settings"]["threads"] = threads_;
  package.training["settings"]["device"] = device_.str();
  package.license = options_.license;
  package.intended_use =
      "Research and education. Not a medical device and not a diagnosis: a doctor decides.";
  package.known_limits = {
      "Learned from the photos of its training set alone; other cameras, clinics and skin are "
      "judged less well.",
      "Public lesion photos show mostly light skin; on darker skin errors are more likely.",
      "Trained on the kind of photo that it was given (for public sets: dermoscopy); ordinary "
      "phone "
      "photos are another kind.",
      "Validation figures come from the same source as the training photos and flatter the model."};

  // ---- The file, and the proof that it says what the network says.
  const SelfTest probe;
  const std::size_t size = std::size_t{3} * static_cast<std::size_t>(input_.height) *
                           static_cast<std::size_t>(input_.width);
  std::vector<float> images(size);
  normalize(self_test_image(probe.seed, input_).view(), input_, images);
  std::vector<std::size_t> some;
  for (std::size_t i = 0; i < photos_.val.size() && some.size() < kCheckedPhotos; ++i) {
    some.push_back(i * photos_.val.size() /
                   std::min<std::size_t>(photos_.val.size(), kCheckedPhotos));
  }
  some.erase(std::remove_if(some.begin(), some.end(),
                            [&](std::size_t i) { return i >= photos_.val.size(); }),
             some.end());
  LoaderSpec spec;
  spec.input = input_;
  Loader loader(photos_.val, {some}, spec, 0, unreadable());
  if (const auto batch = loader.next()) {
    images.insert(images.end(), batch->images.begin(), batch->images.end());
  }
  const int n = static_cast<int>(images.size() / size);
  WeightStorage storage = options_.export_float32 ? WeightStorage::float32 : WeightStorage::float16;
  // Calibrated on one half of the photos; the comparison sees the other half too.
  const std::span<const float> all(images);
  const auto calibration = all.first(static_cast<std::size_t>((n + 1) / 2) * size);
  std::vector<std::uint8_t> onnx = export_onnx(net_, input_, storage, calibration);
  auto check = check_export(onnx, net_, input_, all, n, export_tolerance(storage));
  if (!check && storage == WeightStorage::float16) {
    observer_.warn(folder_.model().string() + ": " + check.error().message +
                   "; stored as float32 instead, twice the size");
    storage = WeightStorage::float32;
    onnx = export_onnx(net_, input_, storage);
    check = check_export(onnx, net_, input_, all, n, export_tolerance(storage));
  }
  if (!check) return Error{folder_.model().string() + ": refused: " + check.error().message, ""};
  char text[160];
  std::snprintf(text, sizeof text,
                "exported file (%s) against LibTorch on %d images: logits within %.1e, maps within "
                "%.1e",
                storage == WeightStorage::float16 ? "float16" : "float32", check->images,
                check->logits, check->cam);
  observer_.note(text);

  const auto hash = graph_sha256(onnx);
  if (!hash) return hash.error();
  package.sha256 = *hash;
  const auto answer =
      run_onnx(onnx, std::span<const float>(images).first(size), 1, 3, input_.height, input_.width);
  if (!answer) return answer.error();
  package.self_test.logits = answer->logits;
  append_metadata(onnx, package);
  // The reader's own checks, on the bytes that will be shipped.
  const auto session = Session::open(std::span<const std::uint8_t>(onnx));
  if (!session)
    return Error{folder_.model().string() + ": refused: " + session.error().message, ""};

  auto written = folder_.write(folder_.model(), onnx);
  if (!written) return written.error();
  const std::string json = to_json(package);
  written = folder_.write(folder_.description(),
                          {reinterpret_cast<const std::uint8_t*>(json.data()), json.size()});
  if (!written) return written.error();

  TrainingReport report;
  report.title = package.name;
  report.command_line = state_.command_line;
  report.epochs = state_.history;
  report.best_epoch = state_.best_epoch;
  for (std::size_t i = 0; i < package.classes.size(); ++i) {
    ClassCount count{package.classes[i].name, package.classes[i].malignant, 0, 0};
    const auto is_class = [i](const Sample& s) { return s.label == static_cast<int>(i); };
    count.train = static_cast<std::size_t>(
        std::count_if(photos_.train.begin(), photos_.train.end(), is_class));
    count.val =
        static_cast<std::size_t>(std::count_if(photos_.val.begin(), photos_.val.end(), is_class));
    report.classes.push_back(count);
  }
  for (const auto& [key, value] : package.training["settings"].items()) {
    report.settings.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  for (const auto& path : named_unreadable_) {
    report.warnings.push_back(path.filename().string() + " can't be read and was left out");
  }
  report.package = package;
  written = write_training_report(folder_.report(), report);
  if (!written) return written.error();

  TrainOutcome outcome;
  outcome.best_epoch = state_.best_epoch;
  outcome.package = std::move(package);
  return outcome;
}

}  // namespace

double schedule_factor(std::int64_t step, std::int64_t steps, double warm_up) {
  const double rise = std::max(1.0, warm_up * static_cast<double>(steps));
  const auto at = static_cast<double>(step);
  if (at + 1 < rise) {
    return (at + 1) / rise;
  }
  const double rest = std::max(1.0, static_cast<double>(steps) - rise);
  const double share = std::clamp((at + 1 - rise) / rest, 0.0, 1.0);
  return 0.5 * (1 + std::cos(share * 3.14159265358979323846));
}

Result<TrainOutcome> train(const TrainOptions& options, TrainObserver& observer,
                           const std::atomic<bool>& stop) {
  const auto variant = find_efficientnet(options.architecture);
  if (!variant) {
    std::string known;
    for (const auto& one : efficientnet_variants()) known += (known.empty() ? "" : ", ") + one.name;
    return Error{"--arch " + options.architecture + ": not known; there are " + known, ""};
  }
  const auto usable = RunFolder(options.out).prepare(options.resume, options.force);
  if (!usable) return usable.error();
  auto photos = choose_photos(options, observer);
  if (!photos) return photos.error();
  const auto [benign, malignant] = photos->kinds(photos->train);
  const auto [val_benign, val_malignant] = photos->kinds(photos->val);
  observer.note(std::to_string(photos->train.size()) + " photos to train on (" +
                std::to_string(malignant) + " malignant), " + std::to_string(photos->val.size()) +
                " to validate (" + std::to_string(val_malignant) + " malignant), " +
                std::to_string(photos->test) + " test photos not touched");
  Training training(options, observer, stop, std::move(*photos), *variant);
  const auto ready = training.prepare();
  if (!ready) return ready.error();
  return training.run();
}

}  // namespace nevus
