// CLI11's own help names C++ types, repeats ranges and never wraps; people want an example, the
// default, and lines that fit.
#include "commands/help.h"

#include <sstream>

#include "commands/terminal.h"

namespace nevus {
namespace {

constexpr std::size_t kColumn = 34, kWidth = 100;

}  // namespace

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string text = "  " + make_option_name(option, is_positional);
  // "-h,--help" reads as one word.
  if (const std::size_t comma = text.find(','); comma != std::string::npos) {
    text.insert(comma + 1, " ");
  }
  text += make_option_opts(option);
  const std::string indent(kColumn, ' ');
  std::size_t at = text_width(text);
  text += at + 2 > kColumn ? "\n" + indent : std::string(kColumn - at, ' ');
  at = kColumn;
  // What may also stand without its name is explained where it does.
  std::istringstream words(!is_positional && option->get_positional()
                               ? "The same by name; may be repeated"
                               : make_option_desc(option));
  for (std::string word; words >> word;) {
    if (at > kColumn && at + 1 + text_width(word) > kWidth) {
      text += "\n" + indent;
      at = kColumn;
    }
    if (at > kColumn) {
      text += " ";
      ++at;
    }
    text += word;
    at += text_width(word);
  }
  return text + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_name();
  const std::string standard = option->get_default_str();
  std::string text;
  if (!option->get_option_text().empty()) {
    text = " " + option->get_option_text();
  } else if (!type.empty()) {  // a flag has none
    const std::size_t set = type.find('{');
    if (set != std::string::npos && type.back() == '}') {  // one of a few words
      text = " " + type.substr(set + 1, type.size() - set - 2);
      for (char& ch : text) ch = ch == ',' ? '|' : ch;
    } else if (type.rfind("INT", 0) == 0 || type.rfind("UINT", 0) == 0) {
      text = " N";
    } else if (type.rfind("FLOAT", 0) == 0) {
      text = " X";
    } else {
      text = " TEXT";
    }
  }
  if (!standard.empty()) text += " [" + standard + "]";
  if (option->get_required()) text += " (required)";
  return text;
}

}  // namespace nevus
