// What the pages say of the model, from its package.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "nevus/package.h"

namespace nevus {

/// The five characters that mean something in HTML text and attributes, escaped.
std::string escape_html(std::string_view text);

/// Placeholder ("@NEVUS_CARD_NAME@") to HTML. The package's words are escaped: a package comes from
/// anywhere.
std::map<std::string, std::string> model_card(const ModelPackage& package);

}  // namespace nevus
