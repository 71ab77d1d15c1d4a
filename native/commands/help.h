// How --help looks.
#pragma once

#include <CLI/CLI.hpp>

namespace nevus {

/// Options as "--epochs N [5]": what to give, and what it is without.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(34); }
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace nevus
