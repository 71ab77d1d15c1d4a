// Texts of the command line to sources.
#include "commands/data_options.h"

#include <cctype>
#include <cstdlib>

namespace nevus {
namespace {

// "2:nv=benign" is for source 2, "nv=benign" for every source (number 0).
std::pair<std::size_t, std::string> addressed(const std::string& text) {
  std::size_t digits = 0, number = 0;
  while (digits < text.size() && digits < 4 &&
         std::isdigit(static_cast<unsigned char>(text[digits])))
    number = number * 10 + static_cast<std::size_t>(text[digits++] - '0');
  if (digits == 0 || digits >= text.size() || text[digits] != ':') return {0, text};
  return {number, text.substr(digits + 1)};
}

// Does `use` with each text that is for source `n` (from 1); those for one source come last and
// win.
template <typename Use>
Result<bool> each(const std::vector<std::string>& texts, const char* option, std::size_t n,
                  std::size_t sources, const Use& use) {
  for (const bool own : {false, true})
    for (const std::string& text : texts) {
      const auto [number, rest] = addressed(text);
      const std::string at = std::string(option) + " " + text + ": ";
      if (number > sources) return Error{at + "there is no source " + std::to_string(number), ""};
      if (own ? number != n : number != 0) continue;
      Result<bool> used = use(rest, at);
      if (!used) return used;
    }
  return true;
}

}  // namespace

std::string DataArguments::text() const {
  std::string all;
  for (const std::string& one : data) all += (all.empty() ? "" : " + ") + one;
  return all;
}

void add_data_options(CLI::App& command, DataArguments& arguments, const std::string& group) {
  command
      .add_option("data,--data", arguments.data,
                  "A folder per class; or train/ (val/, test/) folders of such; or a CSV; or a "
                  "folder that holds labels.csv. Several are taken together")
      ->option_text("DATA")
      ->allow_extra_args();
  const auto add = [&](const char* name, std::vector<std::string>& to, const char* help,
                       const char* text) {
    auto* option = command.add_option(name, to, help)->option_text(text)->allow_extra_args(false);
    if (!group.empty()) option->group(group);
  };
  add("--image-column", arguments.image_column, "CSV column of the photo's path [file]",
      "[N:]COLUMN");
  add("--label-column", arguments.label_column, "CSV column of the class [label]", "[N:]COLUMN");
  add("--group-column", arguments.group_column, "CSV column of the lesion [group, else lesion_id]",
      "[N:]COLUMN");
  add("--split-column", arguments.split_column, "CSV column with train, val or test [split]",
      "[N:]COLUMN");
  add("--where", arguments.where,
      "Only rows that have this value, or (!=) have not; may be repeated. N: for source N alone",
      "[N:]COLUMN=VALUE");
  add("--map", arguments.map,
      "Photos of this label are of that class; LABEL= leaves them out; LABEL=A|B: of one of these "
      "classes; may be repeated",
      "[N:]LABEL=CLASS");
  add("--test-share", arguments.test_share,
      "Lesions that are held out as split test, 0 to 0.9; by their names alone, so always the same "
      "ones",
      "[N:]SHARE");
  auto* groups = command.add_option("--groups", arguments.groups,
                                    "Photos of one group in this CSV (of nevus inspect) show one "
                                    "lesion");
  groups->option_text("FILE");
  if (!group.empty()) groups->group(group);
}

Result<std::vector<Source>> sources_of(const DataArguments& arguments) {
  std::vector<Source> sources;
  const std::size_t count = arguments.data.size();
  for (std::size_t i = 0; i < count; ++i) {
    Source source{arguments.data[i], {}};
    DatasetOptions& options = source.options;
    const auto column = [&](const std::vector<std::string>& texts, const char* option,
                            std::string& to) {
      return each(texts, option, i + 1, count,
                  [&](const std::string& text, const std::string& at) -> Result<bool> {
                    if (text.empty()) return Error{at + "a column's name is needed", ""};
                    to = text;
                    return true;
                  });
    };
    for (const auto& done :
         {column(arguments.image_column, "--image-column", options.image_column),
          column(arguments.label_column, "--label-column", options.label_column),
          column(arguments.group_column, "--group-column", options.group_column),
          column(arguments.split_column, "--split-column", options.split_column),
          each(arguments.where, "--where", i + 1, count,
               [&](const std::string&text, const std::string&at) -> Result<bool> {
                 const auto equals = text.find('=');
                 const bool unequal =
                     equals != std::string::npos && equals > 0 && text[equals - 1] == '!';
                 const std::string name =
                     text.substr(0, equals == std::string::npos ? 0 : equals - (unequal ? 1 : 0));
                 if (name.empty()) return Error{at + "COLUMN=VALUE is needed", ""};
                 options.where.push_back({name, text.substr(equals + 1), !unequal});
                 return true;
               }),
          each(arguments.test_share, "--test-share", i + 1, count,
               [&](const std::string&text, const std::string&at) -> Result<bool> {
                 char* end = nullptr;
                 options.test_share = std::strtod(text.c_str(), &end);
                 if (text.empty() || *end != 0 || !(options.test_share >= 0) ||
                     options.test_share > 0.9)
                   return Error{at + "a share from 0 to 0.9 is needed", ""};
                 return true;
               }),
          each(arguments.map, "--map", i + 1, count,
               [&](const std::string&text, const std::string&at) -> Result<bool> {
                 const auto equals = text.rfind('=');
                 if (equals == 0 || equals == std::string::npos)
                   return Error{at + "LABEL=CLASS is needed", ""};
                 options.map[text.substr(0, equals)] = text.substr(equals + 1);
                 return true;
               })})
      if (!done) return done.error();
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace nevus
