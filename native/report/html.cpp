// The pages' common parts.
#include "report/html.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "report/embedded.h"

namespace nevus::html {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char ch : text) switch (ch) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += ch;
    }
  return out;
}

std::string number(double value, int decimals) {
  if (!std::isfinite(value)) return "–";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

// JSON inside <script>: "</script>" in a string must not end it.
std::string script_json(const nlohmann::json& value) {
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  for (std::size_t at = 0; (at = text.find("</", at)) != std::string::npos;)
    text.replace(at, 2, "<\\/");
  return text;
}

nlohmann::json value_or_null(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

std::string chart(const std::string& caption, const nlohmann::json& data) {
  return "<figure><figcaption>" + escaped(caption) +
         "</figcaption><script type=\"application/json\">" + script_json(data) +
         "</script><div class=\"chart\" role=\"img\" aria-label=\"" + escaped(caption) +
         "\"></div></figure>\n";
}

std::string page(const std::string& title, const std::string& body) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing is fetched, whatever a model's name or a file's name holds.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; "
      "img-src data:; script-src 'unsafe-inline'\">\n<title>";
  html += escaped(title) + "</title>\n<style>\n";
  html += embedded::uplot_css;
  html += "\n";
  html += embedded::report_css;
  html += "</style>\n</head>\n<body>\n" + body + "<script>\n";
  html += embedded::uplot_js;
  html += "\n";
  html += embedded::report_js;
  html += "</script>\n</body>\n</html>\n";
  return html;
}

std::string bars(const Histogram& histogram) {
  const std::size_t most =
      std::max<std::size_t>(1, *std::max_element(histogram.counts.begin(), histogram.counts.end()));
  const auto n = static_cast<double>(histogram.counts.size());
  std::string shapes;
  char text[200];
  for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
    const double height =
        100.0 * static_cast<double>(histogram.counts[i]) / static_cast<double>(most);
    std::snprintf(text, sizeof text,
                  "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>%.3g to %.3g: "
                  "%zu</title></rect>",
                  static_cast<double>(i) * 300 / n, 100 - height, 300 / n - 1, height,
                  histogram.low + static_cast<double>(i) * histogram.step,
                  histogram.low + static_cast<double>(i + 1) * histogram.step, histogram.counts[i]);
    shapes += text;
  }
  return "<figure><figcaption>" + escaped(histogram.title) +
         "</figcaption><svg class=\"bars\" viewBox=\"0 0 300 100\" preserveAspectRatio=\"none\" "
         "role=\"img\" aria-label=\"" +
         escaped(histogram.title) + "\">" + shapes + "</svg><p class=\"soft axis\"><span>" +
         number(histogram.low, 2) + "</span><span>" + escaped(histogram.unit) + "</span><span>" +
         number(histogram.low + n * histogram.step, 2) + "</span></p></figure>\n";
}

std::string picture(std::span<const std::uint8_t> jpeg, const std::string& alt) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out =
      "<img decoding=\"async\" alt=\"" + escaped(alt) + "\" src=\"data:image/jpeg;base64,";
  for (std::size_t i = 0; i < jpeg.size(); i += 3) {
    const std::size_t left = jpeg.size() - i;
    const unsigned bits = static_cast<unsigned>(jpeg[i]) << 16 |
                          (left > 1 ? static_cast<unsigned>(jpeg[i + 1]) << 8 : 0u) |
                          (left > 2 ? static_cast<unsigned>(jpeg[i + 2]) : 0u);
    out += kDigits[bits >> 18];
    out += kDigits[bits >> 12 & 63];
    out += left > 1 ? kDigits[bits >> 6 & 63] : '=';
    out += left > 2 ? kDigits[bits & 63] : '=';
  }
  return out + "\">";
}

std::string pie(const std::vector<Slice>& slices) {
  double total = 0;
  for (const Slice& slice : slices) total += slice.value;
  std::string shapes, legend;
  double from = -std::numbers::pi / 2;
  static constexpr const char* kColors[] = {"var(--blue)", "var(--orange)", "var(--grey)",
                                            "#6f9f7d",     "#8d6fb0",       "#c2a13a",
                                            "#4aa3a8",     "#b05f7f"};
  char text[320];
  for (std::size_t i = 0; i < slices.size() && total > 0; ++i) {
    const double share = slices[i].value / total;
    const double to = from + 2 * std::numbers::pi * std::min(share, 0.99999);
    std::snprintf(text, sizeof text,
                  "<path d=\"M100 100L%.2f %.2fA90 90 0 %d 1 %.2f %.2fZ\" style=\"fill:%s\"/>",
                  100 + 90 * std::cos(from), 100 + 90 * std::sin(from), share > 0.5 ? 1 : 0,
                  100 + 90 * std::cos(to), 100 + 90 * std::sin(to), kColors[i % 8]);
    shapes += text;
    from = to;
    legend += "<li><span class=\"key\" style=\"background:" + std::string(kColors[i % 8]) +
              "\"></span>" + escaped(slices[i].name) + ": " + number(slices[i].value, 0) + " (" +
              number(100 * share, 1) + " %)</li>";
  }
  return "<div class=\"pie\"><svg viewBox=\"0 0 200 200\" role=\"img\" aria-label=\"Shares of the "
         "classes\">" +
         shapes + "</svg><ul>" + legend + "</ul></div>\n";
}

}  // namespace nevus::html
