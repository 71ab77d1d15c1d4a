// One training in progress: network, optimizer, state. Internal to train(); its parts are in
// training.cpp (epochs), find_rate.cpp (the learning-rate range test) and finish.cpp (calibration,
// export, report).
#pragma once

#include <torch/optim/optimizer.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "nets/network.h"
#include "nets/state.h"
#include "nets/weights.h"
#include "train/checkpoint.h"
#include "train/distributed.h"
#include "train/loader.h"
#include "train/photos.h"
#include "train/random.h"
#include "train/run_folder.h"
#include "train/teachers.h"
#include "train/trainer.h"
#include "train/typicality.h"

namespace nevus {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Purposes of derived seeds.
enum SeedPurpose : std::uint64_t {
  kOrderSeed = 1,
  kAugmentSeed = 2,
  kStepSeed = 3,
  kSplitSeed = 4,  // photos.cpp
  kTypicalSeed = 5,
  kTrialSeed = 6  // photos.cpp
};

/// Does this training run on a GPU?
bool use_cuda(const TrainOptions& options);

struct Scores {
  std::vector<double> malignancy;     // softmax, temperature 1
  std::vector<int> malignant;         // 1 or 0
  std::vector<int> labels;            // of Photos::labels
  std::vector<float> logits;          // n * classes
  std::vector<double> probabilities;  // n * classes, temperature 1
  std::vector<std::size_t> indices;   // into the photos
  double loss = 0;                    // mean cross-entropy

  /// The photos whose class is known.
  Scores of_known_class(std::size_t classes) const;
};

/// Every process of a distributed training has one and calls the same functions.
class Training {
 public:
  Training(const TrainOptions& options, TrainObserver& observer, const std::atomic<bool>& stop,
           Photos photos, const Architecture& architecture, const Distributed& processes)
      : options_(options),
        processes_(processes),
        recipe_(options.recipe),
        observer_(observer),
        stop_(stop),
        photos_(std::move(photos)),
        architecture_(architecture),
        input_(network_input(architecture)),
        folder_(options.out) {}
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  /// Everything that can fail for a reason the user can mend, before the first step.
  Result<bool> prepare();
  Result<TrainOutcome> run();
  Result<std::vector<RateTrial>> find_rate();

 private:
  void choose_device();
  std::vector<std::size_t> epoch_order() const;
  std::vector<std::vector<std::size_t>> plan(const std::vector<std::size_t>& order) const;
  void gather_epoch();
  torch::Tensor embeddings(const std::vector<Sample>& samples,
                           const std::vector<std::size_t>& indices, bool augmented);
  nlohmann::json by_source(const Scored& data, const std::vector<std::size_t>& indices) const;
  Result<bool> write_validation(const Scores& scores, const ModelPackage& package) const;
  Result<std::optional<PublishedWeights>> find_weights() const;
  void open_cache();
  LoaderSpec loading(bool augmented) const;
  void make_optimizer();
  nlohmann::json settings() const;
  bool train_epoch();  // false: stopped
  void accumulate(const Batch& batch, double photos_of_step);
  void step(std::int64_t global_step);
  void set_rates(double rate);
  double sum_gradients();
  Scores evaluate();
  void update_average(std::int64_t global_step);
  torch::Tensor to_device(const Batch& batch) const;
  torch::Tensor forward(const torch::Tensor& images);
  void add_score(std::span<const float> logits, int label, Scores& scores) const;
  void collect(const torch::Tensor& logits, const Batch& batch, Scores& scores) const;
  void report_progress(bool validating, std::int64_t step, std::int64_t steps, std::size_t images,
                       Clock::time_point start);
  UnreadableHandler unreadable();
  Calibration calibrate(Scores& scores, const std::vector<int>& groups);
  std::vector<ReportExample> examples();
  Result<TrainOutcome> finish();
  // By one process, for all of them: they hold the same numbers.
  Result<bool> save() {
    if (!processes_.leads()) return true;
    return save_checkpoint(folder_.checkpoint(), {net_, average_, best_, *optimizer_}, state_);
  }

  const TrainOptions& options_;
  const Distributed& processes_;
  const Recipe& recipe_;
  TrainObserver& observer_;
  const std::atomic<bool>& stop_;
  Photos photos_;
  const Architecture architecture_;
  const PreprocessSpec input_;
  const RunFolder folder_;

  int threads_ = 1;
  torch::Device device_{torch::kCPU};
  Network net_{nullptr};
  Teachers teachers_;
  NamedTensors average_, best_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> rate_share_;  // by parameter group
  torch::Tensor class_weight_;      // by label
  torch::Tensor possible_;  // [labels, C], 1 where a photo of that label may be of the class
  Clock::time_point started_ = Clock::now();
  std::int64_t steps_per_epoch_ = 0;
  // Photos that go into a step of the optimizer, over all processes.
  std::size_t photos_of_step() const {
    return static_cast<std::size_t>(recipe_.batch_size) *
           static_cast<std::size_t>(recipe_.accumulate) *
           static_cast<std::size_t>(processes_.world());
  }
  TrainState state_;
  std::unique_ptr<PhotoCache> cache_;
  std::set<std::filesystem::path> named_unreadable_;
  bool finished_ = false;  // the model is written
  double last_epoch_seconds_ = NAN;
};

}  // namespace nevus
