// Lists of labelled photos from folders and CSV files, and everything that can be wrong with them.
#include "data/dataset.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include <algorithm>
#include <set>

#include "support/program.h"

namespace nevus {
namespace {

using test::Folder;

bool any_contains(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& t) { return t.find(part) != std::string::npos; });
}

std::string error_of(const Result<Dataset>& result) {
  return result ? "no error" : result.error().message;
}

TEST(Dataset, ReadsAFolderPerClass) {
  const Folder folder;
  for (const char* name : {"nevus/b.jpg", "nevus/a.JPG", "melanoma/x.png", "melanoma/deep/y.webp"})
    folder.write(name, std::string("x"));
  folder.write("melanoma/notes.txt", std::string("x"));
  folder.write("melanoma/.hidden.jpg", std::string("x"));
  const auto data = load_dataset(folder.str());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->classes, (std::vector<std::string>{"melanoma", "nevus"}));
  ASSERT_EQ(data->samples.size(), 4u);
  EXPECT_TRUE(std::is_sorted(data->samples.begin(), data->samples.end(),
                             [](const Sample& a, const Sample& b) { return a.file < b.file; }));
  EXPECT_EQ(data->samples[0].group, "melanoma/deep/y.webp");
  EXPECT_FALSE(data->has_groups);
  ASSERT_EQ(data->warnings.size(), 1u);
  EXPECT_NE(data->warnings[0].find("1 .txt files left out"), std::string::npos)
      << data->warnings[0];
}

TEST(Dataset, ReadsTrainValTestFolders) {
  const Folder folder;
  for (const char* name : {"train/a/1.jpg", "train/b/1.jpg", "valid/a/2.jpg", "valid/b/2.jpg",
                           "test/a/3.jpg", "test/b/3.jpg", "other/a/4.jpg"})
    folder.write(name, std::string("x"));
  const auto data = load_dataset(folder.str());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->samples.size(), 6u);
  for (const char* split : {"train", "val", "test"})
    EXPECT_EQ(data->of_split(split).size(), 2u) << split;
  EXPECT_TRUE(any_contains(data->warnings, "other"));
}

TEST(Dataset, ReadsACsvAndNamesWhatItLeavesOut) {
  const Folder folder;
  for (const char* name : {"p/1.jpg", "p/2.jpg", "p/3.jpg", "p/4.jpg"})
    folder.write(name, std::string("x"));
  folder.write("list.csv", std::string("file,label,lesion_id,split\n"
                                       "p/1.jpg,mel,L1,train\n"
                                       "p/2.jpg,nv,L2,Testing\n"
                                       "p/gone.jpg,nv,L2,train\n"
                                       "p/3.jpg,nv,,train\n"
                                       "p/4.jpg,mel,L1,test\n"
                                       "p/4.jpg,nv,L1,test\n"
                                       "p/5.jpg\n"
                                       "p/1.jpg,,L1,train\n"));
  const auto data = load_dataset(folder / "list.csv");
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_TRUE(data->has_groups);
  ASSERT_EQ(data->samples.size(), 4u);
  EXPECT_EQ(data->samples[1].split, "test");
  EXPECT_EQ(data->samples[1].group, "L2");
  EXPECT_EQ(data->samples[2].group, "p/3.jpg");  // no group given: a lesion of its own
  EXPECT_TRUE(any_contains(data->warnings, "line 4: 'p/gone.jpg' is not there"));
  EXPECT_TRUE(any_contains(data->warnings, "line 7: 'p/4.jpg' is listed twice, with two labels"));
  EXPECT_TRUE(any_contains(data->warnings, "line 8: 1 fields instead of 4"));
  EXPECT_TRUE(any_contains(data->warnings, "line 9: 'p/1.jpg' has no label"));
  EXPECT_TRUE(any_contains(data->warnings,
                           "1 photos of split 'test' show a lesion that another split shows too"));
}

