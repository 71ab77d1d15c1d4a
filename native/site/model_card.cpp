// The model card: first as tables, then as HTML fragments or as Markdown.
#include "site/model_card.h"

#include <array>
#include <cmath>
#include <optional>

namespace nevus {
namespace {

using nlohmann::json;

struct Figure {
  std::string_view key, name, meaning;
  bool percent;
};

constexpr std::array kFigures{
    Figure{"auc", "Area under the ROC curve", "1 would be perfect order, 0.5 is chance", false},
    Figure{"average_precision", "Average precision", "area under precision against recall", false},
    Figure{"sensitivity", "Sensitivity", "malignant photos that it flags", true},
    Figure{"specificity", "Specificity", "benign photos that it does not flag", true},
    Figure{"balanced_accuracy", "Balanced accuracy", "mean of the two", true},
    Figure{"ece", "Calibration error (ECE)", "how far stated probabilities are off, on average",
           true},
    Figure{"macro_auc", "Mean AUC of the classes", "each against all others", false},
    Figure{"macro_recall", "Mean recall of the classes",
           "balanced accuracy over the classes: the most probable one named", true},
    Figure{"macro_recall_equal_shares", "Mean recall, as if all classes were equally common",
           "each probability divided by the class's share among validation lesions", true},
};

std::string shown(double value, bool percent, const CardWords& say) {
  return percent ? say.number(100 * value, 1) + " %" : say.number(value, 3);
}

std::optional<double> finite(const json& object, const std::string& key) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::string text_of(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// `object[key]` where it is an object or an array, else null: a package comes from anywhere.
const json& part(const json& object, const std::string& key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found != object.end() && found->is_structured() ? *found : nothing;
}

std::string interval(const json& pair, bool percent, const CardWords& say) {
  if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number())
    return say("not stated");
  return say("{low} to {high}", {{"low", shown(pair[0].get<double>(), percent, say)},
                                 {"high", shown(pair[1].get<double>(), percent, say)}});
}

/// "0.957 (0.943 to 0.970)"; a dash where there is no figure.
std::string with_interval(const json& set, const std::string& key, bool percent,
                          const CardWords& say) {
  const auto value = finite(set, key);
  if (!value) return "–";
  const json& pair = part(set, key + "_ci");
  return shown(*value, percent, say) +
         (pair.is_array() ? " (" + interval(pair, percent, say) + ")" : std::string());
}

CardTable figures_table(const json& set, const std::string& title, const CardWords& say) {
  CardTable table{title, {}, {say("Figure"), say("Value"), say("95 % interval")}, {}};
  for (const Figure& figure : kFigures) {
    const std::string key(figure.key);
    const auto value = finite(set, key);
    if (!value) continue;
    table.rows.push_back({{say(figure.name), say(figure.meaning)},
                          {shown(*value, figure.percent, say), ""},
                          {interval(part(set, key + "_ci"), figure.percent, say), ""}});
  }
  return table;
}

/// @param what  with {n}
std::string count(const json& set, const char* key, const char* what, const CardWords& say) {
  const auto n = finite(set, key);
  return n ? ", " + say(what, {{"n", say.number(*n, 0)}}) : "";
}

void add_classes(const json& test, const ModelPackage& package, const std::string& name,
                 const CardWords& say, std::vector<CardTable>& tables) {
  const json& auc = part(test, "class_auc");
  if (!auc.is_object()) return;
  CardTable table{say("{name}: each class", {{"name", name}}),
                  {},
                  {say("Class"), say("AUC against the others (95 % interval)"), say("Recall")},
                  {}};
  for (const ModelClass& one : package.classes) {
    const auto value = finite(auc, one.id);
    const auto recall = finite(part(test, "class_recall"), one.id);
    if (!value) continue;
    const json& pair = part(part(test, "class_auc_ci"), one.id);
    table.rows.push_back({{say(one.name), ""},
                          {shown(*value, false, say) + " (" + interval(pair, false, say) + ")", ""},
                          {recall ? shown(*recall, true, say) : "–", ""}});
  }
  if (!table.rows.empty()) tables.push_back(std::move(table));
}

void add_groups(const json& test, const std::string& name, const CardWords& say,
                std::vector<CardTable>& tables) {
  const json& by = part(test, "by");
  if (!by.is_object()) return;
  for (const auto& [column, values] : by.items()) {
    if (!values.is_object()) continue;
    CardTable table{
        say("{name}, by {column}", {{"name", name}, {"column", say(column)}}),
        {},
        {say(column), say("Malignant / benign"), "AUC", say("Sensitivity"), say("Specificity")},
        {}};
    for (const auto& [value, set] : values.items()) {
      const auto bad = finite(set, "n_malignant"), good = finite(set, "n_benign");
      table.rows.push_back(
          {{value.empty() ? say("not known") : value, ""},
           {(bad ? say.number(*bad, 0) : "–") + " / " + (good ? say.number(*good, 0) : "–"), ""},
           {with_interval(set, "auc", false, say), ""},
           {with_interval(set, "sensitivity", true, say), ""},
           {with_interval(set, "specificity", true, say), ""}});
    }
    tables.push_back(std::move(table));
  }
}

void add_mistakes(const json& test, const std::string& name, const CardWords& say,
                  std::vector<CardTable>& tables) {
  const json& mistakes = part(test, "worst_mistakes");
  if (!mistakes.is_array()) return;
  CardTable table{say("{name}: the gravest mistakes", {{"name", name}}),
                  say("By name, so that whoever has the photos can look at them; the photos "
                      "themselves are not ours to show."),
                  {say("Photo"), say("It is"), say("Estimated probability of malignancy")},
                  {}};
  for (const json& one : mistakes) {
    const auto probability = finite(one, "malignancy");
    if (!probability) continue;
    table.rows.push_back({{text_of(one, "file"), ""},
                          {text_of(one, "label"), ""},
                          {shown(*probability, true, say), ""}});
  }
  if (!table.rows.empty()) tables.push_back(std::move(table));
}

void add_test(const json& test, const ModelPackage& package, const CardWords& say,
              std::vector<CardTable>& tables) {
  const std::string name = text_of(test, "name");
  CardTable table = figures_table(test,
                                  say("Tested on: {name}", {{"name", name}}) +
                                      count(test, "n", "{n} photos", say) +
                                      count(test, "n_lesions", "{n} lesions", say) +
                                      count(test, "n_malignant", "{n} malignant", say),
                                  say);
  if (const auto refused = finite(test, "n_cannot_judge"); refused && *refused > 0)
    table.note =
        say("Of these photos the page would not judge {n}.", {{"n", say.number(*refused, 0)}});
  const json& other = part(test, "out_of_distribution");
  if (const auto beyond = finite(other, "beyond_limit")) {
    if (!table.note.empty()) table.note += " ";
    table.note += say(
        "Of {n} pictures of something else it refuses {share}, of the photos of lesions {photos}.",
        {{"n", say.number(finite(other, "n").value_or(0), 0)},
         {"share", shown(*beyond, true, say)},
         {"photos", shown(finite(other, "photos_beyond_limit").value_or(NAN), true, say)}});
  }
  if (table.rows.empty()) return;
  tables.push_back(std::move(table));
  add_classes(test, package, name, say, tables);
  add_groups(test, name, say, tables);
  add_mistakes(test, name, say, tables);
}

std::string operating_words(const OperatingPoint& point, const CardWords& say) {
  return say(
      "From a probability of malignancy of {threshold} % on, the answer is “Show this to a "
      "doctor”. "
      "On {n} validation photos that threshold flagged {sensitivity} % of the malignant ones (it "
      "missed {missed} %) and left {specificity} % of the benign ones unflagged.",
      {{"threshold", say.number(100 * point.threshold, 1)},
       {"n", std::to_string(point.n)},
       {"sensitivity", say.number(100 * point.sensitivity, 1)},
       {"missed", say.number(100 * (1 - point.sensitivity), 1)},
       {"specificity", say.number(100 * point.specificity, 1)}});
}

/// What a reader wants to know of the training, each with its value.
std::vector<std::pair<std::string, std::string>> training_facts(const json& training,
                                                                const CardWords& say) {
  std::vector<std::pair<std::string, std::string>> facts;
  if (!training.is_object()) return facts;
  if (const std::string command = text_of(training, "command_line"); !command.empty())
    facts.emplace_back(say("Command"), command);
  if (const auto found = training.find("seed"); found != training.end() && found->is_number())
    facts.emplace_back(say("Seed"), found->dump());
  const json& data = part(training, "data");
  if (data.is_array()) {
    for (const json& one : data) {
      const auto train = finite(one, "train"), validation = finite(one, "validation");
      if (train && validation)
        facts.emplace_back(say("Photos"),
                           say("{name}: {train} to learn from, {validation} to validate",
                               {{"name", text_of(one, "name")},
                                {"train", say.number(*train, 0)},
                                {"validation", say.number(*validation, 0)}}));
      if (const std::string hash = text_of(one, "sha256"); !hash.empty())
        facts.emplace_back(say("SHA-256 of their list"), hash);
    }
  }
  std::string versions;
  if (const json& all = part(training, "versions"); all.is_object()) {
    for (const auto& [name, version] : all.items()) {
      if (!versions.empty()) versions += ", ";
      versions += name + " " + (version.is_string() ? version.get<std::string>() : version.dump());
    }
    facts.emplace_back(say("Versions"), versions);
  }
  if (const auto turns = finite(part(training, "settings"), "turns"); turns && *turns > 1) {
    facts.emplace_back(say("Turns"),
                       say("it judges a photo in {n} of its turns and mirror images and answers "
                           "with the mean",
                           {{"n", say.number(*turns, 0)}}));
  }
  return facts;
}

std::string table_html(const CardTable& table) {
  std::string html = "<table><caption>" + escape_html(table.title) + "</caption><thead><tr>";
  for (const std::string& head : table.head)
    html += "<th scope=\"col\">" + escape_html(head) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell =
          escape_html(row[i].text) +
          (row[i].small.empty() ? "" : "<small>" + escape_html(row[i].small) + "</small>");
      html += i == 0 ? "<th scope=\"row\">" + cell + "</th>" : "<td>" + cell + "</td>";
    }
    html += "</tr>\n";
  }
  html += "</tbody></table>\n";
  if (!table.note.empty()) html += "<p>" + escape_html(table.note) + "</p>\n";
  return html;
}

