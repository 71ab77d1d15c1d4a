// A training's whole state in one safetensors file: continuing from it gives the same numbers as
// not having stopped.
#pragma once

#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "nets/network.h"
#include "nets/state.h"
#include "nevus/result.h"
#include "report/report.h"

namespace nevus {

/// The part of a training that is not tensors.
struct TrainState {
  std::string command_line;  ///< of the first start
  nlohmann::json settings;   ///< what must be the same for a training to be continued
  int epoch = 1;             ///< the one to go on with, from 1; epochs + 1: all done
  std::int64_t step = 0;     ///< the step of it to go on with, from 0
  std::vector<EpochRecord> history;
  int best_epoch = 0;
  double best_value = -1, best_loss = 0;  ///< value: of Recipe::select, the greater the better
  // This epoch so far:
  double loss_sum = 0;
  std::vector<double> scores;  ///< probability of malignancy of each training photo seen
  std::vector<int> labels;     ///< 1 malignant
  double seconds = 0;          ///< of the training pass
  double waited = 0;           ///< of them waiting for photos
  std::size_t images = 0;
};

/// The tensors of a training; `average` and `best` mirror the names of `net`.
struct TrainTensors {
  Network& net;
  NamedTensors& average;
  NamedTensors& best;
  torch::optim::Optimizer& optimizer;  ///< AdamW or SGD
};

/// Atomic; the error names the file.
Result<bool> save_checkpoint(const std::filesystem::path& path, const TrainTensors& tensors,
                             const TrainState& state);

/// Reads a checkpoint that save_checkpoint wrote. `settings` in the file must equal
/// `state.settings`: the error names the first that doesn't. The error names the file.
Result<bool> load_checkpoint(const std::filesystem::path& path, TrainTensors& tensors,
                             TrainState& state);

}  // namespace nevus
