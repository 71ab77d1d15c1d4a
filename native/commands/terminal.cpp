// stdout carries answers, stderr everything about them.
#include "commands/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace nevus {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::size_t text_width(std::string_view utf8) {
  return static_cast<std::size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char ch) { return (ch & 0xC0) != 0x80; }));
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c >= widths.size()) widths.push_back(0);
      widths[c] = std::max(widths[c], text_width(row[c]));
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += row[c];
      if (c + 1 < row.size()) line.append(widths[c] - text_width(row[c]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& ch : out)
    if (static_cast<unsigned char>(ch) < 0x20 || ch == 0x7F) ch = '?';
  return out;
}

void print_error(std::string_view text) {
  std::fprintf(stderr, "nevus: %s\n", printable(text).c_str());
}

void print_warnings(std::string_view source, const std::vector<std::string>& warnings) {
  constexpr std::size_t shown = 10;
  for (std::size_t i = 0; i < std::min(shown, warnings.size()); ++i)
    std::fprintf(stderr, "warning: %s: %s\n", printable(source).c_str(),
                 printable(warnings[i]).c_str());
  if (warnings.size() > shown)
    std::fprintf(stderr, "warning: %s: … and %zu more\n", printable(source).c_str(),
                 warnings.size() - shown);
}

ProgressLine::ProgressLine(std::string what, std::size_t total)
    : what_(std::move(what)),
      total_(total),
      started_(seconds_now()),
      terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (shown_ > 0) std::fprintf(stderr, "\r\x1b[K");
}

void ProgressLine::update(std::size_t done) {
  // A hundred updates are smooth enough, and cost nothing.
  if (!terminal_ || (done < total_ && done < shown_ + std::max<std::size_t>(1, total_ / 100)))
    return;
  shown_ = done;
  const double rate = static_cast<double>(done) / std::max(1e-6, seconds_now() - started_);
  std::fprintf(stderr, "\r%s %zu/%zu, %.0f photos/s, %.0f s left \x1b[K", what_.c_str(), done,
               total_, rate, static_cast<double>(total_ - done) / std::max(1e-6, rate));
  std::fflush(stderr);
}

}  // namespace nevus
