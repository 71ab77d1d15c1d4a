// Labelled photos: a folder per class, train/val/test folders of such, a CSV, or a folder that
// holds a labels.csv.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nevus/result.h"

namespace nevus {

/// A column has, or has not, this value.
struct Condition {
  std::string column, value;
  bool equal = true;
};

struct DatasetOptions {
  std::string image_column = "file";
  std::string label_column = "label";
  std::string group_column;            ///< empty: `group`, else `lesion_id`, where the CSV has it
  std::string split_column = "split";  ///< used where the CSV has it
  std::vector<Condition> where;        ///< only rows that meet all of them
  std::map<std::string, std::string> map;  ///< label text -> class; an empty class leaves out
  std::vector<std::string> keep;           ///< further columns, to Sample::kept
  /// Share of the lesions that become split "test", 0..1, unless the source marks a split for them.
  /// A lesion is chosen by the hash of its name alone: the same ones whatever else is left out or
  /// added, and whatever the seed of a training.
  double test_share = 0;
};

/// A folder or a CSV, and how it is to be read.
struct Source {
  std::filesystem::path path;
  DatasetOptions options;
};

struct Sample {
  std::filesystem::path file;     ///< as it can be opened
  int label = 0;                  ///< index into Dataset::classes
  std::string group;              ///< photos of one lesion; the file's name where nothing says
  std::string split;              ///< "train", "val", "test" or empty
  int source = 0;                 ///< index of its source
  std::string name;               ///< path within its source; after "N/" where there are several
  std::vector<std::string> kept;  ///< values of DatasetOptions::keep
};

struct Dataset {
  std::filesystem::path root;         ///< the first source's folder, or CSV file
  std::vector<std::string> classes;   ///< label texts, sorted
  std::vector<Sample> samples;        ///< sorted by file
  bool has_groups = false;            ///< a column said which photos show one lesion
  std::vector<std::string> warnings;  ///< one line each: rows and files left out, and why

  /// Samples of one split.
  std::vector<Sample> of_split(const std::string& split) const;
};

/// Reads the list, not the photos. Rows whose file is missing are left out with a warning that
/// names row and file; an error where nothing usable is left, a column is absent, or a class has
/// fewer than two photos.
Result<Dataset> load_dataset(const std::filesystem::path& data, const DatasetOptions& options = {});

/// Several sources as one list: classes of one name are one class, lesions of different sources
/// differ unless `groups_file` joins them.
/// @param groups_file  a CSV with `file` and `group` (as `nevus inspect` writes it), or empty:
/// photos
///                     of one group there are of one lesion here
Result<Dataset> load_dataset(const std::vector<Source>& sources,
                             const std::filesystem::path& groups_file = {});

/// SHA-256 over (relative path, label, group, split) lines: says whether two runs saw the same
/// list.
std::string dataset_hash(const Dataset& dataset);

/// Does the name end like a photo's (also formats that read_photo() refuses, so that they are
/// named)?
bool is_photo_file(const std::filesystem::path& path);

/// The classes that a label names: "mel|bcc" is one of two, nobody knows which.
std::vector<std::string> classes_of_label(const std::string& label);

/// Is this label text a malignant diagnosis (of several, are all)? Known: malignant, mel, melanoma,
/// bcc, akiec, scc, … and their long names, case-insensitively.
bool is_malignant_label(const std::string& label);

}  // namespace nevus
