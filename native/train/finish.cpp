// After the last epoch: calibration, the operating point, typicality, the exported file and its
// proof, the report.
#include "train/training.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/cuda.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <opencv2/core/version.hpp>
#include <set>
#include <thread>

#include "data/csv.h"
#include "image_io/photo.h"
#include "metrics/metrics.h"
#include "nets/fused_norm.h"
#include "nets/network.h"
#include "nets/state.h"
#include "nevus/decision.h"
#include "nevus/self_test.h"
#include "runtime/convert.h"
#include "runtime/session.h"
#include "train/checkpoint.h"
#include "train/distributed.h"
#include "train/export.h"
#include "train/loader.h"
#include "train/loss.h"
#include "train/photos.h"
#include "train/random.h"
#include "train/run_folder.h"
#include "train/typicality.h"

namespace nevus {
namespace {

constexpr double kSensitivity = 0.95;  // of the operating point, on validation photos
constexpr double kTypical = 0.965;     // share of validation photos within the typicality limit
constexpr int kCheckedPhotos = 15;     // validation photos that the export is compared on
constexpr std::size_t kTypicalPhotos = 4000;  // training photos that typicality is fitted to

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

// A source's name says which set it is; its place on this machine is nobody's business.
// A folder's name; of a CSV with its folder's.
std::string data_name(const Source& source) {
  std::filesystem::path path = source.path.lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  const std::filesystem::path folder = path.parent_path().filename();
  return path.has_extension() && !folder.empty() ? (folder / path.filename()).string()
                                                 : path.filename().string();
}

std::string data_names(const TrainOptions& options) {
  std::string text;
  for (const Source& source : options.data) text += (text.empty() ? "" : " + ") + data_name(source);
  return text;
}

}  // namespace

// Of the network as it stands: [n, F], in the order of `indices`, unreadable photos left out.
torch::Tensor Training::embeddings(const std::vector<Sample>& samples,
                                   const std::vector<std::size_t>& indices, bool augmented) {
  const torch::NoGradGuard no_grad;
  const LoaderSpec spec = loading(augmented);
  auto batches = cut_batches(indices, static_cast<std::size_t>(recipe_.batch_size));
  const auto total = static_cast<std::int64_t>(batches.size());
  Loader loader(samples, std::move(batches), spec, mix({options_.seed, kTypicalSeed, 1}),
                unreadable());
  std::vector<torch::Tensor> parts;
  const Clock::time_point start = Clock::now();
  std::size_t seen = 0;
  std::int64_t step = 0;
  while (const auto batch = loader.next()) {
    seen += batch->indices.size();
    if (!batch->indices.empty()) {
      parts.push_back(net_->appearance(to_device(*batch)).to(torch::kCPU, torch::kFloat32));
    }
    report_progress(true, ++step, total, seen, start);
  }
  return torch::cat(parts);
}

// What the network says of each validation photo, for whoever wants to look closer.
Result<bool> Training::write_validation(const Scores& scores, const ModelPackage& package) const {
  std::string text = "file,group,label,malignancy";
  for (const ModelClass& one : package.classes) text += "," + one.id;
  text += "\n";
  const std::size_t classes = package.classes.size();
  char number[32];
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    const Sample& sample = photos_.val[scores.indices[i]];
    const std::vector<double> probabilities = calibrated_softmax(
        std::span<const float>(scores.logits).subspan(i * classes, classes), package.temperature);
    text += csv_field(sample.file.string()) + "," + csv_field(sample.group) + "," +
            csv_field(photos_.labels[static_cast<std::size_t>(scores.labels[i])]);
    std::snprintf(number, sizeof number, ",%.9g", malignancy(probabilities, package.classes));
    text += number;
    for (const double p : probabilities) {
      std::snprintf(number, sizeof number, ",%.9g", p);
      text += number;
    }
    text += "\n";
  }
  return folder_.write(folder_.validation(),
                       {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

// Training photos as the first epoch showed them, spread over the list.
std::vector<ReportExample> Training::examples() {
  constexpr std::size_t kExamples = 16;
  constexpr int kQuality = 85;  // libjpeg's scale
  const LoaderSpec spec = loading(true);
  std::vector<ReportExample> out;
  const std::size_t count = std::min(kExamples, photos_.train.size());
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t i = k * photos_.train.size() / count;
    const auto photo = read_photo(photos_.train[i].file, needed_side(spec.input));
    if (!photo) continue;
    const Image copy = training_copy(photo->view(), spec.input);
    const Image view = augment(copy.view(), spec.input, *spec.augment,
                               mix({mix({options_.seed, kAugmentSeed, 0}), i}));
    auto jpeg = encode_jpeg(view.view(), kQuality);
    if (jpeg) {
      out.push_back(
          {std::move(*jpeg), photos_.labels[static_cast<std::size_t>(photos_.train[i].label)]});
    }
  }
  return out;
}

// The AUC on each source's photos alone: together, a network that knows the source scores too.
nlohmann::json Training::by_source(const Scored& data,
                                   const std::vector<std::size_t>& indices) const {
  nlohmann::json all = nlohmann::json::array();
  for (std::size_t source = 0; source < options_.data.size(); ++source) {
    Scored own;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (photos_.val[indices[i]].source != static_cast<int>(source)) continue;
      own.scores.push_back(data.scores[i]);
      own.labels.push_back(data.labels[i]);
      own.groups.push_back(data.groups[i]);
    }
    const auto auc = [](std::span<const double> s, std::span<const int> l) {
      return roc_auc(s, l);
    };
    const Interval interval = bootstrap_interval(own, auc);
    all.push_back({{"name", data_name(options_.data[source])},
                   {"n", own.labels.size()},
                   {"auc", rounded(auc(own.scores, own.labels))},
                   {"auc_ci", {rounded(interval.low), rounded(interval.high)}}});
  }
  return all;
}

// Each lesion counts once: some are photographed more often than others, malignant ones mostly.
// Photos whose class is left open say nothing of the classes' shares. The biases become part of the
// network, so that a package needs its temperature alone.
Calibration Training::calibrate(Scores& scores, const std::vector<int>& groups) {
  const std::size_t classes = photos_.classes.size();
  std::map<int, double> photos;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (static_cast<std::size_t>(scores.labels[i]) < classes) ++photos[groups[i]];
  }
  std::vector<double> weights;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (static_cast<std::size_t>(scores.labels[i]) < classes)
      weights.push_back(1 / photos[groups[i]]);
  }
  const Scores known = scores.of_known_class(classes);
  const Calibration calibration =
      fit_calibration(known.logits, known.labels, weights, static_cast<int>(classes));
  std::vector<float> shift;
  for (const double bias : calibration.bias)
    shift.push_back(static_cast<float>(bias * calibration.temperature));
  {
    const torch::NoGradGuard no_grad;
    net_->classifier->bias.add_(torch::tensor(shift).to(device_));
  }
  for (std::size_t i = 0; i < scores.logits.size(); ++i) scores.logits[i] += shift[i % classes];
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    const auto row = std::span<const float>(scores.logits).subspan(i * classes, classes);
    const std::vector<double> p = calibrated_softmax(row, calibration.temperature);
    std::copy(p.begin(), p.end(),
              scores.probabilities.begin() + static_cast<std::ptrdiff_t>(i * classes));
  }
  return calibration;
}

