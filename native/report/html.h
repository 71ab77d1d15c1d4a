// What the self-contained HTML pages share: frame, escaping, pictures, charts. Internal to the
// reports.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/histogram.h"

namespace nevus::html {

/// For element content and attributes in double quotes.
std::string escaped(std::string_view text);
/// A dash where it isn't finite.
std::string number(double value, int decimals);
/// JSON inside <script>: "</script>" in a text doesn't end it.
std::string script_json(const nlohmann::json& value);
/// null where it isn't finite.
nlohmann::json value_or_null(double value);
/// A line chart that report.js draws with uPlot.
std::string chart(const std::string& caption, const nlohmann::json& data);
/// The whole document: nothing is fetched, scripts and styles are inside.
std::string page(const std::string& title, const std::string& body);
/// A bar chart that needs no script.
std::string bars(const Histogram& histogram);
/// An <img> that holds its JPEG.
std::string picture(std::span<const std::uint8_t> jpeg, const std::string& alt);

struct Slice {
  std::string name;
  double value = 0;  ///< >= 0
};
/// A pie chart with a legend.
std::string pie(const std::vector<Slice>& slices);

}  // namespace nevus::html
