// A training's whole state in one safetensors file.
#include "train/checkpoint.h"

#include <cmath>

namespace nevus {
namespace {

constexpr int kVersion = 2;
constexpr const char* kKey = "nevus.checkpoint";

// JSON has no NaN; an absent AUC is null.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}
double number(const nlohmann::json& value) {
  return value.is_null() ? NAN : value.get<double>();
}

nlohmann::json to_json(const TrainState& state) {
  nlohmann::json history = nlohmann::json::array();
  for (const EpochRecord& record : state.history) {
    history.push_back({record.epoch, number(record.train_loss), number(record.val_loss),
                       number(record.train_auc), number(record.val_auc), number(record.seconds),
                       number(record.learning_rate), number(record.images_per_second),
                       number(record.data_wait), number(record.val_balanced_accuracy)});
  }
  return {{"version", kVersion},
          {"settings", state.settings},
          {"command_line", state.command_line},
          {"epoch", state.epoch},
          {"step", state.step},
          {"history", history},
          {"best_epoch", state.best_epoch},
          {"best_value", state.best_value},
          {"best_loss", state.best_loss},
          {"loss_sum", state.loss_sum},
          {"scores", state.scores},
          {"labels", state.labels},
          {"seconds", state.seconds},
          {"waited", state.waited},
          {"images", state.images}};
}

TrainState from_json(const nlohmann::json& json) {
  TrainState state;
  state.command_line = json.at("command_line").get<std::string>();
  state.settings = json.at("settings");
  state.epoch = json.at("epoch").get<int>();
  state.step = json.at("step").get<std::int64_t>();
  for (const auto& row : json.at("history")) {
    EpochRecord record;
    record.epoch = row.at(0).get<int>();
    record.train_loss = number(row.at(1));
    record.val_loss = number(row.at(2));
    record.train_auc = number(row.at(3));
    record.val_auc = number(row.at(4));
    record.seconds = number(row.at(5));
    record.learning_rate = number(row.at(6));
    record.images_per_second = number(row.at(7));
    record.data_wait = number(row.at(8));
    record.val_balanced_accuracy = number(row.at(9));
    state.history.push_back(record);
  }
  state.best_epoch = json.at("best_epoch").get<int>();
  state.best_value = json.at("best_value").get<double>();
  state.best_loss = json.at("best_loss").get<double>();
  state.loss_sum = json.at("loss_sum").get<double>();
  state.scores = json.at("scores").get<std::vector<double>>();
  state.labels = json.at("labels").get<std::vector<int>>();
  state.seconds = json.at("seconds").get<double>();
  state.waited = json.at("waited").get<double>();
  state.images = json.at("images").get<std::size_t>();
  return state;
}

// AdamW's moments or SGD's momentum by parameter name; steps are int64 scalars.
void add_optimizer(TensorCollection& collection, const TrainTensors& tensors) {
  for (const auto& entry : tensors.net->named_parameters()) {
    const auto found = tensors.optimizer.state().find(entry.value().unsafeGetTensorImpl());
    if (found == tensors.optimizer.state().end()) {
      continue;  // before the first step, or frozen
    }
    if (const auto* adam =
            dynamic_cast<const torch::optim::AdamWParamState*>(found->second.get())) {
      collection.add("adam.step." + entry.key(), torch::tensor(adam->step(), torch::kInt64));
      collection.add("adam.mean." + entry.key(), adam->exp_avg());
      collection.add("adam.square." + entry.key(), adam->exp_avg_sq());
    } else if (const auto* sgd =
                   dynamic_cast<const torch::optim::SGDParamState*>(found->second.get())) {
      collection.add("sgd.momentum." + entry.key(), sgd->momentum_buffer());
    }
  }
}

Result<bool> load_optimizer(const SafeTensors& file, TrainTensors& tensors) {
  for (const auto& entry : tensors.net->named_parameters()) {
    const torch::Tensor& parameter = entry.value();
    const auto zeros = [&] { return torch::zeros_like(parameter, torch::MemoryFormat::Preserve); };
    const auto restore = [&](const std::string& prefix, const torch::Tensor& tensor) {
      return load_state(file, {{entry.key(), tensor}}, prefix);
    };
    if (file.find("sgd.momentum." + entry.key()) != nullptr) {
      auto state = std::make_unique<torch::optim::SGDParamState>();
      state->momentum_buffer(zeros());
      const auto loaded = restore("sgd.momentum.", state->momentum_buffer());
      if (!loaded) return loaded;
      tensors.optimizer.state()[parameter.unsafeGetTensorImpl()] = std::move(state);
      continue;
    }
    const TensorView* step = file.find("adam.step." + entry.key());
    if (step == nullptr) {
      continue;
    }
    if (step->type != TensorType::i64 || step->bytes.size() != sizeof(std::int64_t)) {
      return Error{"adam.step." + entry.key() + " is not one number", entry.key()};
    }
    std::int64_t count = 0;
    std::copy(step->bytes.begin(), step->bytes.end(), reinterpret_cast<std::uint8_t*>(&count));
    auto moments = std::make_unique<torch::optim::AdamWParamState>();
    moments->step(count);
    moments->exp_avg(zeros());
    moments->exp_avg_sq(zeros());
    for (const auto& [prefix, tensor] :
         {std::pair<std::string, torch::Tensor>{"adam.mean.", moments->exp_avg()},
          std::pair<std::string, torch::Tensor>{"adam.square.", moments->exp_avg_sq()}}) {
      const auto loaded = restore(prefix, tensor);
      if (!loaded) return loaded;
    }
    tensors.optimizer.state()[parameter.unsafeGetTensorImpl()] = std::move(moments);
  }
  return true;
}

}  // namespace

Result<bool> save_checkpoint(const std::filesystem::path& path, const TrainTensors& tensors,
                             const TrainState& state) {
  TensorCollection collection;
  collection.add("net.", state_of(*tensors.net));
  collection.add("average.", tensors.average);
  collection.add("best.", tensors.best);
  add_optimizer(collection, tensors);
  return write_safetensors(path, collection.views(), {{kKey, to_json(state).dump()}});
}

Result<bool> load_checkpoint(const std::filesystem::path& path, TrainTensors& tensors,
                             TrainState& state) {
  const auto file = SafeTensors::read(path);
  if (!file) {
    return file.error();
  }
  const auto bad = [&path](const std::string& reason) {
    return Error{path.string() + ": " + reason, ""};
  };
  const auto text = file->metadata().find(kKey);
  if (text == file->metadata().end()) {
    return bad("not a checkpoint of this program");
  }
  TrainState read;
  try {
    const auto json = nlohmann::json::parse(text->second);
    if (json.at("version") != kVersion) {
      return bad("a checkpoint of another version");
    }
    read = from_json(json);
  } catch (const nlohmann::json::exception& error) {
    return bad(std::string("damaged: ") + error.what());
  }
  for (const auto& [key, value] : state.settings.items()) {
    const nlohmann::json was = read.settings.value(key, nlohmann::json(nullptr));
    if (was != value) {
      return bad("made with " + key + " " + was.dump() + ", not " + value.dump() +
                 "; continue with the same settings, or start over with --force");
    }
  }
  for (const auto& [prefix, target] :
       {std::pair<std::string, NamedTensors>{"net.", state_of(*tensors.net)},
        std::pair<std::string, NamedTensors>{"average.", tensors.average},
        std::pair<std::string, NamedTensors>{"best.", tensors.best}}) {
    const auto loaded = load_state(*file, target, prefix);
    if (!loaded) return bad(loaded.error().message);
  }
  const auto loaded = load_optimizer(*file, tensors);
  if (!loaded) return bad(loaded.error().message);
  state = std::move(read);
  return true;
}

}  // namespace nevus