Result<TrainOutcome> Training::finish() {
  observer_.note("calibrating and exporting epoch " + std::to_string(state_.best_epoch));
  for (const auto& [name, tensor] : best_) {
    average_.at(name).copy_(tensor);
  }
  net_->judge_in(options_.turns);
  Scores scores = evaluate();
  TrainOutcome outcome;
  outcome.best_epoch = state_.best_epoch;
  if (!processes_.leads()) return outcome;
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
  package.architecture = architecture_.name;
  package.input = input_;
  for (std::size_t i = 0; i < photos_.classes.size(); ++i) {
    package.classes.push_back(model_class(photos_.classes[i], photos_.malignant[i]));
  }
  package.cam_width = (input_.width + 31) / 32;
  package.cam_height = (input_.height + 31) / 32;
  const int classes = static_cast<int>(photos_.classes.size());
  Scored calibrated;
  calibrated.labels = scores.malignant;
  std::map<std::string, int> groups;
  for (const std::size_t i : scores.indices) {
    calibrated.groups.push_back(
        groups.emplace(photos_.val[i].group, static_cast<int>(groups.size())).first->second);
  }
  const Calibration calibration = calibrate(scores, calibrated.groups);
  package.temperature = calibration.temperature;
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
  if (options_.data.size() > 1) {
    package.metrics["validation"]["by_source"] = by_source(calibrated, scores.indices);
  }
  if (classes > 2) {
    const Scores known = scores.of_known_class(photos_.classes.size());
    package.metrics["validation"]["macro_auc"] =
        rounded(macro_auc(known.probabilities, known.labels, classes));
    package.metrics["validation"]["class_balanced_accuracy"] =
        rounded(balanced_accuracy(known.probabilities, known.labels, classes));
  }

  package.training = {
      {"command_line", state_.command_line},
      {"seed", options_.seed},
      {"data",
       {{{"name", data_names(options_)},
         {"sha256", photos_.hash},
         {"train", photos_.train.size()},
         {"validation", photos_.val.size()},
         {"test_not_used", photos_.test},
         {"left_out_lesion_in_test", photos_.dropped},
         {"unreadable", named_unreadable_.size()}}}},
      {"versions", {{"nevus", NEVUS_VERSION}, {"libtorch", TORCH_VERSION}, {"opencv", CV_VERSION}}},
      {"settings", settings()},
      {"best_epoch", state_.best_epoch}};
  if (!options_.config.empty()) package.training["config"] = options_.config;
  package.training["calibration"] = {{"temperature", calibration.temperature},
                                     {"bias", calibration.bias},
                                     {"lesions", groups.size()}};
  // Photos of one lesion count as one, as in the calibration.
  std::map<int, double> photos_of;
  std::vector<double> shares(photos_.classes.size(), 0.0);
  double lesions = 0;
  const auto known = [&](std::size_t i) {
    return static_cast<std::size_t>(scores.labels[i]) < shares.size();
  };
  for (std::size_t i = 0; i < scores.labels.size(); ++i)
    if (known(i)) ++photos_of[calibrated.groups[i]];
  for (std::size_t i = 0; i < scores.labels.size(); ++i) {
    if (!known(i)) continue;
    shares[static_cast<std::size_t>(scores.labels[i])] += 1 / photos_of[calibrated.groups[i]];
    lesions += 1 / photos_of[calibrated.groups[i]];
  }
  for (std::size_t c = 0; c < shares.size(); ++c)
    package.training["class_shares"][package.classes[c].id] = shares[c] / lesions;
  package.training["settings"]["turns"] = options_.turns;
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
      "phone photos are another kind.",
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
  // Calibrated on one half of the photos; the comparison sees the other half too.
  const std::span<const float> all(images);
  const auto half_of_them = all.first(static_cast<std::size_t>((n + 1) / 2) * size);
  std::optional<EmbeddingGaussian> typicality;
  if (recipe_.typicality > 0) {
    observer_.note("measuring what photos typically look like to the network");
    std::vector<std::size_t> learnt(photos_.train.size());
    std::iota(learnt.begin(), learnt.end(), std::size_t{0});
    shuffle(learnt, mix({options_.seed, kTypicalSeed}));
    learnt.resize(std::min(learnt.size(), kTypicalPhotos));
    // Half as they are, half as training shows them: squashed, soft or cut otherwise is typical
    // too.
    const auto half = learnt.begin() + static_cast<std::ptrdiff_t>(learnt.size() / 2);
    typicality = fit_gaussian(torch::cat({embeddings(photos_.train, {learnt.begin(), half}, false),
                                          embeddings(photos_.train, {half, learnt.end()}, true)}),
                              recipe_.typicality);
    std::vector<std::size_t> every(photos_.val.size());
    std::iota(every.begin(), every.end(), std::size_t{0});
    const torch::Tensor far =
        std::get<0>(distances(*typicality, embeddings(photos_.val, every, false)).sort())
            .contiguous();
    const auto within =
        static_cast<std::int64_t>(std::ceil(kTypical * static_cast<double>(far.numel()))) - 1;
    Typicality limit;
    limit.limit = far[std::max<std::int64_t>(0, within)].item<double>();
    limit.accepted = static_cast<double>(std::max<std::int64_t>(0, within) + 1) /
                     static_cast<double>(far.numel());
    if (limit.limit > 1e-9 && limit.limit < 1e12) {  // what a package may say
      package.typicality = limit;
    } else {
      observer_.warn(
          "all photos look alike to this network: the package says nothing of typicality");
      typicality.reset();
    }
  }
  // The storage that was asked for, and where the check refuses it the next wider one.
  constexpr std::array kWider{WeightStorage::int8, WeightStorage::float16, WeightStorage::float32};
  auto storage = std::find(kWider.begin(), kWider.end(), options_.storage);
  std::vector<std::uint8_t> onnx;
  std::optional<ExportCheck> check;
  for (;; ++storage) {
    auto file =
        export_onnx(net_, input_, *storage, half_of_them, typicality ? &*typicality : nullptr);
    if (!file) return Error{folder_.model().string() + ": " + file.error().message, ""};
    onnx = std::move(*file);
    auto checked = check_export(onnx, net_, input_, all, n, storage_tolerance(*storage));
    if (checked) {
      check = *checked;
      break;
    }
    if (*storage == WeightStorage::float32)
      return Error{folder_.model().string() + ": refused: " + checked.error().message, ""};
    observer_.warn(folder_.model().string() + ": " + checked.error().message + "; stored as " +
                   std::string(name(*std::next(storage))) + " instead, twice the size");
  }
  char text[160];
  std::snprintf(text, sizeof text,
                "exported file (%s) against LibTorch on %d images: logits within %.1e, maps within "
                "%.1e",
                std::string(name(*storage)).c_str(), check->images, check->logits, check->cam);
  observer_.note(text);
  package.training["stored"] = {
      {"weights_as", name(*storage)}, {"images", check->images}, {"logits_within", check->logits}};

  const auto hash = graph_sha256(onnx);
  if (!hash) return hash.error();
  package.sha256 = *hash;
  const auto answer =
      run_onnx(onnx, std::span<const float>(images).first(size), 1, 3, input_.height, input_.width);
  if (!answer) return answer.error();
  package.self_test.logits = answer->logits;
  if (package.typicality) package.typicality->self_test = answer->distance.front();
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

  written = write_validation(scores, package);
  if (!written) return written.error();

  TrainingReport report;
  report.title = package.name;
  report.command_line = state_.command_line;
  report.epochs = state_.history;
  report.best_epoch = state_.best_epoch;
  report.turns = options_.turns;
  report.mixed = recipe_.mixup > 0 || recipe_.cutmix > 0;
  for (std::size_t i = 0; i < photos_.labels.size(); ++i) {
    ClassCount count{i < package.classes.size() ? package.classes[i].name : photos_.labels[i],
                     photos_.malignant[i], 0, 0};
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
  report.examples = examples();
  for (const auto& path : named_unreadable_) {
    report.warnings.push_back(path.filename().string() + " can't be read and was left out");
  }
  report.package = package;
  written = write_training_report(folder_.report(), report);
  if (!written) return written.error();

  outcome.package = std::move(package);
  finished_ = true;
  return outcome;
}

}  // namespace nevus
