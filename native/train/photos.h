// Which photos a training learns from, which it validates on, and which it leaves alone.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "nevus/result.h"
#include "train/trainer.h"

namespace nevus {

struct Photos {
  std::vector<std::string> classes;  ///< what the network tells apart
  /// What a sample's label means: the classes, then labels that leave several open ("mel|bcc").
  std::vector<std::string> labels;
  std::vector<bool> malignant;             ///< by label
  std::vector<std::vector<int>> possible;  ///< by label: the classes that it may be
  std::vector<Sample> train, val;
  std::string hash;         ///< of the whole list
  std::size_t test = 0;     ///< marked "test": not touched
  std::size_t dropped = 0;  ///< left out because their lesion is in the test split
  bool given_val = false;   ///< validation photos were marked in the data

  /// Photos of each kind in `samples`: benign, malignant.
  std::pair<std::size_t, std::size_t> kinds(const std::vector<Sample>& samples) const;
};

/// Reads the list and cuts it: by what the data says, else by lesion (or into folds). No lesion is
/// on two sides. Errors name the data and what is missing.
Result<Photos> choose_photos(const TrainOptions& options, TrainObserver& observer);

}  // namespace nevus
