// The training report: one file that needs nothing else, with every number in it.
#include "report/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

TrainingReport example() {
  TrainingReport report;
  report.title = "demo <b>&</b>";
  report.command_line = "nevus train x --out \"a & b\"";
  for (int e = 1; e <= 5; ++e)
    report.epochs.push_back(
        {e, 0.6 / e, 0.65 / e + 0.05, 0.99 - 0.2 / e, 0.97 - 0.2 / e, 41.5, 1e-3 / e});
  report.epochs[0].train_auc = std::nan("");
  report.best_epoch = 4;
  report.classes = {{"benign", false, 1152, 288}, {"malignant", true, 958, 239}};
  report.settings = {{"batch size", "32"}, {"seed", "1"}};
  report.warnings = {"line 7: '</script>.jpg' is not there"};
  report.package = test::tiny_package();
  report.package.sha256 = std::string(64, 'a');
  return report;
}

TEST(Report, IsOneFileThatFetchesNothing) {
  const test::Folder folder;
  const auto path = folder / "report.html";
  ASSERT_TRUE(write_training_report(path, example()).ok());
  const std::string html = test::read_text(path);
  EXPECT_EQ(html.find("<!doctype html>"), 0u);
  for (const char* outside : {" src=", " href=", "@import", "url("})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  EXPECT_NE(html.find("uPlot"), std::string::npos);
  EXPECT_NE(html.find("not a diagnosis"), std::string::npos);
  if (const char* keep = std::getenv("NEVUS_KEEP_REPORT")) std::filesystem::copy_file(path, keep);
}

TEST(Report, HoldsTheNumbersAndEscapesTheRest) {
  const test::Folder folder;
  ASSERT_TRUE(write_training_report(folder / "r.html", example()).ok());
  const std::string html = test::read_text(folder / "r.html");
  EXPECT_NE(html.find("demo &lt;b&gt;&amp;&lt;/b&gt;"), std::string::npos);
  EXPECT_EQ(html.find("demo <b>"), std::string::npos);
  EXPECT_NE(html.find("0.8500 to 0.9500"), std::string::npos);  // the package's auc_ci
  EXPECT_NE(html.find("1152"), std::string::npos);
  EXPECT_NE(html.find("null"), std::string::npos);  // the AUC that doesn't exist
  EXPECT_NE(html.find("<td class=\"n\">–</td>"), std::string::npos);
  EXPECT_NE(html.find("Kept: epoch 4"), std::string::npos);
  // Five <script> elements hold JSON, one the program; nothing of the data closes one early.
  std::size_t closes = 0;
  for (std::size_t at = 0; (at = html.find("</script>", at)) != std::string::npos; ++at) ++closes;
  EXPECT_EQ(closes, 6u);
}

TEST(Report, SaysWhereItCannotWrite) {
  const test::Folder folder;
  folder.write("file", std::string("x"));
  const auto written = write_training_report(folder / "file/report.html", example());
  ASSERT_FALSE(written.ok());
  EXPECT_NE(written.error().message.find("report.html: can't be written"), std::string::npos);
}

}  // namespace
}  // namespace nevus
