// Files that CMake has turned into strings (EmbedText.cmake), so that a report needs nothing beside
// it.
#pragma once

#include <string_view>

namespace nevus::embedded {

extern const std::string_view uplot_js;    ///< npm package uplot, dist/uPlot.iife.min.js
extern const std::string_view uplot_css;   ///< npm package uplot, dist/uPlot.min.css
extern const std::string_view report_css;  ///< native/report/report.css
extern const std::string_view report_js;   ///< native/report/report.js: draws the charts

}  // namespace nevus::embedded
