// nevus inspect: what is in a folder of labelled photos, and what to mend before training on it.
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "commands/commands.h"
#include "commands/data_options.h"
#include "commands/terminal.h"
#include "data/csv.h"
#include "files/atomic_file.h"
#include "image_io/photo.h"
#include "inspect/inspection.h"
#include "report/inspection.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

constexpr int kThumbnail = 112;        // pixels, the shorter side
constexpr int kThumbnailQuality = 80;  // libjpeg's scale
constexpr std::size_t kExamples = 24;  // of a class
constexpr std::size_t kShownPairs = 24, kShownLines = 40;

struct InspectOptions {
  DataArguments data;
  std::string out;
  int threads = 0;
};

// What each kind of issue means.
struct Kind {
  const char *title, *advice;
};
const std::map<std::string, Kind> kKinds{
    {"unreadable",
     {"Files that can't be read",
      "They are left out of training. Fetch them again or remove them from the list."}},
    {"contradicting-labels",
     {"The same picture with two labels",
      "One of the labels is wrong: the network would be told both. Ask whoever labelled them."}},
    {"contradicting-lesion",
     {"One lesion, it seems, with two labels",
      "Two photos that look like the same lesion are labelled differently. Look at each pair."}},
    {"duplicate-across-splits",
     {"The same picture in two splits",
      "A test on pictures that were trained on says nothing. Train from groups.csv: no group is "
      "cut, and training photos whose lesion is tested are left out."}},
    {"lesion-across-splits",
     {"One lesion, it seems, in two splits",
      "The test would look better than it is. Train from groups.csv: training photos whose lesion "
      "is tested are left out."}},
    {"duplicate",
     {"The same picture more than once",
      "It counts double in training and in every figure. groups.csv keeps the copies together."}},
    {"same-lesion",
     {"Several photos of one lesion, it seems",
      "Nothing to mend: groups.csv keeps them on one side of every split."}},
};

Jpeg thumbnail(const fs::path& file) {
  const auto photo = read_photo(file, kThumbnail);
  if (!photo) return {};
  const ImageView view = photo->view();
  const cv::Mat pixels(view.height, view.width, CV_8UC(channels(view.format)),
                       const_cast<std::uint8_t*>(view.data), view.stride);
  const double scale =
      std::min(1.0, static_cast<double>(kThumbnail) / std::min(view.width, view.height));
  cv::Mat small;
  cv::resize(pixels, small, cv::Size(), scale, scale, cv::INTER_AREA);
  const ImageView shown{small.data, small.cols, small.rows, small.step[0], view.format};
  auto jpeg = encode_jpeg(shown, kThumbnailQuality);
  return jpeg ? std::move(*jpeg) : Jpeg{};
}

Histogram histogram(const std::string& title, const std::string& unit,
                    const std::vector<double>& values, double low, double high) {
  constexpr std::size_t kBars = 30;
  Histogram out{title, unit, low, (high - low) / kBars, std::vector<std::size_t>(kBars, 0)};
  for (const double value : values) {
    const double at = std::clamp((value - low) / (high - low), 0.0, 0.9999) * kBars;
    ++out.counts[static_cast<std::size_t>(at)];
  }
  return out;
}

