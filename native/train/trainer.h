// Trains a classifier on labelled photos and writes the run's folder: model.onnx, model.json,
// history.csv, report.html, checkpoint. No LibTorch in this header.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "nevus/package.h"
#include "nevus/result.h"
#include "onnx/storage.h"
#include "report/report.h"

namespace nevus {

/// What decides the numbers. The defaults reach a validation AUC of 0.974 on 2,004 + 501 dermoscopy
/// photos (the benign / malignant set that the shipped model was trained on, seed 1).
struct Recipe {
  int epochs = 5;
  int batch_size = 32;
  double learning_rate = 2e-3;    ///< of the new classifier, at the schedule's top
  double backbone_rate = 0.25;    ///< the pretrained layers' share of it, 0..1
  double weight_decay = 0.02;     ///< AdamW (Loshchilov & Hutter, 2019), kernels only
  double warm_up = 0.1;           ///< share of all steps, linear; then half a cosine down to 0
  double label_smoothing = 0.05;  ///< 0..0.5
  double dropout = 0.2;
  double drop_connect = 0.0;
  double norm_momentum = 0.05;  ///< batch-norm's, 0..1
  double ema_epochs = 0.5;      ///< weights are averaged over about so many epochs; 0: not at all
  int input_size = 0;           ///< side of the network's input, pixels; 0: the architecture's
  int first_size = 0;      ///< views of the first epoch, pixels; see view_size(); 0: the last's
  int last_size = 0;       ///< views of the last epochs, pixels; 0: the input's
  double val_share = 0.2;  ///< of each class, where no photo is marked "val"; 0.05..0.5

  std::string optimizer = "adamw";  ///< or "sgd": Nesterov's momentum (Sutskever et al., 2013)
  double momentum = 0.9;            ///< of sgd, 0..1
  double layer_decay = 1;  ///< each block's rate is this share of the next one's (Howard & Ruder,
                           ///< "ULMFiT", 2018), 0..1
  int head_epochs = 0;     ///< the classifier alone learns for so many epochs first
  int freeze = 0;          ///< the first blocks of the network, which keep their weights
  int accumulate = 1;      ///< batches whose gradients are added up for a step, >= 1
  double clip_norm = 0;    ///< greatest norm of a step's gradient; 0: no limit
  std::string balance = "none";  ///< "weights": rare classes count more; "sampling": come up more
  double balance_power = 0.5;    ///< 1: all classes the same; 0: as they are
  double mixup = 0, cutmix = 0;  ///< parameters of Beta(a, a); 0: off
  double teacher_weight = 0.7;   ///< of the teachers' answers beside the labels, 0..1
  int teacher_turns = 0;         ///< random turns of a view that each teacher judges, 0..8; 0: the
                                 ///< view as it is
  int patience = 0;              ///< epochs without improvement after which it ends; 0: never
  std::string select = "auc";    ///< what the kept epoch is best in on validation photos: "auc" (of
                                 ///< malignancy), "loss", "balanced-accuracy" (over the classes)
  int typicality = 48;           ///< directions of the embedding's Gaussian; 0: no typicality
  AugmentSpec augment{.min_scale = 0.6};
};

struct TrainOptions {
  std::vector<Source> data;
  std::filesystem::path groups;  ///< a CSV that says which photos show one lesion; or empty
  std::filesystem::path out;
  std::string architecture = "efficientnet-lite0";
  std::string weights = "imagenet";             ///< "imagenet", "none" or a .safetensors file
  std::vector<std::filesystem::path> teachers;  ///< model.onnx files to learn from, too
  std::uint64_t seed = 1;
  std::string device = "auto";  ///< "auto", "cpu", "cuda"
  int threads = 0;              ///< 0: one a core
  bool resume = false;
  bool force = false;  ///< overwrite a finished run
  bool keep_test_groups = false;
  WeightStorage storage = WeightStorage::float16;  ///< of the exported file
  int turns = 1;  ///< in which the exported file judges a photo: 1, 2, 4 or 8
  std::string cache =
      "auto";             ///< of decoded photos: "auto" (in `out`, while it runs), "off", a file
  double cache_size = 8;  ///< its greatest size, GB (10^9 bytes)
  int photos = 0;         ///< learn from about so many, drawn by label; 0: all
  int folds = 0;          ///< cut into so many; 0: a single validation part
  int fold = 1;           ///< the one to validate on, from 1
  double time_limit = 0;  ///< seconds after which it stops as if interrupted; 0: none
  Recipe recipe;
  std::vector<std::string> malignant;  ///< further label texts that count as malignant
  std::vector<std::string> benign;     ///< label texts that don't, though they are known as such
  std::string name;                    ///< of the model; empty: the run folder's name
  std::string license = "not stated";
  std::string command_line;  ///< for the record
  std::string config;        ///< text of the configuration file, for the record; or empty
};

/// The sources' paths, for people.
std::string data_text(const TrainOptions& options);

struct TrainProgress {
  bool validating = false;
  int epoch = 0, epochs = 0;         ///< epoch from 1
  std::int64_t step = 0, steps = 0;  ///< in this epoch, or of the validation pass
  double images_per_second = 0;      ///< of this pass
  double seconds_left = 0;           ///< of the whole training, an estimate; NaN: not known yet
};

/// Told what happens, always from the thread that called train() except where it says so.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void note(const std::string& line) = 0;
  /// May come from a loader's thread.
  virtual void warn(const std::string& line) = 0;
  virtual void progress(const TrainProgress& progress) = 0;
  virtual void epoch(const EpochRecord& record, bool best) = 0;
};

struct TrainOutcome {
  bool stopped = false;  ///< `stop` was set: there is a checkpoint, but no model
  int best_epoch = 0;
  ModelPackage package;  ///< as written; empty where stopped
};

/// @param stop  checked after every batch
/// Errors are one line; bad input is found before the first step of training.
Result<TrainOutcome> train(const TrainOptions& options, TrainObserver& observer,
                           const std::atomic<bool>& stop);

/// One step of the learning-rate range test.
struct RateTrial {
  double rate = 0, loss = 0;  ///< loss: smoothed over steps, as fastai does (0.98)
};

/// Raises the learning rate from 1e-6 to 1, a step a batch, and sees what the loss does (Smith,
/// "Cyclical Learning Rates", WACV 2017). Ends early where the loss has grown fourfold. Writes
/// nothing.
Result<std::vector<RateTrial>> find_rate(const TrainOptions& options, TrainObserver& observer,
                                         const std::atomic<bool>& stop);
/// Where the loss falls most steeply over the logarithm of the rate; NaN for fewer than 10 trials.
double steepest_rate(const std::vector<RateTrial>& trials);

/// Side of an epoch's views, pixels: from the recipe's first size they grow to its last in steps of
/// 32 (the network's stride) over the first two thirds of the epochs ("progressive learning", Tan &
/// Le, "EfficientNetV2", ICML 2021). A view of 160 costs half of one of 224. A view enlarges its
/// part of the photo, so that lesions look larger in training than in use; views smaller than the
/// input undo that (Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019).
/// @param full   the input's side, which none exceeds
/// @param epoch  from 1
int view_size(int full, const Recipe& recipe, int epoch);

/// Learning rate's factor at a step of the schedule, 0..1.
double schedule_factor(std::int64_t step, std::int64_t steps, double warm_up);

}  // namespace nevus
