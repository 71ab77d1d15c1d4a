// Models that teach: their answers for a view are learnt from beside its label (knowledge
// distillation, Hinton, Vinyals & Dean, 2015).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "nets/network.h"
#include "nevus/result.h"

namespace nevus {

/// Finished models. They see the very views that the learner sees ("consistent teaching", Beyer et
/// al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022), or those
/// views turned: a lesion has no upright side, so the mean over its turns is a better answer than
/// any one, and what is learnt from random turns is that mean (data distillation, Radosavovic et
/// al., CVPR 2018).
class Teachers {
 public:
  /// @param classes  ids in the order of the learner; each model must tell the same ones apart
  /// @param input    the learner's; each model must take its photos alike
  /// Errors name the file.
  static Result<Teachers> read(const std::vector<std::filesystem::path>& files,
                               const std::vector<std::string>& classes, const PreprocessSpec& input,
                               const torch::Device& device);

  bool empty() const { return teachers_.empty(); }
  /// The models' graph hashes, hex.
  std::vector<std::string> hashes() const;
  /// The files whose photos were not cut as `settings` (of a checkpoint) say: a teacher that has
  /// learnt from a run's validation photos makes their figures look better than they are.
  std::vector<std::filesystem::path> of_other_splits(const nlohmann::json& settings) const;
  /// @param images  [N, 3, H, W], normalised; any H and W that the network can take
  /// @param turns   0: each model sees the images as they are; else each one sees them in so many
  /// of
  ///                the square's eight turns and mirror images, drawn from LibTorch's generator
  /// @return [N, C], the mean of the models' calibrated probabilities
  torch::Tensor probabilities(const torch::Tensor& images, int turns);

 private:
  struct Teacher {
    std::filesystem::path file;
    nlohmann::json settings;  // of its training, as its package has them
    std::string sha256;
    Network net{nullptr};
    double temperature = 1;
    torch::Tensor order;  // [C], the learner's classes among the model's
  };
  std::vector<Teacher> teachers_;
};

}  // namespace nevus
