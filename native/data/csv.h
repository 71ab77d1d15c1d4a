// Reads comma-separated text (RFC 4180), as spreadsheets and Python write it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "nevus/result.h"

namespace nevus {

struct CsvRow {
  std::size_t line = 0;  ///< where it starts in the text, from 1
  std::vector<std::string> fields;
};

struct Csv {
  std::vector<std::string> header;  ///< without blanks around the names
  std::vector<CsvRow> rows;

  /// Index of a column, or npos.
  std::size_t column(std::string_view name) const;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// Quoted fields, doubled quotes, CR LF or LF, a byte order mark, empty lines. The separator is the
/// one of comma, semicolon and tab that the header holds most of. Errors: empty, binary data, a
/// quote that never closes (names its line).
Result<Csv> parse_csv(std::string_view text);

/// A field as parse_csv() reads it back: quoted where it has to be.
std::string csv_field(std::string_view text);

}  // namespace nevus
