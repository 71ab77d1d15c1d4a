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

Result<Dataset> finish(Dataset dataset, Gathered gathered) {
  const fs::path& data = dataset.root;
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
    sample.name = fs::relative(it->path(), root, code).generic_string();
    sample.group = sample.name;
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

Result<bool> load_folder(const fs::path& data, Dataset& dataset, Gathered& gathered) {
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
  return true;
}

Result<Csv> read_csv(const fs::path& data) {
  const std::string name = data.string();
  std::error_code code;
  const std::uintmax_t size = fs::file_size(data, code);
  if (code) return Error{name + ": can't be read: " + code.message(), ""};
  if (size > kMaxCsvBytes) return Error{name + ": larger than 256 MiB", ""};
  std::ifstream in(data, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in) return Error{name + ": can't be read", ""};
  auto csv = parse_csv(text);
  if (!csv) return Error{name + ": " + csv.error().message, ""};
  return csv;
}

Result<bool> load_csv(const fs::path& data, const DatasetOptions& options, Dataset& dataset,
                      Gathered& gathered) {
  const std::string name = data.string();
  std::error_code code;
  const auto csv = read_csv(data);
  if (!csv) return csv.error();
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
  std::vector<std::size_t> where, keep;
  for (const Condition& condition : options.where) {
    where.push_back(csv->column(condition.column));
    if (where.back() == Csv::npos) return missing(condition.column);
  }
  for (const std::string& column : options.keep) {
    keep.push_back(csv->column(column));
    if (keep.back() == Csv::npos) return missing(column);
  }

  dataset.has_groups = dataset.has_groups || group != Csv::npos;
  bool any_wanted = false;
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
    for (std::size_t i = 0; i < where.size(); ++i)
      wanted = wanted &&
               (trimmed(row.fields[where[i]]) == options.where[i].value) == options.where[i].equal;
    if (!wanted) continue;
    any_wanted = true;
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
    std::string relative = sample.file.lexically_relative(folder).generic_string();
    sample.name = relative.empty() ? sample.file.generic_string() : relative;
    for (const std::size_t column : keep) sample.kept.push_back(trimmed(row.fields[column]));
    if (split != Csv::npos) sample.split = split_word(row.fields[split]);
    gathered.add(std::move(sample), text_label);
  }
  if (csv->rows.empty()) return Error{name + ": no rows", ""};
  if (!any_wanted && !where.empty()) return Error{name + ": no row is left by --where", ""};
  return true;
}

Result<bool> gather(const Source& source, Dataset& dataset, Gathered& gathered) {
  const fs::path& data = source.path;
  std::error_code code;
  const fs::file_status status = fs::status(data, code);
  if (!fs::exists(status)) return Error{data.string() + ": no such file or folder", ""};
  if (fs::is_regular_file(status)) return load_csv(data, source.options, dataset, gathered);
  if (!fs::is_directory(status))
    return Error{data.string() + ": neither a folder nor a CSV file", ""};
  if (fs::is_regular_file(data / "labels.csv", code))
    return load_csv(data / "labels.csv", source.options, dataset, gathered);
  if (!source.options.where.empty() || !source.options.keep.empty())
    return Error{data.string() + ": is a folder; columns can be named for a CSV file only", ""};
  return load_folder(data, dataset, gathered);
}

// Lesions for the test split: the first eight bytes of the name's SHA-256, as a share of all
// values.
void hold_out(double share, std::vector<Sample>& samples) {
  if (share <= 0) return;
  for (Sample& sample : samples) {
    if (!sample.split.empty()) continue;
    Sha256 hash;
    hash.update({reinterpret_cast<const std::uint8_t*>(sample.group.data()), sample.group.size()});
    const auto digest = hash.finish();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest[i];
    if (static_cast<double>(value >> 11) * 0x1.0p-53 < share) sample.split = "test";
  }
}

