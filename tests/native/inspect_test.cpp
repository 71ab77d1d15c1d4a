// `nevus inspect`'s eyes: copies in every disguise, lesions across splits, labels that disagree.
#include <gtest/gtest.h>

#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <random>
#include <set>

#include "image_io/photo.h"
#include "inspect/candidates.h"
#include "inspect/inspection.h"
#include "support/program.h"
#include "synth/lesion.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using test::Folder;

cv::Mat lesion(std::uint64_t seed, int width = 320, int height = 240) {
  LesionSpec spec;
  spec.width = width;
  spec.height = height;
  spec.seed = seed;
  spec.malignant = seed % 2 == 0;
  const Image image = synthesize_lesion(spec);
  cv::Mat rgb(image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  return bgr;
}

class InspectTest : public testing::Test {
 protected:
  void add(const std::string& name, const cv::Mat& picture, const std::string& label,
           const std::string& split = "train", std::vector<int> options = {}) {
    fs::create_directories((folder_ / name).parent_path());
    ASSERT_TRUE(cv::imwrite((folder_ / name).string(), picture, options));
    rows_ += name + "," + label + "," + split + "\n";
  }
  // Different lesions, as company.
  void add_others(int count) {
    for (int i = 0; i < count; ++i)
      add("other/" + std::to_string(i) + ".jpg", lesion(static_cast<std::uint64_t>(500 + i)),
          i % 2 ? "benign" : "malignant");
  }
  Inspection look() {
    folder_.write("list.csv", rows_);
    auto dataset = load_dataset(folder_ / "list.csv");
    EXPECT_TRUE(dataset) << (dataset ? "" : dataset.error().message);
    dataset_ = std::move(*dataset);
    return inspect(dataset_, 2);
  }
  std::size_t index(const std::string& name) const {
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i)
      if (dataset_.samples[i].name == name) return i;
    ADD_FAILURE() << name;
    return 0;
  }
  std::set<std::string> kinds(const Inspection& result, const std::string& name) const {
    std::set<std::string> out;
    const std::size_t i = index(name);
    for (const Issue& issue : result.issues)
      if (issue.photo == i || issue.other == static_cast<long>(i)) out.insert(issue.kind);
    return out;
  }
  Folder folder_;
  std::string rows_ = "file,label,split\n";
  Dataset dataset_;
};

TEST_F(InspectTest, FindsCopiesHoweverTheyWereTurnedFlippedShrunkAndStoredAgain) {
  add_others(30);
  const cv::Mat original = lesion(3);
  add("o.png", original, "benign");
  add("exact.png", original, "benign");
  add("again.jpg", original, "benign", "train", {cv::IMWRITE_JPEG_QUALITY, 70});
  cv::Mat changed;
  cv::rotate(original, changed, cv::ROTATE_90_CLOCKWISE);
  add("turned.jpg", changed, "benign");
  cv::rotate(original, changed, cv::ROTATE_180);
  add("upside.jpg", changed, "benign");
  cv::flip(original, changed, 1);
  add("mirrored.jpg", changed, "benign");
  cv::resize(original, changed, {}, 0.6, 0.6, cv::INTER_AREA);
  add("small.jpg", changed, "benign");
  const Inspection result = look();
  const std::string group = result.groups[index("o.png")];
  for (const char* name :
       {"exact.png", "again.jpg", "turned.jpg", "upside.jpg", "mirrored.jpg", "small.jpg"}) {
    EXPECT_EQ(result.groups[index(name)], group) << name;
    EXPECT_TRUE(kinds(result, name).count("duplicate")) << name;
  }
  for (int i = 0; i < 30; ++i)
    EXPECT_NE(result.groups[index("other/" + std::to_string(i) + ".jpg")], group) << i;
}

TEST_F(InspectTest, CopiesAcrossSplitsAndContradictionsComeFirst) {
  add_others(12);
  add("a.jpg", lesion(1), "benign", "train");
  add("b.jpg", lesion(1), "benign", "test");
  add("c.jpg", lesion(2), "benign");
  add("d.jpg", lesion(2), "malignant");
  const Inspection result = look();
  EXPECT_EQ(kinds(result, "a.jpg"), std::set<std::string>{"duplicate-across-splits"});
  EXPECT_EQ(kinds(result, "c.jpg"), (std::set<std::string>{"contradicting-labels", "duplicate"}));
  ASSERT_GE(result.issues.size(), 2u);
  EXPECT_EQ(result.issues[0].severity, Severity::fix);
  EXPECT_EQ(result.issues[1].severity, Severity::fix);
  EXPECT_EQ(result.groups[index("c.jpg")], result.groups[index("d.jpg")]);
}

TEST_F(InspectTest, DifferentLesionsAreNotCalledTheSame) {
  add_others(60);
  const Inspection result = look();
  const std::set<std::string> groups(result.groups.begin(), result.groups.end());
  // Of the 1,770 pairs, drawn by one hand with a handful of shapes, a few are all but equal.
  EXPECT_GE(groups.size(), 57u);
}

// A dermatoscope's round view in a black surround: of another diameter on each photo.
cv::Mat through_a_tube(const cv::Mat& picture, int radius) {
  cv::Mat mask(picture.size(), CV_8U, cv::Scalar(0)),
      out(picture.size(), CV_8UC3, cv::Scalar(4, 4, 4));
  cv::circle(mask, {picture.cols / 2, picture.rows / 2}, radius, 255, cv::FILLED);
  picture.copyTo(out, mask);
  cv::GaussianBlur(out, out, cv::Size(), 2.0);
  return out;
}

