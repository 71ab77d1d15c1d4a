// What is said of a model, from its package: on the site's page and as a document.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nevus/package.h"
#include "site/card_words.h"

namespace nevus {

/// The five characters that mean something in HTML text and attributes, escaped.
std::string escape_html(std::string_view text);

struct CardCell {
  std::string text;
  std::string small;  ///< what it means; or empty
};

struct CardTable {
  std::string title, note;
  std::vector<std::string> head;
  std::vector<std::vector<CardCell>> rows;
};

/// The figures of `metrics`: each of metrics.tests (as `nevus evaluate --record` writes them), then
/// those of validation. Plain text; whatever doesn't have the shape that is expected is left out.
std::vector<CardTable> card_tables(const ModelPackage& package, const CardWords& say);

/// Placeholder ("@NEVUS_CARD_NAME@") to HTML. The package's words are escaped: a package comes from
/// anywhere.
/// @param language  as CardWords
std::map<std::string, std::string> model_card(const ModelPackage& package,
                                              std::string_view language);

/// The whole card as Markdown, in English.
std::string model_card_markdown(const ModelPackage& package);

}  // namespace nevus