TEST(Dataset, FiltersRows) {
  const Folder folder;
  std::string csv = "img,dx,keep\n";
  for (int i = 0; i < 8; ++i) {
    folder.write(std::to_string(i) + ".png", std::string("x"));
    csv += std::to_string(i) + ".png," + (i % 2 ? "mel" : "nv") + "," + (i < 4 ? "1" : "0") + "\n";
  }
  folder.write("list.csv", csv);
  DatasetOptions options;
  options.image_column = "img";
  options.label_column = "dx";
  options.where = {{"keep", "1", true}};
  const auto data = load_dataset(folder / "list.csv", options);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->samples.size(), 4u);
  options.where = {{"kept", "1", true}};
  EXPECT_NE(error_of(load_dataset(folder / "list.csv", options))
                .find("no column 'kept' (it has: img, dx, keep)"),
            std::string::npos);
  options.where = {{"keep", "7", true}};
  EXPECT_NE(error_of(load_dataset(folder / "list.csv", options)).find("no row is left by --where"),
            std::string::npos);
}

TEST(Dataset, KeepsOnlyRowsThatMeetEveryCondition) {
  const test::Folder folder;
  std::string csv = "file,label,sex,site\n";
  for (int i = 0; i < 12; ++i) {
    const std::string name = std::to_string(i) + ".jpg";
    folder.write(name, std::string("x"));
    csv += name + (i % 2 ? ",a," : ",b,") + (i < 8 ? "male" : "female") +
           (i < 4 ? ",arm" : ",leg") + "\n";
  }
  folder.write("list.csv", csv);
  DatasetOptions options;
  options.where = {{"sex", "female", false}, {"site", "leg", true}};
  options.keep = {"site", "sex"};
  const auto data = load_dataset(folder / "list.csv", options);
  ASSERT_TRUE(data) << data.error().message;
  ASSERT_EQ(data->samples.size(), 4u);
  EXPECT_EQ(data->samples[0].kept, (std::vector<std::string>{"leg", "male"}));
}

TEST(Dataset, HoldsOutLesionsByTheirNamesAlone) {
  const test::Folder folder;
  std::string csv = "file,label,lesion_id,sex\n", fewer = csv;
  for (int i = 0; i < 400; ++i) {
    const std::string name = std::to_string(i) + ".jpg";
    folder.write(name, std::string("x"));
    const std::string row = name + (i % 4 ? ",a," : ",b,") + "L" + std::to_string(i / 2) +
                            (i % 3 ? ",male\n" : ",female\n");
    csv += row;
    if (i >= 40) fewer += row;
  }
  folder.write("all.csv", csv);
  folder.write("fewer.csv", fewer);
  DatasetOptions options;
  options.test_share = 0.25;
  const auto split_of = [&](const char* file, const DatasetOptions& how) {
    std::map<std::string, std::string> splits;
    const auto data = load_dataset(folder / file, how);
    EXPECT_TRUE(data) << data.error().message;
    for (const Sample& sample : data->samples) splits[sample.name] = sample.split;
    return splits;
  };
  const auto all = split_of("all.csv", options);
  std::size_t held = 0;
  for (int i = 0; i < 400; i += 2) {
    const std::string own = all.at(std::to_string(i) + ".jpg");
    EXPECT_EQ(own, all.at(std::to_string(i + 1) + ".jpg")) << "two photos of one lesion";
    held += own == "test" ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(held) / 200, 0.25, 0.08);
  // Whatever else is left out.
  DatasetOptions women = options;
  women.where = {{"sex", "female", true}};
  women.map = {{"a", "c"}};
  for (const auto& some : {split_of("fewer.csv", options), split_of("all.csv", women)}) {
    EXPECT_LT(some.size(), all.size());
    for (const auto& [name, split] : some) EXPECT_EQ(split, all.at(name)) << name;
  }
  options.test_share = 0;
  for (const auto& [name, split] : split_of("all.csv", options)) EXPECT_EQ(split, "");
}

