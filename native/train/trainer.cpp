// The way into a training: checks what can be checked, joins the other processes, starts it.
#include "train/trainer.h"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "nets/fused_norm.h"
#include "train/training.h"

namespace nevus {
namespace {

// Says nothing: of several processes one speaks. Warnings of unreadable photos come from each.
class Quiet : public TrainObserver {
 public:
  explicit Quiet(TrainObserver& inner) : inner_(inner) {}
  void note(const std::string&) override {}
  void warn(const std::string& line) override { inner_.warn(line); }
  void progress(const TrainProgress&) override {}
  void epoch(const EpochRecord&, bool) override {}

 private:
  TrainObserver& inner_;
};

Result<Architecture> architecture_of(const TrainOptions& options) {
  auto architecture = find_architecture(options.architecture);
  if (architecture) {
    if (options.recipe.input_size > 0) architecture->size = options.recipe.input_size;
    return *architecture;
  }
  const std::string known = architecture_names();
  return Error{"--arch " + options.architecture + ": not known; there are " + known, ""};
}

Result<bool> check_device(const TrainOptions& options) {
  if (options.device == "cuda" && !torch::hasCUDA()) {
    return Error{"--device cuda: this LibTorch finds no CUDA device", ""};
  }
  if (options.device != "auto" && options.device != "cpu" && options.device != "cuda") {
    return Error{"--device " + options.device + ": auto, cpu or cuda", ""};
  }
  return true;
}

// Batch-norm's statistics are those of all processes together, for as long as this lives.
class SharedNorms {
 public:
  explicit SharedNorms(const Distributed& processes) {
    if (processes.world() > 1) {
      synchronise_norms([&processes](std::span<double> values) { processes.sum(values); });
    }
  }
  ~SharedNorms() { synchronise_norms({}); }
  SharedNorms(const SharedNorms&) = delete;
  SharedNorms& operator=(const SharedNorms&) = delete;
};

}  // namespace

int view_size(int full, const Recipe& recipe, int epoch) {
  constexpr int kStride = 32;
  const int last = recipe.last_size > 0 ? std::min(recipe.last_size, full) : full;
  const int first = recipe.first_size;
  if (first <= 0 || first >= last) return last;
  const double grown = std::min(1.0, 1.5 * (epoch - 1) / std::max(1, recipe.epochs - 1));
  const int size = first + static_cast<int>(grown * (last - first)) / kStride * kStride;
  return grown < 1 ? size : last;
}

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

Result<TrainOutcome> train(const TrainOptions& options, TrainObserver& listener,
                           const std::atomic<bool>& stop) {
  const auto architecture = architecture_of(options);
  if (!architecture) return architecture.error();
  const auto device = check_device(options);
  if (!device) return device.error();
  const auto processes = Distributed::join(use_cuda(options));
  if (!processes) return processes.error();
  Quiet quiet(listener);
  TrainObserver& observer = processes->leads() ? listener : quiet;
  try {
    const SharedNorms norms(*processes);
    Result<bool> usable = true;
    if (processes->leads()) usable = RunFolder(options.out).prepare(options.resume, options.force);
    if (processes->any(!usable.ok())) {
      return usable.ok() ? Error{"the first process can't write to " + options.out.string(), ""}
                         : usable.error();
    }
    auto photos = choose_photos(options, observer);
    if (!photos) return photos.error();
    const auto [benign, malignant] = photos->kinds(photos->train);
    const auto [val_benign, val_malignant] = photos->kinds(photos->val);
    observer.note(std::to_string(photos->train.size()) + " photos to train on (" +
                  std::to_string(malignant) + " malignant), " + std::to_string(photos->val.size()) +
                  " to validate (" + std::to_string(val_malignant) + " malignant), " +
                  std::to_string(photos->test) + " test photos not touched");
    Training training(options, observer, stop, std::move(*photos), *architecture, *processes);
    const auto ready = training.prepare();
    if (!ready) return ready.error();
    return training.run();
  } catch (const DistributedError& error) {
    return Error{error.what(), ""};
  }
}

Result<std::vector<RateTrial>> find_rate(const TrainOptions& options, TrainObserver& observer,
                                         const std::atomic<bool>& stop) {
  const auto architecture = architecture_of(options);
  if (!architecture) return architecture.error();
  const auto device = check_device(options);
  if (!device) return device.error();
  if (is_distributed()) return Error{"--find-lr runs in one process", ""};
  const auto alone = Distributed::join(false);
  if (!alone) return alone.error();
  auto photos = choose_photos(options, observer);
  if (!photos) return photos.error();
  Training training(options, observer, stop, std::move(*photos), *architecture, *alone);
  const auto ready = training.prepare();
  if (!ready) return ready.error();
  return training.find_rate();
}

}  // namespace nevus