// Renames the labels; says which names of the map nobody has.
void apply_map(const Source& source, Gathered& gathered, Dataset& dataset) {
  if (source.options.map.empty()) return;
  Gathered kept;
  std::set<std::string> met;
  for (std::size_t i = 0; i < gathered.samples.size(); ++i) {
    const auto at = source.options.map.find(gathered.labels[i]);
    if (at != source.options.map.end()) met.insert(at->first);
    const std::string& label = at == source.options.map.end() ? gathered.labels[i] : at->second;
    if (!label.empty()) kept.add(std::move(gathered.samples[i]), label);
  }
  for (const auto& [label, name] : source.options.map)
    if (met.count(label) == 0)
      dataset.warnings.push_back(source.path.string() + ": no photo has the label '" + label +
                                 "' that is mapped to '" + name + "'");
  gathered = std::move(kept);
}

// Lesions that share a group in the file become one.
Result<bool> join_groups(const fs::path& file, std::vector<Sample>& samples) {
  const auto csv = read_csv(file);
  if (!csv) return csv.error();
  const std::size_t name = csv->column("file"), group = csv->column("group");
  if (name == Csv::npos || group == Csv::npos)
    return Error{file.string() + ": needs the columns file and group", ""};
  std::error_code code;
  const fs::path folder = file.parent_path();
  std::map<std::string, std::string> given;  // photo -> group
  for (const CsvRow& row : csv->rows)
    if (row.fields.size() == csv->header.size())
      given[fs::weakly_canonical(folder / trimmed(row.fields[name]), code).string()] =
          trimmed(row.fields[group]);
  std::map<std::string, std::string> parent;
  const auto root = [&](std::string key) {
    while (parent.emplace(key, key).first->second != key) key = parent[key];
    return key;
  };
  std::size_t matched = 0;
  for (const Sample& sample : samples) {
    const auto at = given.find(fs::weakly_canonical(sample.file, code).string());
    if (at == given.end() || at->second.empty()) continue;
    ++matched;
    const std::string a = root("own " + sample.group), b = root("given " + at->second);
    // The smaller name leads: the result does not depend on the order of the photos.
    if (a != b) parent[std::max(a, b)] = std::min(a, b);
  }
  if (matched == 0)
    return Error{file.string() + ": names none of the photos; its paths count from its folder", ""};
  for (Sample& sample : samples) sample.group = root("own " + sample.group);
  return true;
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
  return load_dataset(std::vector<Source>{{data, options}});
}

Result<Dataset> load_dataset(const std::vector<Source>& sources, const fs::path& groups_file) {
  if (sources.empty()) return Error{"no photos are named", ""};
  Dataset dataset;
  dataset.root = sources.front().path;
  Gathered all;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Gathered one;
    const auto gathered = gather(sources[i], dataset, one);
    if (!gathered) return gathered.error();
    apply_map(sources[i], one, dataset);
    if (one.samples.empty()) return nothing_usable(sources[i].path, dataset, "no photos");
    hold_out(sources[i].options.test_share, one.samples);
    for (std::size_t k = 0; k < one.samples.size(); ++k) {
      Sample& sample = one.samples[k];
      sample.source = static_cast<int>(i);
      if (sources.size() > 1) {
        sample.name = std::to_string(i + 1) + "/" + sample.name;
        sample.group = std::to_string(i + 1) + ":" + sample.group;
      }
      all.add(std::move(sample), std::move(one.labels[k]));
    }
  }
  if (!groups_file.empty()) {
    const auto joined = join_groups(groups_file, all.samples);
    if (!joined) return joined.error();
    dataset.has_groups = true;
  }
  return finish(std::move(dataset), std::move(all));
}

std::string dataset_hash(const Dataset& dataset) {
  Sha256 hash;
  for (const Sample& sample : dataset.samples) {
    std::string line = sample.name;
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

std::vector<std::string> classes_of_label(const std::string& label) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= label.size();) {
    const std::size_t end = std::min(label.find('|', begin), label.size());
    names.push_back(trimmed(std::string_view(label).substr(begin, end - begin)));
    begin = end + 1;
  }
  return names;
}

bool is_malignant_label(const std::string& label) {
  if (const auto names = classes_of_label(label); names.size() > 1)
    return std::all_of(names.begin(), names.end(), is_malignant_label);
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
