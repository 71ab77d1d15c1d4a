// The words of the model card in every language of the site.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace nevus {

/// Says the card's English words in a language. English is the key, so that it needs no table; what
/// a package says in words of its own, which no table knows, stays as it is.
class CardWords {
 public:
  using Values = std::initializer_list<std::pair<std::string_view, std::string>>;

  /// @param language  "en" or "de" (BCP 47); others count as English
  explicit CardWords(std::string_view language = "en") : german_(language == "de") {}

  /// @param english  may hold {name}, which becomes the value of that name
  std::string operator()(std::string_view english, Values values = {}) const;
  /// Whether operator() has words of this language for it.
  bool knows(std::string_view english) const;
  /// With the language's decimal mark.
  std::string number(double value, int decimals) const;

 private:
  bool german_;
};

}  // namespace nevus
