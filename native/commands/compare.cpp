// nevus compare: two models on the same photos, with paired tests.
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/data_options.h"
#include "commands/measure.h"
#include "commands/terminal.h"
#include "files/atomic_file.h"

namespace nevus {
namespace {

struct CompareOptions {
  std::string first, second, split, json;
  DataArguments data;
};

int fail(const std::string& message) {
  print_error(message);
  return 1;
}

// Photos of one kind that only one of the models puts on the right side of its threshold.
struct Disagreement {
  std::int64_t first_only = 0, second_only = 0;
  double p = 1;
};

int run_compare(const CompareOptions& options) {
  const auto sources = sources_of(options.data);
  if (!sources) return fail(sources.error().message);
  const auto dataset = load_dataset(*sources, options.data.groups);
  if (!dataset) return fail(dataset.error().message);
  const std::string data = options.data.text();
  print_warnings(data, dataset->warnings);
  const std::vector<Sample> samples =
      options.split.empty() ? dataset->samples : dataset->of_split(options.split);
  if (samples.empty()) return fail(data + ": no photos of split '" + options.split + "'");

  Measured both[2];
  ModelPackage packages[2];
  for (const int k : {0, 1}) {
    const auto session =
        Session::open(k == 0 ? options.first : options.second, session_threads(samples.size()));
    if (!session) return fail(session.error().message);
    packages[k] = session->package();
    both[k] = measure(*session, samples, meaning_of(dataset->classes, packages[k]));
  }
  for (const std::string& one : both[0].unreadable)
    std::fprintf(stderr, "warning: left out: %s\n", printable(one).c_str());
  if (both[0].index != both[1].index)
    return fail("the models could not answer the same photos; see the warnings");
  if (both[0].data.labels != both[1].data.labels)
    return fail("the models do not agree on which of the classes are malignant");
  const Measured &a = both[0], &b = both[1];
  if (a.malignant() == 0 || a.benign() == 0)
    return fail(data + ": both malignant and benign photos are needed");

  const AucDifference test = delong_test(a.data.scores, b.data.scores, a.data.labels);
  Confusion confusion[2];
  Disagreement kinds[2];  // benign, malignant
  const auto right = [&](int k, std::size_t i) {
    const bool alarm = both[k].data.scores[i] >= packages[k].operating_point.threshold;
    return alarm == (a.data.labels[i] == 1);
  };
  for (std::size_t i = 0; i < a.data.labels.size(); ++i) {
    Disagreement& kind = kinds[a.data.labels[i]];
    if (right(0, i) && !right(1, i)) ++kind.first_only;
    if (right(1, i) && !right(0, i)) ++kind.second_only;
  }
  for (const int k : {0, 1})
    confusion[k] =
        confusion_at(both[k].data.scores, a.data.labels, packages[k].operating_point.threshold);
  for (Disagreement& kind : kinds) kind.p = mcnemar_test(kind.first_only, kind.second_only);

  std::printf("A: %s (%s)\nB: %s (%s)\non %s: %zu photos (%zu malignant, %zu benign)\n\n",
              printable(packages[0].name).c_str(), printable(options.first).c_str(),
              printable(packages[1].name).c_str(), printable(options.second).c_str(),
              printable(data).c_str(), a.data.labels.size(), a.malignant(), a.benign());
  const auto p_text = [](double p) { return p < 0.0001 ? std::string("< 0.0001") : fixed(p, 4); };
  const double auc[2] = {roc_auc(a.data.scores, a.data.labels),
                         roc_auc(b.data.scores, b.data.labels)};
  std::fputs(format_table(
                 {{"figure", "A", "B", "A - B", "p", "test"},
                  {"AUC", fixed(auc[0], 4), fixed(auc[1], 4), fixed(test.difference, 4),
                   p_text(test.p), "DeLong, paired"},
                  {"sensitivity", fixed(confusion[0].sensitivity(), 4),
                   fixed(confusion[1].sensitivity(), 4),
                   fixed(confusion[0].sensitivity() - confusion[1].sensitivity(), 4),
                   p_text(kinds[1].p), "McNemar, exact"},
                  {"specificity", fixed(confusion[0].specificity(), 4),
                   fixed(confusion[1].specificity(), 4),
                   fixed(confusion[0].specificity() - confusion[1].specificity(), 4),
                   p_text(kinds[0].p), "McNemar, exact"},
                  {"ECE", fixed(expected_calibration_error(a.data.scores, a.data.labels), 4),
                   fixed(expected_calibration_error(b.data.scores, b.data.labels), 4), "", "", ""}})
                 .c_str(),
             stdout);
  std::printf(
      "\nThe difference of AUCs has a 95 %% interval of %s to %s. Sensitivity and specificity are "
      "at each model's own frozen threshold; the tests take photos as independent.\n\n%s\n",
      fixed(test.interval.low, 4).c_str(), fixed(test.interval.high, 4).c_str(),
      std::string(kNotice).c_str());

  if (options.json.empty()) return 0;
  nlohmann::json out{{"data", data},
                     {"data_hash", dataset_hash(*dataset)},
                     {"split", options.split},
                     {"n", a.data.labels.size()},
                     {"auc_difference",
                      {{"value", test.difference},
                       {"standard_error", test.standard_error},
                       {"ci", {test.interval.low, test.interval.high}},
                       {"z", test.z},
                       {"p", test.p}}},
                     {"sensitivity_p", kinds[1].p},
                     {"specificity_p", kinds[0].p}};
  for (const int k : {0, 1})
    out["models"].push_back({{"name", packages[k].name},
                             {"sha256", packages[k].sha256},
                             {"auc", auc[k]},
                             {"sensitivity", confusion[k].sensitivity()},
                             {"specificity", confusion[k].specificity()}});
  const auto written = write_whole(
      options.json, out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return written ? 0 : fail(written.error().message);
}

}  // namespace

void add_compare_command(CLI::App& app, int& status) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      app.add_subcommand("compare", "Is one model better than another, on the same photos?");
  command->add_option("first", options->first, "A model.onnx")->option_text("A")->required();
  command->add_option("second", options->second, "Another")->option_text("B")->required();
  add_data_options(*command, options->data);
  command->get_option("--data")->required();
  command->add_option("--split", options->split, "Only this split: train, val or test");
  command->add_option("--json", options->json, "Also write the figures to this file")
      ->option_text("FILE");
  command->footer(
      "Example:\n"
      "  nevus compare old/model.onnx new/model.onnx labels.csv --split test\n"
      "A test set that decides which model is kept is no test set any more: choose on validation "
      "photos.");
  command->callback([options, &status] { status = run_compare(*options); });
}

}  // namespace nevus
