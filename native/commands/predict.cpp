// nevus predict: one row a photo, in a table, as CSV or as JSON; heat-maps on request.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <set>
#include <system_error>

#include "commands/classify.h"
#include "commands/commands.h"
#include "commands/terminal.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "image_io/photo.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

struct PredictOptions {
  std::string model;
  std::vector<std::string> files;
  bool csv = false, json = false;
  std::string heatmap;
  double mm_per_pixel = 0;
};

// A heat-map is to be looked at, not measured: larger photos are shown at this size.
constexpr int kHeatmapSide = 1280;

// Folders become their photos, sorted; returns an error line for a folder without any.
Result<std::vector<fs::path>> expand(const std::vector<std::string>& arguments) {
  std::vector<fs::path> files;
  for (const std::string& argument : arguments) {
    std::error_code code;
    if (!fs::is_directory(argument, code)) {
      files.emplace_back(argument);
      continue;
    }
    std::vector<fs::path> inside;
    for (auto it = fs::recursive_directory_iterator(
             argument, fs::directory_options::skip_permission_denied, code);
         !code && it != fs::recursive_directory_iterator(); it.increment(code))
      if (it->is_regular_file(code) && is_photo_file(it->path()) &&
          !it->path().filename().string().starts_with("."))
        inside.push_back(it->path());
    if (inside.empty()) return Error{argument + ": a folder without photos", ""};
    std::sort(inside.begin(), inside.end());
    files.insert(files.end(), inside.begin(), inside.end());
  }
  return files;
}

// A file name for each photo's heat-map; photos of one name from two folders get a number.
std::vector<fs::path> heatmap_files(const std::vector<fs::path>& files, const fs::path& folder) {
  std::vector<fs::path> out;
  std::set<std::string> taken;
  for (const fs::path& file : files) {
    std::string name = file.stem().string() + "_heatmap";
    for (int n = 2; !taken.insert(name).second; ++n)
      name = file.stem().string() + "_" + std::to_string(n) + "_heatmap";
    out.push_back(folder / (name + ".png"));
  }
  return out;
}

Image reduced(const Image& photo) {
  const int longer = std::max(photo.width, photo.height);
  if (longer <= kHeatmapSide) return photo;
  const double factor = static_cast<double>(kHeatmapSide) / longer;
  Image out(std::max(1, static_cast<int>(photo.width * factor)),
            std::max(1, static_cast<int>(photo.height * factor)), photo.format);
  const int type = CV_8UC(channels(photo.format));
  cv::Mat to(out.height, out.width, type, out.pixels.data());
  cv::resize(
      cv::Mat(photo.height, photo.width, type, const_cast<std::uint8_t*>(photo.pixels.data())), to,
      to.size(), 0, 0, cv::INTER_AREA);
  return out;
}

std::string draw_heatmap(const Image& photo, const PhotoAnswer& answer, const ModelPackage& package,
                         const fs::path& file) {
  const Image shown = reduced(photo);
  const auto evidence = malignancy_evidence(answer.cam, package);
  const Image overlay = render_heatmap(evidence, package.cam_width, package.cam_height,
                                       std::min(shown.width, shown.height));
  const auto written = write_png(file, blend_heatmap(shown.view(), overlay.view(), 0.6).view());
  return written ? std::string() : written.error().message;
}

std::string fixed(double value, int decimals) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// Percentages that never claim more than the number says: no "100 %" and no "0 %" by rounding.
std::string percent(double probability) {
  if (probability > 0.999 && probability < 1) return "> 99.9 %";
  if (probability < 0.001 && probability > 0) return "< 0.1 %";
  return fixed(100 * probability, 1) + " %";
}

std::string reasons(const Decision& decision) {
  std::string text;
  for (const std::string_view reason : decision.reasons)
    text += (text.empty() ? "" : " ") + std::string(reason);
  return text;
}

nlohmann::json to_json(const std::string& file, const PhotoAnswer& answer,
                       const ModelPackage& package) {
  nlohmann::json out{{"file", file}};
  if (!answer.error.empty()) {
    out["error"] = answer.error;
    return out;
  }
  out["outcome"] = id(answer.decision.outcome);
  out["sentence"] = sentence(answer.decision.outcome);
  out["malignancy"] = answer.decision.malignancy;
  for (std::size_t c = 0; c < answer.decision.probabilities.size(); ++c)
    out["probabilities"][package.classes[c].id] = answer.decision.probabilities[c];
  out["logits"] = answer.logits;
  if (answer.distance) {
    out["typicality"] = {{"distance", *answer.distance},
                         {"limit", package.typicality->limit},
                         {"typical", answer.decision.typical}};
  }
  out["reasons"] = answer.decision.reasons;
  const Quality& q = answer.quality;
  nlohmann::json issues = nlohmann::json::array();
  for (const QualityIssue issue : q.issues) issues.push_back(id(issue));
  out["quality"] = {{"width", answer.width},    {"height", answer.height},
                    {"sharpness", q.sharpness}, {"brightness", q.brightness},
                    {"contrast", q.contrast},   {"clipped", q.clipped},
                    {"issues", issues}};
  out["lesion"] = lesion_json(answer.lesion, answer.measures);
  out["ms"] = {{"decode", answer.times.decode},
               {"preprocess", answer.times.preprocess},
               {"inference", answer.times.inference}};
  return out;
}

