// The page that `nevus inspect` leaves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nevus/result.h"
#include "report/histogram.h"

namespace nevus {

using Jpeg = std::vector<std::uint8_t>;

struct InspectedClass {
  std::string name;
  std::size_t photos = 0;
  std::vector<std::pair<std::string, std::size_t>> splits;  ///< photos in each
  std::vector<std::pair<Jpeg, std::string>> examples;       ///< thumbnail, file
};

/// Two photos side by side.
struct InspectedPair {
  Jpeg first, second;  ///< thumbnails
  std::string first_name, second_name, detail;
};

/// A kind of issue: what it is, why it matters, examples.
struct InspectedIssue {
  int severity = 0;  ///< 0: fix before training, 1: look at, 2: good to know
  std::string title, advice;
  std::size_t count = 0;
  std::vector<InspectedPair> pairs;  ///< the first few
  std::vector<std::string> lines;    ///< the first few, where there are no pictures
};

struct InspectionReport {
  std::string title;  ///< the data's name
  std::size_t photos = 0, readable = 0, groups = 0;
  bool groups_given = false;  ///< by a column of the data
  std::vector<InspectedClass> classes;
  std::vector<InspectedIssue> issues;  ///< the gravest first
  std::vector<Histogram> histograms;
  std::vector<std::pair<std::string, std::size_t>> sizes;  ///< "600 x 450", photos; most first
  std::vector<std::string> warnings;                       ///< of the list itself
};

/// Writes the page atomically. The error names the file.
Result<bool> write_inspection_report(const std::filesystem::path& path,
                                     const InspectionReport& report);

}  // namespace nevus
