// Turns a folder or a CSV into a list of labelled photos; the photos themselves stay closed.
#include "data/dataset.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <optional>
#include <set>
#include <string_view>

#include "data/csv.h"
#include "nevus/sha256.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

constexpr std::uintmax_t kMaxCsvBytes = 256u << 20;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& ch : out) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return out;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// The split that a folder's or a CSV's word means; other words stay as they are.
std::string split_word(const std::string& text) {
  const std::string word = lower(trimmed(text));
  if (word == "train" || word == "training") return "train";
  if (word == "val" || word == "valid" || word == "validation" || word == "dev") return "val";
  if (word == "test" || word == "testing") return "test";
  return trimmed(text);
}

bool hidden(const fs::path& path) {
  return path.filename().string().starts_with(".");
}

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.is_directory(code) && !hidden(entry.path())) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

// Gathers samples with label texts; indices are given out once all labels are known.
struct Gathered {
  std::vector<Sample> samples;
  std::vector<std::string> labels;
  void add(Sample sample, std::string label) {
    samples.push_back(std::move(sample));
    labels.push_back(std::move(label));
  }
};

Error nothing_usable(const fs::path& data, const Dataset& dataset, const std::string& what) {
  std::string message = data.string() + ": " + what;
  if (!dataset.warnings.empty()) {
    message += " (" + dataset.warnings.front();
    if (dataset.warnings.size() > 1)
      message += ", and " + std::to_string(dataset.warnings.size() - 1) + " more";
    message += ")";
  }
  return Error{message, ""};
}

// Groups that lie in two splits make the test score look better than it is.
void warn_of_straddling_groups(Dataset& dataset) {
  if (!dataset.has_groups) return;
  std::map<std::string, std::map<std::string, std::size_t>> photos;  // group -> split -> count
  for (const Sample& sample : dataset.samples)
    if (!sample.split.empty()) ++photos[sample.group][sample.split];
  std::map<std::string, std::size_t> affected;
  for (const auto& [group, splits] : photos)
    if (splits.size() > 1)
      for (const auto& [split, count] : splits) affected[split] += count;
  for (const auto& [split, count] : affected)
    if (split != "train")
      dataset.warnings.push_back(std::to_string(count) + " photos of split '" + split +
                                 "' show a lesion that another split shows too");
}

Result<Dataset> finish(Dataset dataset, Gathered gathered, const fs::path& data) {
  std::set<std::string> names(gathered.labels.begin(), gathered.labels.end());
  if (gathered.samples.empty()) return nothing_usable(data, dataset, "no photos");
  dataset.classes.assign(names.begin(), names.end());
  std::vector<std::size_t> counts(dataset.classes.size(), 0);
  for (std::size_t i = 0; i < gathered.samples.size(); ++i) {
    const auto it =
        std::lower_bound(dataset.classes.begin(), dataset.classes.end(), gathered.labels[i]);
    const auto index = static_cast<std::size_t>(it - dataset.classes.begin());
    gathered.samples[i].label = static_cast<int>(index);
    ++counts[index];
  }
  if (dataset.classes.size() < 2)
    return nothing_usable(data, dataset,
                          "only one class, '" + dataset.classes[0] + "'; at least two are needed");
  for (std::size_t c = 0; c < counts.size(); ++c)
    if (counts[c] < 2)
      return nothing_usable(
          data, dataset,
          "class '" + dataset.classes[c] + "' has one photo; at least two are needed");
  std::stable_sort(gathered.samples.begin(), gathered.samples.end(),
                   [](const Sample& a, const Sample& b) { return a.file < b.file; });
  dataset.samples = std::move(gathered.samples);
  warn_of_straddling_groups(dataset);
  return dataset;
}

void gather_class(const fs::path& root, const fs::path& folder, const std::string& split,
                  Gathered& gathered, Dataset& dataset) {
  const std::string label = folder.filename().string();
  std::size_t photos = 0;
  std::map<std::string, std::size_t> others;  // extension -> files left out
  std::error_code code;
  for (auto it = fs::recursive_directory_iterator(
           folder, fs::directory_options::skip_permission_denied, code);
       it != fs::recursive_directory_iterator(); it.increment(code)) {
    if (code) break;
    if (hidden(it->path())) {
      if (it->is_directory(code)) it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file(code)) continue;
    if (!is_photo_file(it->path())) {
      ++others[lower(it->path().extension().string())];
      continue;
    }
    ++photos;
    Sample sample;
    sample.file = it->path();
    sample.group = fs::relative(it->path(), root, code).generic_string();
    sample.split = split;
    gathered.add(std::move(sample), label);
  }
  for (const auto& [extension, count] : others)
    dataset.warnings.push_back(
        folder.string() + ": " + std::to_string(count) +
        (extension.empty() ? " files without an extension" : " " + extension + " files") +
        " left out: no photos");
  if (photos == 0) dataset.warnings.push_back(folder.string() + ": a folder without photos");
}