/// A cell or a line of Markdown: nothing in it is markup.
std::string escape_markdown(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
      continue;
    }
    if (std::string_view("\\`*_[]<>|#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string table_markdown(const CardTable& table) {
  std::string text = "### " + escape_markdown(table.title) + "\n\n";
  if (!table.note.empty()) text += escape_markdown(table.note) + "\n\n";
  std::string rule;
  for (const std::string& head : table.head) {
    text += "| " + escape_markdown(head) + " ";
    rule += "| --- ";
  }
  text += "|\n" + rule + "|\n";
  for (const auto& row : table.rows) {
    for (const CardCell& cell : row)
      text += "| " + escape_markdown(cell.text) +
              (cell.small.empty() ? "" : " (" + escape_markdown(cell.small) + ")") + " ";
    text += "|\n";
  }
  return text + "\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
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
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::vector<CardTable> card_tables(const ModelPackage& package, const CardWords& say) {
  std::vector<CardTable> tables;
  const json& metrics = package.metrics;
  if (const json& tests = part(metrics, "tests"); tests.is_array())
    for (const json& test : tests) add_test(test, package, say, tables);
  if (!metrics.is_object()) return tables;
  for (const auto& [name, set] : metrics.items()) {
    if (!set.is_object()) continue;
    const bool own = name == "validation";
    CardTable table =
        figures_table(set,
                      (own ? say("Validation, by which the model and its threshold were chosen")
                           : say("Measured on: {name}", {{"name", name}})) +
                          count(set, "n", "{n} photos", say),
                      say);
    if (table.rows.empty()) continue;
    if (own && part(metrics, "tests").is_array())
      table.note = say("These figures flatter the model; those of the tests above don't.");
    tables.push_back(std::move(table));
    const json& sources = part(set, "by_source");
    if (!sources.is_array()) continue;
    CardTable by{
        say("Validation, source by source"), {}, {say("Source"), say("Photos"), "AUC"}, {}};
    for (const json& source : sources) {
      const auto n = finite(source, "n");
      by.rows.push_back({{text_of(source, "name"), ""},
                         {n ? say.number(*n, 0) : "–", ""},
                         {with_interval(source, "auc", false, say), ""}});
    }
    tables.push_back(std::move(by));
  }
  return tables;
}

std::map<std::string, std::string> model_card(const ModelPackage& package,
                                              std::string_view language) {
  const CardWords say(language);
  // What a package says in words of its own is English, as far as anybody knows.
  const auto own_words = [&](const std::string& words) {
    return say.knows(words) ? escape_html(say(words))
                            : "<span lang=\"en\">" + escape_html(words) + "</span>";
  };
  std::string classes;
  for (const ModelClass& entry : package.classes) {
    classes += "<tr><th scope=\"row\">" + own_words(entry.name) + "</th><td>" +
               escape_html(say(entry.malignant ? "malignant" : "not malignant")) + "</td></tr>\n";
  }
  std::string limits;
  for (const std::string& limit : package.known_limits)
    limits += "<li>" + own_words(limit) + "</li>\n";
  if (limits.empty())
    limits = "<li>" + escape_html(say("The package states none; there are always some.")) + "</li>";
  std::string metrics;
  for (const CardTable& table : card_tables(package, say)) metrics += table_html(table);
  if (metrics.empty())
    metrics = "<p>" + escape_html(say("The package states no figures.")) + "</p>";
  std::string training;
  for (const auto& [name, value] : training_facts(package.training, say))
    training += "<dt>" + escape_html(name) + "</dt><dd>" + escape_html(value) + "</dd>\n";
  if (const std::string config = text_of(package.training, "config"); !config.empty())
    training += "<dt>" + escape_html(say("Configuration")) +
                "</dt><dd><pre tabindex=\"0\" lang=\"en\">" + escape_html(config) + "</pre></dd>\n";

  return {{"@NEVUS_CARD_NAME@", escape_html(package.name)},
          {"@NEVUS_CARD_ARCHITECTURE@", escape_html(package.architecture)},
          {"@NEVUS_CARD_INPUT@",
           say("{width} × {height} pixels", {{"width", std::to_string(package.input.width)},
                                             {"height", std::to_string(package.input.height)}})},
          {"@NEVUS_CARD_SHA256@", escape_html(package.sha256)},
          {"@NEVUS_CARD_CLASSES@", classes},
          {"@NEVUS_CARD_OPERATING_POINT@",
           "<p>" + escape_html(operating_words(package.operating_point, say)) + "</p>"},
          {"@NEVUS_CARD_METRICS@", metrics},
          {"@NEVUS_CARD_TRAINING@", training},
          {"@NEVUS_CARD_LICENSE@", own_words(package.license)},
          {"@NEVUS_CARD_INTENDED_USE@", own_words(package.intended_use)},
          {"@NEVUS_CARD_LIMITS@", limits}};
}

std::string model_card_markdown(const ModelPackage& package) {
  const CardWords say("en");
  std::string text = "# The model: " + escape_markdown(package.name) + "\n\n";
  text += "A neural network (" + escape_markdown(package.architecture) + ") that looks at " +
          std::to_string(package.input.width) + " × " + std::to_string(package.input.height) +
          " pixels.\n\n**Not a diagnosis.** " + escape_markdown(package.intended_use) +
          "\n\n## Where it fails\n\n";
  for (const std::string& limit : package.known_limits)
    text += "- " + escape_markdown(limit) + "\n";
  text += "\n## When it says “Show this to a doctor”\n\n" +
          operating_words(package.operating_point, say) + "\n\n## How well it does\n\n";
  text +=
      "The interval is where the true figure would lie in 95 of 100 repetitions with photos of the "
      "same kind. Photos from elsewhere can lie outside of it.\n\n";
  for (const CardTable& table : card_tables(package, say)) text += table_markdown(table);
  text += "## What it tells apart\n\n| Class | Counts as |\n| --- | --- |\n";
  for (const ModelClass& one : package.classes)
    text += "| " + escape_markdown(one.name) + " | " +
            (one.malignant ? "malignant" : "not malignant") + " |\n";
  text += "\n## How it was made\n\n| | |\n| --- | --- |\n";
  for (const auto& [name, value] : training_facts(package.training, say))
    text += "| " + escape_markdown(name) + " | " + escape_markdown(value) + " |\n";
  text += "| Licence | " + escape_markdown(package.license) + " |\n| SHA-256 of the network | " +
          escape_markdown(package.sha256) + " |\n";
  // Indented, not fenced: no text inside can end it.
  if (const std::string config = text_of(package.training, "config"); !config.empty()) {
    text += "\nIts configuration:\n\n    ";
    for (const char c : config) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
    while (text.back() == ' ' || text.back() == '\n') text.pop_back();
    text += "\n";
  }
  return text;
}

}  // namespace nevus
