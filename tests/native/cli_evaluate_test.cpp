// `nevus evaluate` as a user runs it: figures that can be checked by counting, and bad data.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "metrics/metrics.h"
#include "support/odd_images.h"
#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

using nlohmann::json;
using test::Folder;
using test::Ran;
using Arguments = std::vector<std::string>;

// A flat grey photo with a little texture: the tiny model's score falls as `level` rises.
test::Bytes shade(int level) {
  cv::Mat mat(80, 80, CV_8UC3);
  for (int y = 0; y < 80; ++y)
    for (int x = 0; x < 80; ++x)
      mat.at<cv::Vec3b>(y, x) =
          cv::Vec3b::all(static_cast<std::uint8_t>(level + (x * 5 + y * 3) % 8));
  return test::encode(".png", mat);
}

class Evaluate : public testing::Test {
 protected:
  Evaluate() : model_(folder_.write("model.onnx", test::tiny_model()).string()) {
    // Six benign, four malignant; darker scores higher; one benign is darker than two malignant.
    const std::vector<std::pair<int, bool>> shades{
        {200, false}, {190, false}, {180, false}, {170, false}, {160, false},
        {60, false},  {40, true},   {50, true},   {80, true},   {90, true}};
    std::string csv = "file,label,lesion_id,split,keep\n";
    for (std::size_t i = 0; i < shades.size(); ++i) {
      const auto& [level, malignant] = shades[i];
      const std::string name = "p/" + std::to_string(i) + ".png", label = malignant ? "mel" : "nv";
      folder_.write(name, shade(level));
      folder_.write("by_class/" + label + "/" + std::to_string(i) + ".png", shade(level));
      csv += name + "," + label + ",L" + std::to_string(i) + "," + (i % 2 ? "test" : "train") +
             "," + (level == 60 ? "0" : "1") + "\n";
    }
    folder_.write("list.csv", csv);
  }
  Ran evaluate(const std::string& data, Arguments more = {}) {
    Arguments arguments{"evaluate",           model_,        data, "--json",
                        folder_ / "out.json", "--resamples", "300"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::filesystem::remove(folder_ / "out.json");
    return test::run(NEVUS_PROGRAM, arguments);
  }
  json figures() { return json::parse(test::read_text(folder_ / "out.json")); }

  Folder folder_;
  std::string model_;
};

TEST_F(Evaluate, CountsRight) {
  const Ran ran = evaluate(folder_ / "list.csv");
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json f = figures();
  EXPECT_EQ(f.at("n"), 10);
  EXPECT_EQ(f.at("n_malignant"), 4);
  // 24 pairs; the benign photo of level 60 beats the malignant ones of 80 and 90.
  EXPECT_NEAR(f.at("auc").get<double>(), 22.0 / 24, 1e-12);
  // Order: M M B M M B…: precision at the recalls 1, 1, 3/4, 4/5.
  EXPECT_NEAR(f.at("average_precision").get<double>(), (1 + 1 + 0.75 + 0.8) / 4, 1e-12);
  for (const char* key : {"auc", "average_precision", "sensitivity", "specificity",
                          "balanced_accuracy", "accuracy", "ece"}) {
    const double value = f.at(key);
    const json interval = f.at(std::string(key) + "_ci");
    ASSERT_EQ(interval.size(), 2u);
    EXPECT_LE(interval[0].get<double>(), interval[1].get<double>()) << key;
    EXPECT_GE(value, 0) << key;
    EXPECT_LE(value, 1) << key;
  }
  const json& c = f.at("confusion");
  const double tp = c.at("tp"), fn = c.at("fn"), tn = c.at("tn"), fp = c.at("fp");
  EXPECT_EQ(tp + fn, 4);
  EXPECT_EQ(tn + fp, 6);
  EXPECT_DOUBLE_EQ(f.at("sensitivity").get<double>(), tp / (tp + fn));
  EXPECT_DOUBLE_EQ(f.at("specificity").get<double>(), tn / (tn + fp));
  EXPECT_GT(tp, 0);
  EXPECT_GT(tn, 0);
  EXPECT_DOUBLE_EQ(f.at("threshold").get<double>(), 0.4);
  EXPECT_NE(ran.out.find("0.9167"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("has splits"), std::string::npos) << ran.err;
}

TEST_F(Evaluate, AFolderPerClassGivesTheSame) {
  ASSERT_EQ(evaluate(folder_ / "list.csv").status, 0);
  const json a = figures();
  ASSERT_EQ(evaluate(folder_ / "by_class").status, 0);
  const json b = figures();
  for (const char* key : {"n", "auc", "auc_ci", "ece", "confusion"})
    EXPECT_EQ(a.at(key), b.at(key)) << key;
}

TEST_F(Evaluate, TakesASplitAndAFilter) {
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--split", "test"}).status, 0);
  EXPECT_EQ(figures().at("n"), 5);
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--where", "keep=1"}).status, 0);
  EXPECT_EQ(figures().at("n"), 9);
  EXPECT_DOUBLE_EQ(figures().at("auc").get<double>(), 1);
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--where", "keep=1", "--where", "label=mel"}).status,
            1);
}

// Photos 1 and 3 (test) show the lesions of 0 and 2 (train), as a second list says.
TEST_F(Evaluate, LeavesLesionsOutThatTrainingMayHaveSeen) {
  folder_.write("groups.csv", "file,group\np/0.png,a\np/1.png,a\np/2.png,b\np/3.png,b\n");
  const Ran ran = evaluate(folder_ / "list.csv",
                           {"--split", "test", "--groups", folder_ / "groups.csv", "--unseen"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(figures().at("n"), 3);
  EXPECT_NE(ran.out.find("2 photos left out"), std::string::npos) << ran.out;
  const Ran all = evaluate(folder_ / "list.csv", {"--split", "test", "--unseen"});
  ASSERT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(figures().at("n"), 5) << "every photo has a lesion of its own there";
  EXPECT_NE(evaluate(folder_ / "list.csv", {"--unseen"}).status, 0) << "unseen by which split?";
}

TEST_F(Evaluate, WritesAReport) {
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--report", folder_ / "report.html"}).status, 0);
  const std::string html = test::read_text(folder_ / "report.html");
  EXPECT_NE(html.find("0.9167"), std::string::npos);
  EXPECT_NE(html.find("ROC curve"), std::string::npos);
  EXPECT_NE(html.find("4 malignant and 6 benign photos"), std::string::npos);
  EXPECT_EQ(evaluate(folder_ / "list.csv", {"--report", folder_ / "list.csv/r.html"}).status, 1);
}

TEST_F(Evaluate, TheJsonHoldsWhatTheReportDraws) {
  ASSERT_EQ(evaluate(folder_ / "list.csv").status, 0);
  const json f = figures();
  // The area under the drawn curve, by trapezoids, is the AUC.
  const json& roc = f.at("curves").at("roc");
  ASSERT_GE(roc.size(), 3u);
  double area = 0;
  for (std::size_t i = 1; i < roc.size(); ++i)
    area += (roc[i][0].get<double>() - roc[i - 1][0].get<double>()) *
            (roc[i][1].get<double>() + roc[i - 1][1].get<double>()) / 2;
  EXPECT_NEAR(area, f.at("auc").get<double>(), 1e-12);
  EXPECT_DOUBLE_EQ(f.at("curves").at("precision_recall").back()[0].get<double>(), 1);
  EXPECT_FALSE(f.at("curves").at("reliability").empty());
  std::size_t counted = 0;
  for (const json& histogram : f.at("histograms"))
    for (const json& count : histogram.at("counts")) counted += count.get<std::size_t>();
  EXPECT_EQ(counted, f.at("n").get<std::size_t>());
  const std::size_t wrong =
      f.at("confusion").at("fp").get<std::size_t>() + f.at("confusion").at("fn").get<std::size_t>();
  EXPECT_EQ(f.at("worst_mistakes").size(), wrong);
  for (const json& one : f.at("worst_mistakes"))
    EXPECT_EQ(one.at("malignancy").get<double>() < f.at("threshold").get<double>(),
              one.at("label") == "malignant");
}

TEST_F(Evaluate, NamesUnreadablePhotosAndGoesOn) {
  folder_.write("by_class/nv/broken.jpg", std::string("not a photo"));
  folder_.write("by_class/nv/empty.png", std::string());
  const Ran ran = evaluate(folder_ / "by_class");
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(figures().at("n"), 10);
  EXPECT_EQ(figures().at("n_unreadable"), 2);
  EXPECT_NE(ran.err.find("broken.jpg"), std::string::npos);
  EXPECT_NE(ran.err.find("empty.png"), std::string::npos);
  EXPECT_NE(ran.out.find("2 photos could not be read"), std::string::npos);
}

TEST_F(Evaluate, NamesRowsWhoseFileIsMissing) {
  std::string csv = test::read_text(folder_ / "list.csv") + "p/gone.png,nv,L99,test,1\n";
  folder_.write("list.csv", csv);
  const Ran ran = evaluate(folder_ / "list.csv");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE(ran.err.find("line 12: 'p/gone.png' is not there"), std::string::npos) << ran.err;
}

TEST_F(Evaluate, MeasuresTheModelsOwnClasses) {
  ModelPackage package = test::tiny_package();
  package.classes = {{"benign", "Naevus", false}, {"malignant", "Melanoma", true}};
  model_ = folder_.write("named.onnx", test::tiny_model_with(package)).string();
  std::filesystem::create_directories(folder_ / "named");
  std::filesystem::rename(folder_ / "by_class/nv", folder_ / "named/Naevus");
  std::filesystem::rename(folder_ / "by_class/mel", folder_ / "named/Melanoma");
  ASSERT_EQ(evaluate(folder_ / "named").status, 0);
  EXPECT_NEAR(figures().at("auc").get<double>(), 22.0 / 24, 1e-12);
}

TEST_F(Evaluate, GivesPredictiveValuesAndSubgroups) {
  const Ran ran =
      evaluate(folder_ / "list.csv", {"--by", "keep", "--by", "split", "--prevalence", "0.1"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json f = figures();
  const double sensitivity = f.at("sensitivity"), specificity = f.at("specificity");
  EXPECT_NEAR(f.at("ppv_at_prevalence").get<double>(), ppv_at(sensitivity, specificity, 0.1),
              1e-12);
  const json& c = f.at("confusion");
  EXPECT_NEAR(f.at("ppv").get<double>(),
              c.at("tp").get<double>() / (c.at("tp").get<double>() + c.at("fp").get<double>()),
              1e-12);
  EXPECT_EQ(f.at("by").at("keep").at("1").at("n_benign"), 5);
  EXPECT_EQ(f.at("by").at("keep").at("1").at("auc"), 1.0);
  EXPECT_TRUE(f.at("by").at("keep").at("0").at("auc").is_null()) << "one benign photo";
  EXPECT_EQ(f.at("by").at("split").at("test").at("n_benign").get<int>() +
                f.at("by").at("split").at("train").at("n_benign").get<int>(),
            6);
  EXPECT_NE(ran.out.find("keep = 1"), std::string::npos) << ran.out;
  EXPECT_EQ(f.at("n_lesions"), 10);
  EXPECT_EQ(f.at("auc_delong_ci").size(), 2u);
  const Ran absent = evaluate(folder_ / "list.csv", {"--by", "age"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_NE(absent.err.find("no column 'age'"), std::string::npos) << absent.err;
}

TEST_F(Evaluate, BandsOfNumbers) {
  std::string csv = "file,label,age\n";
  for (int i = 0; i < 10; ++i)
    csv += "p/" + std::to_string(i) + ".png," + (i < 6 ? "nv," : "mel,") +
           (i == 3 ? "" : std::to_string(15 + 5 * (i % 6))) + "\n";
  folder_.write("ages.csv", csv);
  const Ran ran = evaluate(folder_ / "ages.csv", {"--by", "age:20"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json by = figures().at("by").at("age");
  EXPECT_EQ(by.size(), 4u) << by.dump();
  EXPECT_EQ(by.at("0 to 19").at("n_benign"), 1);
  EXPECT_EQ(by.at("20 to 39").at("n_benign"), 3);
  EXPECT_EQ(by.at("40 to 59").at("n_benign"), 1);
  EXPECT_EQ(by.at("not known").at("n_benign"), 1);
}

TEST_F(Evaluate, RecordsFiguresInThePackageForItsCard) {
  const Ran first = evaluate(folder_ / "list.csv", {"--split", "test", "--record", "our | clinic"});
  ASSERT_EQ(first.status, 0) << first.err;
  const json own = figures();
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--record", "all", "--by", "keep"}).status, 0);
  // The same name again replaces.
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--split", "test", "--record", "our | clinic"}).status,
            0);
  const json package = json::parse(test::read_text(folder_ / "model.json"));
  const json& tests = package.at("metrics").at("tests");
  ASSERT_EQ(tests.size(), 2u);
  EXPECT_EQ(tests[0].at("name"), "our | clinic");
  EXPECT_EQ(tests[0].at("auc"), own.at("auc"));
  EXPECT_EQ(tests[0].at("auc_ci"), own.at("auc_ci"));

  const Ran card = test::run(NEVUS_PROGRAM, {"card", model_, "--out", folder_ / "card.md"});
  ASSERT_EQ(card.status, 0) << card.err;
  const std::string text = test::read_text(folder_ / "card.md");
  EXPECT_NE(text.find("### Tested on: our \\| clinic, 5 photos"), std::string::npos) << text;
  EXPECT_NE(text.find("all, by keep"), std::string::npos);
  char auc[32];
  std::snprintf(auc, sizeof auc, "| %.3f |", own.at("auc").get<double>());
  EXPECT_NE(text.find(auc), std::string::npos) << auc << " in " << text;
  const Ran shown = test::run(NEVUS_PROGRAM, {"card", model_});
  EXPECT_EQ(shown.out, text);
  EXPECT_EQ(test::run(NEVUS_PROGRAM, {"card", folder_ / "list.csv"}).status, 1);
}

TEST_F(Evaluate, SeveralClassesHaveFiguresOfTheirOwn) {
  ModelPackage package = test::tiny_package();
  package.classes = {
      {"nv", "Naevus", false}, {"mel", "Melanoma", true}, {"bkl", "Keratosis", false}};
  package.training = {{"class_shares", {{"nv", 0.5}, {"mel", 0.49999}, {"bkl", 0.00001}}}};
  model_ = folder_.write("three.onnx", test::tiny_model_with(package)).string();
  std::string csv = "file,label\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = "three/" + std::to_string(i) + ".png";
    folder_.write(name, shade(30 + 18 * i));
    csv += name + (i < 4 ? ",mel\n" : i < 8 ? ",bkl\n" : ",nv\n");
  }
  folder_.write("three.csv", csv);
  const Ran ran = evaluate(folder_ / "three.csv", {"--report", folder_ / "three.html"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json f = figures();
  double sum = 0, all = 0;
  for (std::size_t truth = 0; truth < 3; ++truth) {
    const auto row = f.at("class_confusion").at(truth).get<std::vector<int>>();
    EXPECT_EQ(row[0] + row[1] + row[2], 4);
    EXPECT_DOUBLE_EQ(f.at("class_recall").at(package.classes[truth].id).get<double>(),
                     row[truth] / 4.0);
    sum += row[truth] / 4.0;
    all += row[truth];
  }
  EXPECT_GT(all, 4) << "better than one class for all";
  EXPECT_NEAR(f.at("macro_recall").get<double>(), sum / 3, 1e-12);
  // Shades in order: the melanomas are the darkest, the naevi the lightest.
  EXPECT_GT(f.at("macro_auc").get<double>(), 0.8);
  // Each probability divided by the class's share: the rarest one is named every time.
  EXPECT_NEAR(f.at("macro_recall_equal_shares").get<double>(), 1.0 / 3, 1e-12);
  for (const char* key : {"macro_recall", "macro_auc", "macro_recall_equal_shares"}) {
    const json ci = f.at(std::string(key) + "_ci");
    EXPECT_LE(ci[0].get<double>(), f.at(key).get<double>() + 1e-12) << key;
    EXPECT_GE(ci[1].get<double>(), f.at(key).get<double>() - 1e-12) << key;
  }
  EXPECT_NE(ran.out.find("Most probable class"), std::string::npos);
  EXPECT_NE(test::read_text(folder_ / "three.html").find("Most probable class"), std::string::npos);
}

TEST_F(Evaluate, ShowsTheWorstMistakes) {
  ASSERT_EQ(evaluate(folder_ / "list.csv", {"--report", folder_ / "r.html"}).status, 0);
  const std::string html = test::read_text(folder_ / "r.html");
  const json c = figures().at("confusion");
  std::size_t pictures = 0;
  for (std::size_t at = 0; (at = html.find("data:image/jpeg", at)) != std::string::npos; ++at)
    ++pictures;
  EXPECT_EQ(pictures, 2 * (c.at("fp").get<std::size_t>() + c.at("fn").get<std::size_t>()));
  EXPECT_NE(html.find("Precision and recall"), std::string::npos);
  EXPECT_NE(html.find("Benign photos"), std::string::npos);
}

TEST_F(Evaluate, PicturesOfSomethingElseNeedATypicality) {
  const Ran ran = evaluate(folder_ / "list.csv", {"--ood", folder_ / "p"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find("says nothing of typicality"), std::string::npos) << ran.err;
}

TEST_F(Evaluate, ComparesAModelWithItself) {
  const Ran ran = test::run(NEVUS_PROGRAM, {"compare", model_, model_, folder_ / "list.csv",
                                            "--json", folder_ / "c.json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json c = json::parse(test::read_text(folder_ / "c.json"));
  EXPECT_EQ(c.at("auc_difference").at("value"), 0);
  EXPECT_EQ(c.at("auc_difference").at("p"), 1);
  EXPECT_EQ(c.at("sensitivity_p"), 1);
  EXPECT_EQ(c.at("models").size(), 2u);
  EXPECT_NE(ran.out.find("DeLong, paired"), std::string::npos) << ran.out;
  const Ran bad =
      test::run(NEVUS_PROGRAM, {"compare", model_, folder_ / "list.csv", folder_ / "list.csv"});
  EXPECT_EQ(bad.status, 1);
  EXPECT_NE(bad.err.find("list.csv"), std::string::npos) << bad.err;
}

TEST_F(Evaluate, RefusesBadDataWithOneLine) {
  folder_.write("empty/readme.txt", std::string("x"));
  folder_.write("lonely/a/1.png", shade(100));
  folder_.write("lonely/b/1.png", shade(100));
  folder_.write("lonely/b/2.png", shade(100));
  folder_.write("benign_only/nv/1.png", shade(100));
  folder_.write("benign_only/nv/2.png", shade(100));
  folder_.write("benign_only/bkl/1.png", shade(100));
  folder_.write("benign_only/bkl/2.png", shade(100));
  const std::vector<std::pair<Arguments, std::string>> bad{
      {{folder_ / "absent"}, "no such file or folder"},
      {{folder_ / "empty"}, "no photos"},
      {{folder_ / "lonely"}, "class 'a' has one photo"},
      {{folder_ / "benign_only"}, "both kinds are needed"},
      {{folder_ / "list.csv", "--label-column", "diagnosis"}, "no column 'diagnosis'"},
      {{folder_ / "list.csv", "--where", "keep"}, "COLUMN=VALUE"},
      {{folder_ / "list.csv", "--split", "val"}, "no photos of split 'val'"},
      {{folder_ / "by_class", "--where", "a=b"}, "columns can be named for a CSV file only"}};
  for (const auto& [arguments, reason] : bad) {
    const Ran ran = evaluate(arguments[0], {arguments.begin() + 1, arguments.end()});
    EXPECT_EQ(ran.status, 1) << arguments[0];
    const auto lines = test::lines(ran.err);
    ASSERT_FALSE(lines.empty()) << arguments[0];
    EXPECT_EQ(lines.back().find("nevus: "), 0u) << ran.err;
    EXPECT_NE(lines.back().find(reason), std::string::npos) << ran.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out.json"));
  }
}

TEST_F(Evaluate, SaysWhereItCannotWrite) {
  const Ran ran = evaluate(folder_ / "list.csv", {"--json", folder_ / "list.csv/under.json"});
  EXPECT_NE(ran.status, 0);
}

}  // namespace
}  // namespace nevus
