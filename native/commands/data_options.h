// The options by which commands name photos: sources, columns, conditions, label mappings.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "nevus/result.h"

namespace nevus {

/// As typed. A text may begin with "N:", the number of the source that it is for (from 1).
struct DataArguments {
  std::vector<std::string> data;
  std::vector<std::string> image_column, label_column, group_column, split_column;
  std::vector<std::string> where, map, test_share;
  std::string groups;

  /// The sources, for people.
  std::string text() const;
};

/// Adds DATA (also --data) and the options of its columns.
/// @param group  heading in --help; empty: among the others
void add_data_options(CLI::App& command, DataArguments& arguments, const std::string& group = "");

/// The error names the option.
Result<std::vector<Source>> sources_of(const DataArguments& arguments);

}  // namespace nevus
