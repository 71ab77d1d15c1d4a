// What is in the data, in pictures, and what to mend first.
#include "report/inspection.h"

#include <algorithm>

#include "files/atomic_file.h"
#include "report/html.h"

namespace nevus {
namespace {

using namespace html;

const char* heading(int severity) {
  return severity == 0 ? "Mend before you train" : severity == 1 ? "Have a look" : "Good to know";
}

std::string plural(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

Result<bool> write_inspection_report(const std::filesystem::path& path,
                                     const InspectionReport& report) {
  const auto grave = static_cast<std::size_t>(std::count_if(
      report.issues.begin(), report.issues.end(), [](const auto& i) { return i.severity == 0; }));
  std::string body = "<h1>" + escaped(report.title) + "</h1>\n<p>" +
                     plural(report.photos, "photo", "photos") + ", " +
                     std::to_string(report.readable) + " of them readable, in " +
                     plural(report.classes.size(), "class", "classes") + ". " +
                     (report.groups_given ? "With what the data says of lesions, they" : "They") +
                     " seem to show " + std::to_string(report.groups) + " lesions.</p>\n";
  body += grave == 0
              ? "<p class=\"notice\">Nothing found that has to be mended before training.</p>\n"
              : "<p class=\"notice\"><strong>" + plural(grave, "thing", "things") +
                    " to mend before you train</strong>, below.</p>\n";

  body += "<h2>Classes</h2>\n";
  std::vector<Slice> slices;
  for (const InspectedClass& one : report.classes)
    slices.push_back({one.name, static_cast<double>(one.photos)});
  body += pie(slices);
  bool has_splits = false;
  for (const InspectedClass& one : report.classes) has_splits |= one.splits.size() > 1;
  if (has_splits) {
    body += "<div class=\"scroll\"><table><tr><th>Class</th>";
    for (const auto& [split, count] : report.classes.front().splits)
      body += "<th class=\"n\">" + escaped(split.empty() ? "no split" : split) + "</th>";
    body += "</tr>\n";
    for (const InspectedClass& one : report.classes) {
      body += "<tr><td>" + escaped(one.name) + "</td>";
      for (const auto& [split, count] : one.splits)
        body += "<td class=\"n\">" + std::to_string(count) + "</td>";
      body += "</tr>\n";
    }
    body += "</table></div>\n";
  }

  int severity = -1;
  for (const InspectedIssue& issue : report.issues) {
    if (issue.severity != severity) {
      severity = issue.severity;
      body += "<h2>" + std::string(heading(severity)) + "</h2>\n";
    }
    body += "<section class=\"issue\"><h3>" + escaped(issue.title) + " <span class=\"soft\">" +
            std::to_string(issue.count) + "</span></h3>\n<p>" + escaped(issue.advice) + "</p>\n";
    if (!issue.pairs.empty()) {
      body += "<div class=\"pairs\">\n";
      for (const InspectedPair& pair : issue.pairs) {
        body += "<figure>" + picture(pair.first, pair.first_name) +
                picture(pair.second, pair.second_name) + "<figcaption>" + escaped(pair.first_name) +
                " · " + escaped(pair.second_name) + "<br>" + escaped(pair.detail) +
                "</figcaption></figure>\n";
      }
      body += "</div>\n";
    }
    if (!issue.lines.empty()) {
      body += "<ul>\n";
      for (const std::string& line : issue.lines) body += "<li>" + escaped(line) + "</li>\n";
      body += "</ul>\n";
    }
    const std::size_t shown = issue.pairs.size() + issue.lines.size();
    if (shown < issue.count)
      body += "<p class=\"soft\">… and " + std::to_string(issue.count - shown) +
              " more, in issues.csv</p>\n";
    body += "</section>\n";
  }

  body += "<h2>Examples</h2>\n";
  for (const InspectedClass& one : report.classes) {
    body += "<h3>" + escaped(one.name) + "</h3>\n<div class=\"grid\">\n";
    for (const auto& [jpeg, file] : one.examples) body += picture(jpeg, file) + "\n";
    body += "</div>\n";
  }

  body += "<h2>Pictures</h2>\n<div class=\"small-charts\">\n";
  for (const Histogram& histogram : report.histograms) body += bars(histogram);
  body +=
      "</div>\n<div class=\"scroll\"><table><tr><th>Size, pixels</th><th "
      "class=\"n\">Photos</th></tr>\n";
  for (const auto& [size, count] : report.sizes)
    body += "<tr><td>" + escaped(size) + "</td><td class=\"n\">" + std::to_string(count) +
            "</td></tr>\n";
  body += "</table></div>\n";
  if (!report.warnings.empty()) {
    body += "<h2>The list</h2>\n<ul>\n";
    for (const std::string& warning : report.warnings)
      body += "<li>" + escaped(warning) + "</li>\n";
    body += "</ul>\n";
  }
  body +=
      "<p class=\"soft\">Lesions were told apart by matching structures of the pictures: what "
      "looks "
      "alike may be two lesions, and two photos of one lesion may look different. Where the data "
      "says which photos show one lesion, trust the data.</p>\n";
  return write_whole(path, page(report.title + ": inspection", body));
}

}  // namespace nevus
