// K-fold cross-validation: a run a fold, and what they say together.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "train/trainer.h"

namespace nevus {

/// Mean and standard deviation over the folds, and the figure over all photos together, each judged
/// by the model that had not seen it.
struct FoldedFigure {
  std::string name;           ///< "auc", …
  std::vector<double> folds;  ///< one a fold; NaN where it doesn't exist
  double mean = 0, deviation = 0;
  double pooled = 0, low = 0, high = 0;  ///< low and high: 95 % interval; NaN where not computed
};

struct CrossValidation {
  bool stopped = false;  ///< `stop` was set, or the time limit reached; resume goes on
  std::size_t photos = 0;
  std::vector<FoldedFigure> figures;
};

/// Trains options.folds times into OUT/fold-1, OUT/fold-2, …; with `resume` finished folds are kept
/// and an unfinished one goes on. Writes OUT/cross-validation.json and OUT/validation.csv (every
/// photo with the answer of the model that had not seen it).
/// Errors are those of train(), with the fold named.
Result<CrossValidation> cross_validate(const TrainOptions& options, TrainObserver& observer,
                                       const std::atomic<bool>& stop);

}  // namespace nevus