std::string csv_row(const std::string& file, const PhotoAnswer& answer,
                    const ModelPackage& package) {
  std::string row = csv_field(file);
  if (!answer.error.empty()) {
    row += ",,,";
    row.append(package.classes.size(), ',');
    return row + "," + csv_field(answer.error) + "\n";
  }
  row += ',' + std::string(id(answer.decision.outcome)) + ',' +
         csv_field(sentence(answer.decision.outcome));
  row += ',' + fixed(answer.decision.malignancy, 6);
  for (std::size_t c = 0; c < package.classes.size(); ++c)
    row +=
        ',' + (c < answer.decision.probabilities.size() ? fixed(answer.decision.probabilities[c], 6)
                                                        : "");
  return row + ',' + csv_field(reasons(answer.decision)) + "\n";
}

int run_predict(const PredictOptions& options) {
  const auto files = expand(options.files);
  if (!files) {
    print_error(files.error().message);
    return 1;
  }
  const auto session = Session::open(options.model, session_threads(files->size()));
  if (!session) {
    print_error(session.error().message);
    return 1;
  }
  const ModelPackage& package = session->package();
  PixelsHook hook;
  std::vector<fs::path> heatmaps;
  if (!options.heatmap.empty()) {
    std::error_code code;
    fs::create_directories(options.heatmap, code);
    if (code) {
      print_error(options.heatmap + ": can't be made: " + code.message());
      return 1;
    }
    heatmaps = heatmap_files(*files, options.heatmap);
  }
  if (options.json || !heatmaps.empty()) {
    hook = [&](std::size_t index, const DecodedPhoto& photo, PhotoAnswer& answer) {
      if (!heatmaps.empty()) answer.error = draw_heatmap(photo, answer, package, heatmaps[index]);
      if (!options.json) return;
      answer.lesion = find_lesion(photo.view());
      std::optional<double> scale;
      if (options.mm_per_pixel > 0) scale = options.mm_per_pixel * photo.reduction;
      answer.measures = measure_lesion(photo.view(), answer.lesion.outline, scale);
      answer.measures.diameter *= photo.reduction;
      answer.lesion =
          enlarged(std::move(answer.lesion), photo.reduction, photo.full_width, photo.full_height);
    };
  }

  std::size_t failed = 0;
  std::vector<std::vector<std::string>> table{{"photo", "answer", "malignant", "remark"}};
  nlohmann::json photos = nlohmann::json::array();
  if (options.csv) {
    std::string header = "file,outcome,sentence,malignancy";
    for (const ModelClass& one : package.classes) header += ",p_" + one.id;
    std::printf("%s,remark\n", header.c_str());
  }
  {
    ProgressLine progress("photo", files->size());
    classify(
        *session, *files,
        [&](std::size_t i, const PhotoAnswer& answer) {
          const std::string name = (*files)[i].string();
          if (!answer.error.empty()) ++failed;
          if (options.json) {
            photos.push_back(to_json(name, answer, package));
            if (!heatmaps.empty() && answer.error.empty())
              photos.back()["heatmap"] = heatmaps[i].string();
          } else if (options.csv) {
            std::fputs(csv_row(name, answer, package).c_str(), stdout);
          } else if (!answer.error.empty()) {
            table.push_back({printable(name), "unreadable", "–", printable(answer.error)});
          } else {
            table.push_back(
                {printable(name), std::string(sentence(answer.decision.outcome)),
                 answer.decision.probabilities.empty() ? "–" : percent(answer.decision.malignancy),
                 reasons(answer.decision)});
          }
          progress.update(i + 1);
        },
        hook);
  }
  if (options.json) {
    const nlohmann::json out{{"model",
                              {{"name", package.name},
                               {"sha256", package.sha256},
                               {"threshold", package.operating_point.threshold}}},
                             {"photos", photos},
                             {"notice", kNotice}};
    std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else if (!options.csv) {
    std::fputs(format_table(table).c_str(), stdout);
    std::printf("\n%s\n", std::string(kNotice).c_str());
  }
  if (failed > 0 && options.csv)
    print_error(std::to_string(failed) + " of " + std::to_string(files->size()) +
                " photos could not be read");
  return failed > 0 ? 1 : 0;
}

}  // namespace

void add_predict_command(CLI::App& app, int& status) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Classify photos: one row each");
  command->add_option("model", options->model, "A model.onnx")->required();
  command->add_option("files", options->files, "Photos, or folders of them")->required();
  auto* csv = command->add_flag("--csv", options->csv, "Comma-separated values instead of a table");
  auto* json = command->add_flag(
      "--json", options->json,
      "Everything: probabilities, logits, quality, the lesion's outline and measures, times");
  json->excludes(csv);
  command->add_option("--heatmap", options->heatmap,
                      "Folder for PNGs that show which part of each photo spoke for malignancy");
  command
      ->add_option("--mm-per-pixel", options->mm_per_pixel,
                   "The photos' scale: the lesion's diameter is then in millimetres, too")
      ->check(CLI::Range(1e-6, 1e3))
      ->needs(json);
  command->footer(
      "Examples:\n"
      "  nevus predict run/model.onnx mole.jpg\n"
      "  nevus predict run/model.onnx photos/ --heatmap maps --csv > answers.csv");
  command->callback([options, &status] { status = run_predict(*options); });
}

}  // namespace nevus
