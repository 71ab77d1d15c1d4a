// A one-pass state machine; Debian 12 packages no C++ CSV reader that keeps line numbers.
#include "data/csv.h"

#include <algorithm>

namespace nevus {
namespace {

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

std::size_t Csv::column(std::string_view name) const {
  const auto it = std::find(header.begin(), header.end(), name);
  return it == header.end() ? npos : static_cast<std::size_t>(it - header.begin());
}

Result<Csv> parse_csv(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.find('\0') != std::string_view::npos) return Error{"not a text file", ""};
  const std::string_view first_line = text.substr(0, text.find_first_of("\r\n"));
  char separator = ',';
  for (const char candidate : {';', '\t'})
    if (std::count(first_line.begin(), first_line.end(), candidate) >
        std::count(first_line.begin(), first_line.end(), separator))
      separator = candidate;

  Csv csv;
  std::vector<std::string> fields;
  std::string field;
  std::size_t line = 1, row_line = 1;
  bool any = false;  // something of this row was seen, be it only a quote
  const auto end_row = [&] {
    if (any || !fields.empty()) {
      fields.push_back(std::move(field));
      if (csv.header.empty()) {
        for (const std::string& name : fields) csv.header.push_back(trimmed(name));
      } else {
        csv.rows.push_back({row_line, std::move(fields)});
      }
    }
    fields.clear();
    field.clear();
    any = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char ch = text[i];
    if (ch == '"' && field.empty()) {
      const std::size_t opened = line;
      any = true;
      bool closed = false;
      for (++i; i < text.size(); ++i) {
        if (text[i] == '"') {
          if (i + 1 < text.size() && text[i + 1] == '"') {
            field += '"';
            ++i;
            continue;
          }
          closed = true;
          break;
        }
        if (text[i] == '\n') ++line;
        field += text[i];
      }
      if (!closed) return Error{"line " + std::to_string(opened) + ": a quote is never closed", ""};
    } else if (ch == separator) {
      fields.push_back(std::move(field));
      field.clear();
      any = true;
    } else if (ch == '\n' || ch == '\r') {
      end_row();
      if (ch == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      row_line = ++line;
    } else {
      field += ch;
      any = true;
    }
  }
  end_row();
  if (csv.header.empty()) return Error{"empty", ""};
  return csv;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",;\t\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char ch : text) {
    if (ch == '"') quoted += '"';
    quoted += ch;
  }
  return quoted + '"';
}

}  // namespace nevus
