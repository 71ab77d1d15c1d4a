// Models that teach.
#include "train/teachers.h"

#include <algorithm>

#include "nets/turns.h"
#include "nets/weights.h"
#include "nevus/package.h"
#include "runtime/model_file.h"

namespace nevus {
namespace {

bool same_pixels(const PreprocessSpec& a, const PreprocessSpec& b) {
  return a.width == b.width && a.height == b.height && a.mean == b.mean && a.std == b.std;
}

}  // namespace

Result<Teachers> Teachers::read(const std::vector<std::filesystem::path>& files,
                                const std::vector<std::string>& classes,
                                const PreprocessSpec& input, const torch::Device& device) {
  Teachers out;
  for (const std::filesystem::path& file : files) {
    const auto bad = [&file](const std::string& reason) {
      return Error{"--teacher " + file.string() + ": " + reason, ""};
    };
    const auto bytes = read_model(file);
    if (!bytes) return Error{"--teacher " + bytes.error().message, ""};
    const auto package = read_package(*bytes);
    if (!package) return bad(package.error().message);
    const auto architecture = find_architecture(package->architecture);
    if (!architecture) return bad("its network, " + package->architecture + ", is not known");
    if (!same_pixels(package->input, input)) return bad("it takes its photos otherwise");
    Teacher teacher;
    teacher.file = file;
    if (package->training.is_object())
      teacher.settings = package->training.value("settings", nlohmann::json::object());
    teacher.sha256 = package->sha256;
    teacher.temperature = package->temperature;
    std::vector<std::int64_t> order;
    for (const std::string& id : classes) {
      const auto at = std::find_if(package->classes.begin(), package->classes.end(),
                                   [&id](const ModelClass& one) { return one.id == id; });
      if (at == package->classes.end()) return bad("it doesn't know the class '" + id + "'");
      order.push_back(at - package->classes.begin());
    }
    if (order.size() != package->classes.size()) {
      return bad("it tells " + std::to_string(package->classes.size()) + " classes apart, not " +
                 std::to_string(order.size()));
    }
    teacher.order = torch::tensor(order, torch::kInt64).to(device);
    const auto weights = read_weights(file);
    if (!weights) return Error{"--teacher " + weights.error().message, ""};
    NetworkOptions options;
    options.classes = static_cast<int>(classes.size());
    teacher.net = Network(adapted(*architecture, *weights), options);
    const auto applied =
        apply_weights(*weights, teacher.net->architecture, state_of(*teacher.net), true);
    if (!applied) return bad(applied.error().message);
    if (const auto turns = teacher.settings.find("turns");
        turns != teacher.settings.end() && turns->is_number_integer()) {
      teacher.net->judge_in(std::clamp(turns->get<int>(), 1, kTurns));
    }
    teacher.net->to(device);
    teacher.net->eval();
    for (torch::Tensor& parameter : teacher.net->parameters()) {
      parameter.set_requires_grad(false);
      if (parameter.dim() == 4) {
        parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
      }
    }
    out.teachers_.push_back(std::move(teacher));
  }
  return out;
}

std::vector<std::string> Teachers::hashes() const {
  std::vector<std::string> all;
  for (const Teacher& teacher : teachers_) all.push_back(teacher.sha256);
  return all;
}

std::vector<std::filesystem::path> Teachers::of_other_splits(const nlohmann::json& settings) const {
  std::vector<std::filesystem::path> others;
  for (const Teacher& teacher : teachers_) {
    for (const char* key : {"data_sha256", "seed", "val_share", "photos", "folds", "fold"}) {
      if (teacher.settings.is_object() && teacher.settings.contains(key) &&
          teacher.settings[key] == settings.at(key))
        continue;
      others.push_back(teacher.file);
      break;
    }
  }
  return others;
}

torch::Tensor Teachers::probabilities(const torch::Tensor& images, int turns) {
  const torch::NoGradGuard no_grad;
  torch::Tensor sum;
  for (Teacher& teacher : teachers_) {
    const torch::Tensor drawn =
        turns > 0 ? torch::randperm(kTurns, torch::kLong).slice(0, 0, turns) : torch::zeros({1});
    for (std::int64_t i = 0; i < drawn.size(0); ++i) {
      const torch::Tensor seen = turned(images, turn(drawn[i].item<int>()));
      const torch::Tensor p = torch::softmax(teacher.net->forward(seen) / teacher.temperature, 1)
                                  .index_select(1, teacher.order);
      sum = sum.defined() ? sum + p : p;
    }
  }
  return sum / static_cast<double>(teachers_.size() * static_cast<std::size_t>(std::max(1, turns)));
}

}  // namespace nevus
