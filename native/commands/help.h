// How --help looks.
#pragma once

#include <CLI/CLI.hpp>

namespace nevus {

/// Options as "--epochs N [5]", what to give and what it is without, then what it does, wrapped.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace nevus