InspectionReport report_of(const Dataset& dataset, const Inspection& inspection) {
  InspectionReport report;
  report.title = dataset.root.filename().empty() ? dataset.root.parent_path().filename().string()
                                                 : dataset.root.filename().string();
  report.photos = dataset.samples.size();
  report.readable = inspection.photos.size();
  report.groups = std::set<std::string>(inspection.groups.begin(), inspection.groups.end()).size();
  report.groups_given = dataset.has_groups;
  report.warnings = dataset.warnings;

  std::set<std::string> splits;
  for (const Sample& sample : dataset.samples) splits.insert(sample.split);
  for (std::size_t c = 0; c < dataset.classes.size(); ++c) {
    InspectedClass one;
    one.name = dataset.classes[c];
    std::map<std::string, std::size_t> counts;
    std::vector<std::size_t> members;
    for (const std::size_t i : inspection.readable) {
      if (dataset.samples[i].label == static_cast<int>(c)) members.push_back(i);
    }
    for (const Sample& sample : dataset.samples) {
      if (sample.label != static_cast<int>(c)) continue;
      ++one.photos;
      ++counts[sample.split];
    }
    for (const std::string& split : splits) one.splits.emplace_back(split, counts[split]);
    // Spread over the list, so that the grid shows the variety.
    const std::size_t shown = std::min(kExamples, members.size());
    for (std::size_t k = 0; k < shown; ++k) {
      const Sample& sample = dataset.samples[members[k * members.size() / shown]];
      one.examples.emplace_back(thumbnail(sample.file), sample.name);
    }
    report.classes.push_back(std::move(one));
  }

  std::map<std::string, std::size_t> place;
  for (const Issue& issue : inspection.issues) {
    const auto [entry, is_new] = place.emplace(issue.kind, report.issues.size());
    if (is_new) {
      InspectedIssue one;
      one.severity = static_cast<int>(issue.severity);
      const auto known = kKinds.find(issue.kind);
      one.title = known != kKinds.end() ? known->second.title : issue.detail;
      one.advice =
          known != kKinds.end()
              ? known->second.advice
              : "Photos that the page would refuse to judge. They are trained on all the same.";
      report.issues.push_back(std::move(one));
    }
    InspectedIssue& one = report.issues[entry->second];
    ++one.count;
    const Sample& first = dataset.samples[issue.photo];
    if (issue.other >= 0) {
      if (one.pairs.size() >= kShownPairs) continue;
      const Sample& second = dataset.samples[static_cast<std::size_t>(issue.other)];
      one.pairs.push_back(
          {thumbnail(first.file), thumbnail(second.file), first.name, second.name, issue.detail});
    } else if (one.lines.size() < kShownLines) {
      one.lines.push_back(first.name +
                          (issue.kind == "unreadable" ? ": " + issue.detail : std::string()));
    }
  }

  std::vector<double> brightness, sharpness, aspect;
  std::map<std::pair<int, int>, std::size_t> sizes;
  for (const PhotoFeatures& photo : inspection.photos) {
    brightness.push_back(photo.quality.brightness);
    sharpness.push_back(std::log10(std::max(1.0, photo.quality.sharpness)));
    aspect.push_back(static_cast<double>(photo.width) / photo.height);
    ++sizes[{photo.width, photo.height}];
  }
  report.histograms.push_back(histogram("Brightness", "mean grey value", brightness, 0, 1));
  report.histograms.push_back(
      histogram("Sharpness", "log10 of the Laplacian's variance", sharpness, 0, 4));
  report.histograms.push_back(histogram("Shape", "width / height", aspect, 0.5, 2));
  std::vector<std::pair<std::size_t, std::pair<int, int>>> by_count;
  for (const auto& [size, count] : sizes) by_count.push_back({count, size});
  std::sort(by_count.rbegin(), by_count.rend());
  for (std::size_t i = 0; i < std::min<std::size_t>(12, by_count.size()); ++i) {
    const auto& [count, size] = by_count[i];
    report.sizes.emplace_back(std::to_string(size.first) + " × " + std::to_string(size.second),
                              count);
  }
  return report;
}

