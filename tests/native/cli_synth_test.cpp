// `nevus synth` as a user runs it.
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "image_io/photo.h"
#include "support/program.h"

namespace nevus {
namespace {

using test::Folder;
using test::Ran;

TEST(SynthCommand, WritesADatasetThatReadsBack) {
  const Folder folder;
  const Ran ran = test::run(NEVUS_PROGRAM, {"synth", "--out", folder / "s", "--count", "6",
                                            "--seed", "3", "--width", "96", "--height", "64"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const auto by_folder = load_dataset(folder / "s"),
             by_list = load_dataset(folder / "s/labels.csv");
  ASSERT_TRUE(by_folder) << by_folder.error().message;
  ASSERT_TRUE(by_list) << by_list.error().message;
  EXPECT_EQ(by_folder->samples.size(), 6u);
  EXPECT_EQ(by_list->samples.size(), 6u);
  EXPECT_TRUE(by_list->has_groups);
  EXPECT_EQ(by_list->classes, (std::vector<std::string>{"benign", "malignant"}));
  for (const Sample& sample : by_list->samples) {
    const auto photo = read_photo(sample.file);
    ASSERT_TRUE(photo) << photo.error().message;
    EXPECT_EQ(photo->width, 96);
  }
}

TEST(SynthCommand, SameSeedSameBytes) {
  const Folder folder;
  for (const char* name : {"a", "b"})
    ASSERT_EQ(test::run(NEVUS_PROGRAM, {"synth", "--out", folder / name, "--count", "2", "--seed",
                                        "9", "--flat", "--jpeg"})
                  .status,
              0);
  ASSERT_EQ(test::run(NEVUS_PROGRAM, {"synth", "--out", folder / "c", "--count", "2", "--seed",
                                      "10", "--flat", "--jpeg"})
                .status,
            0);
  const auto bytes = [&](const char* name) {
    return test::read_text((folder / name) / "benign_00001.jpg");
  };
  EXPECT_FALSE(bytes("a").empty());
  EXPECT_EQ(bytes("a"), bytes("b"));
  EXPECT_NE(bytes("a"), bytes("c"));
}

TEST(SynthCommand, RefusesBadSettings) {
  const Folder folder;
  folder.write("file", std::string("x"));
  const Ran ran = test::run(NEVUS_PROGRAM, {"synth", "--out", folder / "file/s"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(test::lines(ran.err).size(), 1u) << ran.err;
  EXPECT_NE(ran.err.find("can't be made"), std::string::npos) << ran.err;
  for (const char* count : {"0", "-3", "many", "1000000"})
    EXPECT_NE(test::run(NEVUS_PROGRAM, {"synth", "--out", folder / "x", "--count", count}).status,
              0)
        << count;
}

}  // namespace
}  // namespace nevus