TEST(Dataset, LabelsThatLeaveClassesOpen) {
  EXPECT_EQ(classes_of_label("mel"), (std::vector<std::string>{"mel"}));
  EXPECT_EQ(classes_of_label("mel | bcc|akiec"), (std::vector<std::string>{"mel", "bcc", "akiec"}));
  EXPECT_TRUE(is_malignant_label("mel|bcc"));
  EXPECT_FALSE(is_malignant_label("mel|nv"));
  EXPECT_FALSE(is_malignant_label("nv|bkl"));
}

TEST(Dataset, TakesSeveralSourcesTogether) {
  const test::Folder folder;
  for (const char* name : {"nv/1.jpg", "nv/2.jpg", "mel/1.jpg", "mel/2.jpg", "other/1.jpg"})
    folder.write(std::string("a/") + name, std::string("x"));
  for (int i = 0; i < 4; ++i) folder.write("b/" + std::to_string(i) + ".jpg", std::string("x"));
  folder.write("b/labels.csv", std::string("file,label,lesion_id\n0.jpg,benign,L\n1.jpg,benign,L\n"
                                           "2.jpg,malignant,M\n3.jpg,malignant,L\n"));
  Source a{folder / "a", {}}, b{folder / "b", {}};
  a.options.map = {{"nv", "benign"}, {"mel", "malignant"}, {"other", ""}, {"bcc", "malignant"}};
  const auto data = load_dataset({a, b});
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->classes, (std::vector<std::string>{"benign", "malignant"}));
  EXPECT_EQ(data->samples.size(), 8u) << "what is mapped to nothing is left out";
  EXPECT_TRUE(data->has_groups);
  ASSERT_EQ(data->warnings.size(), 1u);
  EXPECT_NE(data->warnings[0].find("'bcc'"), std::string::npos);
  std::set<std::string> names, groups;
  for (const Sample& sample : data->samples) {
    names.insert(sample.name);
    groups.insert(sample.group);
  }
  EXPECT_EQ(names.size(), 8u);
  EXPECT_TRUE(names.count("1/nv/1.jpg"));
  EXPECT_TRUE(names.count("2/0.jpg"));
  EXPECT_EQ(groups.size(), 4u + 2u) << "lesions of different sources are different";

  // Unless a file says that they are the same.
  folder.write("found/groups.csv",
               std::string("file,label,group,split\n../a/nv/1.jpg,benign,X,\n../b/2.jpg,m,X,\n"
                           "../b/0.jpg,b,Y,\n../a/mel/1.jpg,m,Z,\n"));
  const auto joined = load_dataset({a, b}, folder / "found/groups.csv");
  ASSERT_TRUE(joined) << joined.error().message;
  std::map<std::string, std::string> group;
  groups.clear();
  for (const Sample& sample : joined->samples) {
    group[sample.name] = sample.group;
    groups.insert(sample.group);
  }
  EXPECT_EQ(group["1/nv/1.jpg"], group["2/2.jpg"]);
  EXPECT_EQ(group["2/0.jpg"], group["2/1.jpg"]) << "the data's own groups stay";
  EXPECT_EQ(group["2/0.jpg"], group["2/3.jpg"]);
  EXPECT_NE(group["2/0.jpg"], group["2/2.jpg"]);
  EXPECT_EQ(groups.size(), 5u);
  EXPECT_NE(dataset_hash(*joined), dataset_hash(*data));

  folder.write("foreign.csv", std::string("file,group\nnowhere.jpg,1\n"));
  EXPECT_NE(error_of(load_dataset({a, b}, folder / "foreign.csv")).find("names none of the photos"),
            std::string::npos);
  EXPECT_NE(error_of(load_dataset({a, {folder / "c", {}}})).find("no such file"),
            std::string::npos);
}

