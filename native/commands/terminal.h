// What several commands print alike: aligned tables, a progress line, one-line errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nevus {

inline constexpr std::string_view kNotice = "Research and education; not a diagnosis.";

/// Columns of a table's text in a terminal: code points, which is right for the scripts that we
/// print.
std::size_t text_width(std::string_view utf8);

/// Lines of cells, first the header; columns are padded to the widest cell, the last one is not.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

/// Control characters (a file's name may hold any) become '?': one line stays one line.
std::string printable(std::string_view text);

/// "nevus: TEXT" on stderr.
void print_error(std::string_view text);

/// Prints the first ten warnings and counts the rest, on stderr.
void print_warnings(std::string_view source, const std::vector<std::string>& warnings);

/// A counter that rewrites itself on a terminal's stderr and is silent elsewhere.
class ProgressLine {
 public:
  ProgressLine(std::string what, std::size_t total);
  ~ProgressLine();
  void update(std::size_t done);

 private:
  std::string what_;
  std::size_t total_, shown_ = 0;
  double started_;
  bool terminal_;
};

}  // namespace nevus
