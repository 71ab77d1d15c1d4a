// CLI11's own help names C++ types and repeats ranges; people want an example and the default.
#include "commands/help.h"

namespace nevus {

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_name();
  const std::string standard = option->get_default_str();
  std::string text;
  if (!option->get_option_text().empty()) {
    text = " " + option->get_option_text();
  } else if (option->get_type_size() != 0) {
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