Result<Dataset> load_folder(const fs::path& data) {
  Dataset dataset;
  dataset.root = data;
  Gathered gathered;
  const auto folders = subfolders(data);
  const bool split_layout = std::any_of(folders.begin(), folders.end(), [](const fs::path& folder) {
    const std::string word = split_word(folder.filename().string());
    return word == "train" || word == "val" || word == "test";
  });
  for (const fs::path& folder : folders) {
    const std::string word = split_word(folder.filename().string());
    if (!split_layout) {
      gather_class(data, folder, "", gathered, dataset);
    } else if (word == "train" || word == "val" || word == "test") {
      const auto classes = subfolders(folder);
      if (classes.empty())
        dataset.warnings.push_back(folder.string() + ": a folder without class folders");
      for (const fs::path& one : classes) gather_class(data, one, word, gathered, dataset);
    } else {
      dataset.warnings.push_back(folder.string() + ": left out: neither train, val nor test");
    }
  }
  std::error_code code;
  for (const char* name : {"groups.csv", "metadata.csv"})
    if (fs::exists(data / name, code))
      dataset.warnings.push_back(
          (data / name).string() +
          " is not used; give it instead of the folder to keep lesions together");
  if (folders.empty())
    return Error{data.string() + ": no photos: a folder for each class is needed", ""};
  return finish(std::move(dataset), std::move(gathered), data);
}

Result<Dataset> load_csv(const fs::path& data, const DatasetOptions& options) {
  const std::string name = data.string();
  std::error_code code;
  const std::uintmax_t size = fs::file_size(data, code);
  if (code) return Error{name + ": can't be read: " + code.message(), ""};
  if (size > kMaxCsvBytes) return Error{name + ": larger than 256 MiB", ""};
  std::ifstream in(data, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in) return Error{name + ": can't be read", ""};
  const auto csv = parse_csv(text);
  if (!csv) return Error{name + ": " + csv.error().message, ""};

  const auto missing = [&](const std::string& column) {
    std::string known;
    for (const std::string& one : csv->header) known += (known.empty() ? "" : ", ") + one;
    if (known.size() > 200) known = known.substr(0, 200) + "…";
    return Error{name + ": no column '" + column + "' (it has: " + known + ")", ""};
  };
  const std::size_t image = csv->column(options.image_column);
  if (image == Csv::npos) return missing(options.image_column);
  const std::size_t label = csv->column(options.label_column);
  if (label == Csv::npos) return missing(options.label_column);
  std::size_t group = Csv::npos;
  if (!options.group_column.empty()) {
    group = csv->column(options.group_column);
    if (group == Csv::npos) return missing(options.group_column);
  } else {
    group = csv->column("group");
    if (group == Csv::npos) group = csv->column("lesion_id");
  }
  const std::size_t split = csv->column(options.split_column);
  if (split == Csv::npos && options.split_column != DatasetOptions{}.split_column)
    return missing(options.split_column);
  std::vector<std::pair<std::size_t, std::string>> where;
  for (const auto& [column, value] : options.where) {
    where.emplace_back(csv->column(column), value);
    if (where.back().first == Csv::npos) return missing(column);
  }

  Dataset dataset;
  dataset.root = data;
  dataset.has_groups = group != Csv::npos;
  Gathered gathered;
  std::map<fs::path, std::string> seen;  // file -> label
  const fs::path folder = data.parent_path();
  for (const CsvRow& row : csv->rows) {
    const auto warn = [&](const std::string& what) {
      dataset.warnings.push_back("line " + std::to_string(row.line) + ": " + what);
    };
    if (row.fields.size() != csv->header.size()) {
      warn(std::to_string(row.fields.size()) + " fields instead of " +
           std::to_string(csv->header.size()));
      continue;
    }
    bool wanted = true;
    for (const auto& [column, value] : where)
      wanted = wanted && trimmed(row.fields[column]) == value;
    if (!wanted) continue;
    const std::string file = trimmed(row.fields[image]);
    const std::string text_label = trimmed(row.fields[label]);
    if (file.empty() || text_label.empty()) {
      warn(file.empty() ? "no file" : "'" + file + "' has no label");
      continue;
    }
    Sample sample;
    sample.file = (folder / file).lexically_normal();
    if (!fs::is_regular_file(sample.file, code)) {
      warn("'" + file + "' is not there");
      continue;
    }
    const auto [earlier, fresh] = seen.emplace(sample.file, text_label);
    if (!fresh) {
      warn("'" + file + "' is listed twice" +
           (earlier->second == text_label ? "" : ", with two labels"));
      continue;
    }
    if (group != Csv::npos) sample.group = trimmed(row.fields[group]);
    if (sample.group.empty()) sample.group = file;
    if (split != Csv::npos) sample.split = split_word(row.fields[split]);
    gathered.add(std::move(sample), text_label);
  }
  if (csv->rows.empty()) return Error{name + ": no rows", ""};
  if (gathered.samples.empty() && dataset.warnings.empty() && !where.empty())
    return Error{name + ": no row is left by --where", ""};
  return finish(std::move(dataset), std::move(gathered), data);
}

}  // namespace

