// `nevus inspect` as a user runs it.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "image_io/photo.h"
#include "support/program.h"
#include "synth/lesion.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using test::Folder;
using test::Ran;

class InspectCommand : public testing::Test {
 protected:
  InspectCommand() {
    for (int i = 0; i < 12; ++i) {
      LesionSpec spec;
      spec.width = spec.height = 160;
      spec.seed = static_cast<std::uint64_t>(i + 40);
      spec.malignant = i % 2 == 1;
      const std::string name = std::string("photos/") + (i < 9 ? "train/" : "test/") +
                               (i % 2 ? "malignant/" : "benign/") + std::to_string(i) + ".png";
      folder_.write(name, std::string());
      EXPECT_TRUE(write_png(folder_ / name, synthesize_lesion(spec).view()));
    }
    fs::copy(folder_ / "photos/train/benign/0.png", folder_ / "photos/test/benign/copy.png");
    folder_.write("photos/train/benign/text.jpg", std::string("no photo"));
  }
  Folder folder_;
};

TEST_F(InspectCommand, LeavesAReportIssuesAndGroupsThatTrainingCanUse) {
  const Ran ran =
      test::run(NEVUS_PROGRAM, {"inspect", folder_ / "photos", "--out", folder_ / "found"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE(ran.out.find("14 photos, 13 readable, 2 classes"), std::string::npos) << ran.out;
  const std::string issues = test::read_text(folder_ / "found/issues.csv");
  EXPECT_NE(issues.find("fix,duplicate-across-splits,"), std::string::npos) << issues;
  EXPECT_NE(issues.find("unreadable,train/benign/text.jpg"), std::string::npos) << issues;
  const std::string html = test::read_text(folder_ / "found/report.html");
  EXPECT_NE(html.find("The same picture in two splits"), std::string::npos);
  EXPECT_EQ(html.find("http://"), html.find("http://www.w3.org"));
  // groups.csv is a list of photos itself: the copy is one lesion with its original.
  const auto groups = load_dataset(folder_ / "found/groups.csv");
  ASSERT_TRUE(groups) << groups.error().message;
  std::string original, copy;
  for (const Sample& sample : groups->samples) {
    if (sample.file.filename() == "0.png") original = sample.group;
    if (sample.file.filename() == "copy.png") copy = sample.group;
  }
  EXPECT_FALSE(original.empty());
  EXPECT_EQ(original, copy);
  EXPECT_TRUE(groups->has_groups);
  EXPECT_EQ(groups->of_split("test").size(), 4u);
}

TEST_F(InspectCommand, SaysWhatIsWrongInOneLine) {
  for (const auto& [arguments, reason] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"inspect", folder_ / "absent", "--out", folder_ / "x"}, "no such file"},
           {{"inspect", folder_ / "photos", "--out", "/proc/x"}, "/proc/x"},
           {{"inspect", folder_ / "photos", "--out", folder_ / "x", "--map", "=b"}, "LABEL=CLASS"},
           {{"inspect", folder_ / "photos", "--out", folder_ / "x", "--where", "3:a=b"},
            "there is no source 3"}}) {
    const Ran ran = test::run(NEVUS_PROGRAM, arguments);
    EXPECT_EQ(ran.status, 1) << reason;
    EXPECT_NE(ran.err.find(reason), std::string::npos) << ran.err;
  }
}

}  // namespace
}  // namespace nevus