TEST_F(InspectTest, ARoundViewMakesNoCopiesAndHidesNone) {
  for (int i = 0; i < 40; ++i)
    add("round/" + std::to_string(i) + ".jpg",
        through_a_tube(lesion(static_cast<std::uint64_t>(500 + i), 256, 256), 84 + i % 3),
        i % 2 ? "benign" : "malignant");
  add("again.jpg", through_a_tube(lesion(507, 256, 256), 85), "benign", "train",
      {cv::IMWRITE_JPEG_QUALITY, 60});
  const Inspection result = look();
  EXPECT_TRUE(kinds(result, "again.jpg").count("duplicate"));
  EXPECT_EQ(result.groups[index("again.jpg")], result.groups[index("round/7.jpg")]);
  const std::set<std::string> groups(result.groups.begin(), result.groups.end());
  // Of 41 photos two show one drawing; a few others are all but equal.
  EXPECT_GE(groups.size(), 34u);
}

TEST_F(InspectTest, NamesWhatCannotBeReadAndWhatCannotBeJudged) {
  add_others(6);
  rows_ += "text.jpg,benign,train\nempty.png,benign,train\n";
  folder_.write("text.jpg", std::string("no photo"));
  folder_.write("empty.png", std::string());
  add("dark.jpg", cv::Mat(240, 320, CV_8UC3, cv::Scalar(4, 4, 4)), "benign");
  const Inspection result = look();
  EXPECT_EQ(kinds(result, "text.jpg"), std::set<std::string>{"unreadable"});
  EXPECT_EQ(kinds(result, "empty.png"), std::set<std::string>{"unreadable"});
  EXPECT_GE(kinds(result, "dark.jpg").size(), 1u) << "too dark to judge";
  EXPECT_EQ(result.readable.size(), 7u);
}

TEST_F(InspectTest, ThreadsDoNotChangeWhatIsFound) {
  add_others(10);
  add("a.jpg", lesion(1), "benign");
  add("b.jpg", lesion(1), "benign");
  const Inspection two = look();
  const Inspection one = inspect(dataset_, 1);
  EXPECT_EQ(one.groups, two.groups);
  ASSERT_EQ(one.issues.size(), two.issues.size());
  for (std::size_t i = 0; i < one.issues.size(); ++i)
    EXPECT_EQ(one.issues[i].detail, two.issues[i].detail);
}

// Photos with random structures, all different.
std::vector<PhotoFeatures> strangers(std::size_t count, std::mt19937& random) {
  std::vector<PhotoFeatures> photos(count);
  for (PhotoFeatures& photo : photos) {
    photo.descriptors.create(300, 32, CV_8U);
    for (int row = 0; row < 300; ++row) {
      for (int k = 0; k < 32; ++k)
        photo.descriptors.at<std::uint8_t>(row, k) = static_cast<std::uint8_t>(random());
      photo.poses.push_back(
          {static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random() % 6)});
    }
  }
  return photos;
}

// Gives `to` 60 of `from`'s structures, a few bits of each changed, turned by `turn` (any: by
// chance).
void share(const PhotoFeatures& from, PhotoFeatures& to, std::optional<int> turn,
           std::mt19937& random) {
  for (int row = 0; row < 60; ++row) {
    for (int k = 0; k < 32; ++k) {
      std::uint8_t flips = 0;
      for (int bit = 0; bit < 8; ++bit)
        flips |= static_cast<std::uint8_t>((random() % 10 == 0) << bit);
      to.descriptors.at<std::uint8_t>(row, k) = from.descriptors.at<std::uint8_t>(row, k) ^ flips;
    }
    const auto i = static_cast<std::size_t>(row);
    const int by = turn ? *turn : static_cast<int>(random() % 256);
    to.poses[i].turn = static_cast<std::uint8_t>(from.poses[i].turn + by);
    to.poses[i].level = from.poses[i].level;
  }
}

TEST(StructureIndexTest, FindsThePhotoWhoseStructuresTurnedTogether) {
  std::mt19937 random(3);
  std::vector<PhotoFeatures> photos = strangers(200, random);
  share(photos[7], photos[150], 90, random);
  share(photos[7], photos[90], std::nullopt, random);  // the same structures, thrown about
  const StructureIndex index(photos);
  StructureIndex::Votes votes(index);
  std::vector<std::size_t> found, again, back;
  index.nearest(7, 2, votes, found);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0], 150u);
  index.nearest(150, 1, votes, back);
  EXPECT_EQ(back, std::vector<std::size_t>{7});
  index.nearest(7, 2, votes, again);
  EXPECT_EQ(again, found) << "whatever was asked before";
  std::vector<std::size_t> none;
  index.nearest(20, 5, votes, none);
  EXPECT_TRUE(none.empty()) << "strangers share nothing";
}

TEST(StructureIndexTest, PhotosWithoutStructuresAreNoTrouble) {
  std::mt19937 random(4);
  std::vector<PhotoFeatures> photos = strangers(3, random);
  photos[1] = PhotoFeatures();
  const StructureIndex index(photos);
  StructureIndex::Votes votes(index);
  std::vector<std::size_t> found;
  index.nearest(1, 5, votes, found);
  index.nearest(0, 5, votes, found);
  EXPECT_TRUE(found.empty());
}

}  // namespace
}  // namespace nevus