bool is_photo_file(const fs::path& path) {
  // GIF, AVIF and HEIC are listed although they can't be read: a photo that is left out must be
  // named.
  static constexpr std::array<std::string_view, 12> known{".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                          ".png",  ".webp", ".bmp",  ".tif",
                                                          ".tiff", ".gif",  ".avif", ".heic"};
  const std::string extension = lower(path.extension().string());
  return std::find(known.begin(), known.end(), extension) != known.end();
}

std::vector<Sample> Dataset::of_split(const std::string& split) const {
  std::vector<Sample> out;
  for (const Sample& sample : samples)
    if (sample.split == split) out.push_back(sample);
  return out;
}

Result<Dataset> load_dataset(const fs::path& data, const DatasetOptions& options) {
  std::error_code code;
  const fs::file_status status = fs::status(data, code);
  if (!fs::exists(status)) return Error{data.string() + ": no such file or folder", ""};
  if (fs::is_directory(status)) {
    if (fs::is_regular_file(data / "labels.csv", code))
      return load_csv(data / "labels.csv", options);
    if (!options.where.empty())
      return Error{data.string() + ": is a folder; --where needs a CSV file", ""};
    return load_folder(data);
  }
  if (!fs::is_regular_file(status))
    return Error{data.string() + ": neither a folder nor a CSV file", ""};
  return load_csv(data, options);
}

std::string dataset_hash(const Dataset& dataset) {
  Sha256 hash;
  std::error_code code;
  const fs::path base =
      fs::is_directory(dataset.root, code) ? dataset.root : dataset.root.parent_path();
  for (const Sample& sample : dataset.samples) {
    std::string line = sample.file.lexically_relative(base).generic_string();
    if (line.empty()) line = sample.file.generic_string();
    // Tabs and line ends can't be confused with what is inside: such names are never split again.
    line += '\t' + dataset.classes[static_cast<std::size_t>(sample.label)] + '\t' + sample.group +
            '\t' + sample.split + '\n';
    hash.update({reinterpret_cast<const std::uint8_t*>(line.data()), line.size()});
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : hash.finish()) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  return hex;
}

bool is_malignant_label(const std::string& label) {
  // ISIC's and HAM10000's diagnoses; akiec counts as malignant there (carcinoma in situ).
  static const std::set<std::string> known{"malignant",
                                           "malign",
                                           "cancer",
                                           "mel",
                                           "melanoma",
                                           "melanoma in situ",
                                           "lentigo maligna",
                                           "bcc",
                                           "basal cell carcinoma",
                                           "akiec",
                                           "ak",
                                           "actinic keratosis",
                                           "actinic keratoses",
                                           "bowen",
                                           "bowen's disease",
                                           "bowens disease",
                                           "scc",
                                           "squamous cell carcinoma",
                                           "merkel cell carcinoma",
                                           "kaposi sarcoma"};
  std::string text = lower(trimmed(label));
  std::replace_if(
      text.begin(), text.end(), [](char ch) { return ch == '_' || ch == '-'; }, ' ');
  return known.count(text) != 0;
}

}  // namespace nevus
