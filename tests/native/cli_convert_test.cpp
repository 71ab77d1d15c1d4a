// `nevus convert` as a user runs it: the smaller package answers alike, and bad input gets one
// line.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "support/odd_images.h"
#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

using nlohmann::json;
using test::Folder;
using test::Ran;
using Arguments = std::vector<std::string>;

class Convert : public testing::Test {
 protected:
  Convert()
      : model_(
            folder_.write("model.onnx", test::described(test::wide_network(), test::tiny_package()))
                .string()) {
    std::string csv = "file,label,split\n";
    const auto photo = test::encode(".png", test::bgr(test::lopsided_photo(128, 96)));
    for (const char* name : {"a", "b", "c", "d"}) {
      folder_.write(std::string("photos/") + name + ".png", photo);
      csv += std::string(name) + ".png," + (name[0] < 'c' ? "benign" : "malignant") + ",train\n";
    }
    photos_ = folder_.write("photos/labels.csv", csv).string();
  }
  Ran convert(Arguments arguments) {
    arguments.insert(arguments.begin(), "convert");
    return test::run(NEVUS_PROGRAM, arguments);
  }
  json logits(const std::string& model) {
    const Ran ran =
        test::run(NEVUS_PROGRAM, {"predict", "--json", model, (folder_ / "photos/a.png").string()});
    EXPECT_EQ(ran.status, 0) << ran.err;
    return json::parse(ran.out).at("photos").at(0).at("logits");
  }

  Folder folder_;
  std::string model_, photos_;
};

TEST_F(Convert, MakesASmallerPackageThatAnswersAlike) {
  const std::string out = (folder_ / "small/model.onnx").string();
  const Ran ran = convert({model_, photos_, "--weights-as", "int8", "--out", out});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  EXPECT_NE(ran.out.find("int8"), std::string::npos);
  EXPECT_NE(ran.out.find("on 5 images"), std::string::npos) << ran.out;
  EXPECT_LT(std::filesystem::file_size(out), std::filesystem::file_size(model_) / 3);
  const json was = logits(model_), is = logits(out);
  EXPECT_NE(was, is) << "nothing was rounded";
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_NEAR(was.at(i).get<double>(), is.at(i).get<double>(), 0.1);
  const json description = json::parse(test::read_text(folder_ / "small/model.json"));
  EXPECT_EQ(description.at("training").at("stored").at("weights_as"), "int8");
}

TEST_F(Convert, WithoutPhotosItSaysWhatIsMissing) {
  const std::string out = (folder_ / "half.onnx").string();
  const Ran ran = convert({model_, "--weights-as", "float16", "--out", out});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE(ran.err.find("no photos"), std::string::npos) << ran.err;
  EXPECT_NE(ran.out.find("on 1 images"), std::string::npos) << ran.out;
}

TEST_F(Convert, TestPhotosAreNotUsed) {
  folder_.write("photos/labels.csv",
                "file,label,split\na.png,benign,test\nb.png,benign,test\nc.png,malignant,test\n"
                "d.png,malignant,test\n");
  const Ran ran = convert(
      {model_, photos_, "--weights-as", "int8", "--out", (folder_ / "small.onnx").string()});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE(ran.err.find("outside the test split"), std::string::npos) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(folder_ / "small.onnx"));
}

TEST_F(Convert, OneLineForBadInput) {
  const std::string out = (folder_ / "out.onnx").string();
  const auto nonsense = folder_.write("nonsense.onnx", std::string("nonsense")).string();
  const auto refused = [&](Arguments arguments, const std::string& reason) {
    arguments.insert(arguments.end(), {"--out", out});
    const Ran ran = convert(arguments);
    EXPECT_NE(ran.status, 0) << reason;
    EXPECT_NE(ran.err.find(reason), std::string::npos) << ran.err;
    EXPECT_LE(test::lines(ran.err).size(), 2u) << ran.err;  // CLI11 adds where to read on
    EXPECT_FALSE(std::filesystem::exists(out)) << reason;
  };
  refused({(folder_ / "absent.onnx").string(), "--weights-as", "int8"}, "no such file");
  refused({nonsense, "--weights-as", "int8"}, nonsense);
  refused({model_, "--weights-as", "int4"}, "int4");
  refused({model_}, "--weights-as");
  refused({model_, (folder_ / "nowhere").string(), "--weights-as", "int8"}, "nowhere");
  refused({model_, photos_, "--weights-as", "int8", "--tolerance", "0.0000001"}, "logits differ");
}

}  // namespace
}  // namespace nevus