TEST(Dataset, RefusesWhatCannotBeUsed) {
  const Folder folder;
  EXPECT_EQ(error_of(load_dataset(folder / "absent")),
            (folder / "absent").string() + ": no such file or folder");
  EXPECT_NE(
      error_of(load_dataset(folder.str())).find("no photos: a folder for each class is needed"),
      std::string::npos);
  folder.write("one/a.jpg", std::string("x"));
  EXPECT_NE(error_of(load_dataset(folder.str())).find("only one class, 'one'"), std::string::npos);
  folder.write("one/b.jpg", std::string("x"));
  folder.write("two/a.jpg", std::string("x"));
  EXPECT_NE(error_of(load_dataset(folder.str())).find("class 'two' has one photo"),
            std::string::npos);
  std::filesystem::create_directories(folder / "empty/a");
  EXPECT_NE(error_of(load_dataset(folder / "empty")).find("no photos"), std::string::npos);
  folder.write("no_rows.csv", std::string("file,label\n"));
  EXPECT_NE(error_of(load_dataset(folder / "no_rows.csv")).find("no rows"), std::string::npos);
  folder.write("no_label.csv", std::string("file,diagnosis\na.jpg,mel\n"));
  EXPECT_NE(error_of(load_dataset(folder / "no_label.csv")).find("no column 'label'"),
            std::string::npos);
  folder.write("binary.csv", std::string("\x00\x01\x02", 3));
  EXPECT_NE(error_of(load_dataset(folder / "binary.csv")).find("not a text file"),
            std::string::npos);
  folder.write("empty.csv", std::string());
  EXPECT_NE(error_of(load_dataset(folder / "empty.csv")).find("empty"), std::string::npos);
  folder.write("gone.csv", std::string("file,label\nx.jpg,mel\ny.jpg,nv\n"));
  const std::string gone = error_of(load_dataset(folder / "gone.csv"));
  EXPECT_NE(gone.find("line 2: 'x.jpg' is not there, and 1 more"), std::string::npos) << gone;
}

TEST(Dataset, HashSeesEveryPartOfTheList) {
  const Folder folder;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"})
    folder.write(name, std::string("x"));
  const auto hash_of = [&](const std::string& last) {
    folder.write("l.csv",
                 "file,label,group,split\na.jpg,mel,1,train\nb.jpg,mel,2,test\nc.jpg,nv,3,train\ne."
                 "jpg,nv,6,train\n" +
                     last + "\n");
    return dataset_hash(load_dataset(folder / "l.csv").value());
  };
  const std::string base = hash_of("d.jpg,nv,4,test");
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(base, hash_of("d.jpg,nv,4,test"));
  std::set<std::string> all{base, hash_of("d.jpg,mel,4,test"), hash_of("d.jpg,nv,5,test"),
                            hash_of("d.jpg,nv,4,train")};
  EXPECT_EQ(all.size(), 4u);
}

TEST(Dataset, KnowsMalignantDiagnoses) {
  for (const char* label :
       {"malignant", "MEL", "Melanoma", "bcc", "akiec", "SCC", "basal_cell_carcinoma", " mel "})
    EXPECT_TRUE(is_malignant_label(label)) << label;
  for (const char* label : {"benign", "nv", "nevus", "bkl", "df", "vasc", "melanocytic nevus", ""})
    EXPECT_FALSE(is_malignant_label(label)) << label;
}

TEST(Dataset, ReadsTheRealSets) {
  const std::filesystem::path real = NEVUS_DATA_DIR;
  if (!std::filesystem::exists(real / "kaggle/groups.csv")) GTEST_SKIP() << "not there, skipped";
  const auto kaggle = load_dataset(real / "kaggle/groups.csv");
  ASSERT_TRUE(kaggle) << kaggle.error().message;
  EXPECT_EQ(kaggle->of_split("train").size(), 2637u);
  EXPECT_EQ(kaggle->of_split("test").size(), 660u);
  EXPECT_TRUE(kaggle->has_groups);
  DatasetOptions clean;
  clean.where = {{"seen_in_other_split", "0", true}};
  EXPECT_EQ(load_dataset(real / "kaggle/groups.csv", clean)->of_split("test").size(), 546u);
  const auto folders = load_dataset(real / "kaggle");
  ASSERT_TRUE(folders) << folders.error().message;
  EXPECT_EQ(folders->samples.size(), 3297u);
  EXPECT_TRUE(any_contains(folders->warnings, "groups.csv is not used"));
}

}  // namespace
}  // namespace nevus