int run_inspect(const InspectOptions& options) {
  const auto sources = sources_of(options.data);
  if (!sources) {
    print_error(sources.error().message);
    return 1;
  }
  const auto dataset = load_dataset(*sources, options.data.groups);
  if (!dataset) {
    print_error(dataset.error().message);
    return 1;
  }
  print_warnings(options.data.text(), dataset->warnings);
  const fs::path out = options.out;
  std::error_code code;
  fs::create_directories(out, code);
  if (code) {
    print_error(out.string() + ": can't be made: " + code.message());
    return 1;
  }
  const int threads = options.threads > 0
                          ? options.threads
                          : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::unique_ptr<ProgressLine> line;
  std::string stage;
  const Inspection inspection =
      inspect(*dataset, threads, [&](const char* now, std::size_t done, std::size_t total) {
        if (stage != now) {
          line = std::make_unique<ProgressLine>(now, total);
          stage = now;
        }
        line->update(done);
        return true;
      });
  line.reset();

  std::string issues = "severity,kind,file,other_file,detail\n";
  static constexpr const char* kSeverities[] = {"fix", "look", "note"};
  std::map<std::string, std::size_t> counts;
  for (const Issue& issue : inspection.issues) {
    ++counts[issue.kind];
    issues += std::string(kSeverities[static_cast<int>(issue.severity)]) + "," + issue.kind + "," +
              csv_field(dataset->samples[issue.photo].name) + ",";
    if (issue.other >= 0) {
      issues += csv_field(dataset->samples[static_cast<std::size_t>(issue.other)].name);
    }
    issues += "," + csv_field(issue.detail) + "\n";
  }
  // Paths that work from where groups.csv lies.
  std::string groups = "file,label,group,split\n";
  const fs::path base = fs::weakly_canonical(out, code);
  for (std::size_t i = 0; i < dataset->samples.size(); ++i) {
    const Sample& sample = dataset->samples[i];
    const fs::path file = fs::weakly_canonical(sample.file, code).lexically_relative(base);
    groups += csv_field(file.generic_string()) + "," +
              csv_field(dataset->classes[static_cast<std::size_t>(sample.label)]) + "," +
              inspection.groups[i] + "," + csv_field(sample.split) + "\n";
  }
  const InspectionReport report = report_of(*dataset, inspection);
  for (const auto& written :
       {write_whole(out / "issues.csv", issues), write_whole(out / "groups.csv", groups),
        write_inspection_report(out / "report.html", report)}) {
    if (!written) {
      print_error(written.error().message);
      return 1;
    }
  }

  std::printf("%zu photos, %zu readable, %zu classes, %zu lesions as far as can be told\n",
              report.photos, report.readable, report.classes.size(), report.groups);
  std::vector<std::vector<std::string>> rows{{"", "photos", "found"}};
  for (const InspectedIssue& issue : report.issues) {
    rows.push_back({issue.severity == 0   ? "mend"
                    : issue.severity == 1 ? "look"
                                          : "note",
                    std::to_string(issue.count), issue.title});
  }
  std::printf("%s", format_table(rows).c_str());
  std::printf("wrote %s, issues.csv, groups.csv (train from it: nevus train %s --out RUN)\n",
              (out / "report.html").string().c_str(), (out / "groups.csv").string().c_str());
  return 0;
}

}  // namespace

void add_inspect_command(CLI::App& app, int& status) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command =
      app.add_subcommand("inspect", "Look for what is wrong with a set of labelled photos");
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  command->add_option("--out", options->out, "Folder for report.html, issues.csv, groups.csv")
      ->option_text("DIR")
      ->required();
  command->add_option("--threads", options->threads, "Threads; 0: one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->footer(
      "Finds files that can't be read, copies (also turned, flipped, resized or stored again),\n"
      "photos that seem to show one lesion, labels that contradict each other, and whatever of\n"
      "that lies across train and test.\n"
      "Examples:\n"
      "  nevus inspect photos/ --out inspection\n"
      "  nevus inspect labels.csv --label-column dx --out inspection\n"
      "  nevus inspect clinic-a/ clinic-b/labels.csv --map 2:naevus=benign --out inspection\n"
      "  nevus train inspection/groups.csv --out run      no lesion on both sides");
  command->callback([options, &status] { status = run_inspect(*options); });
}

}  // namespace nevus
