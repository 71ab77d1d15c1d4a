// The validation split: whole lesions, right shares, the same on every machine.
#include "data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace nevus {
namespace {

std::vector<Sample> samples_of(int lesions, int classes, int most_photos) {
  std::vector<Sample> samples;
  std::uint32_t state = 9;
  for (int lesion = 0; lesion < lesions; ++lesion) {
    state = state * 1664525u + 1013904223u;
    const int photos =
        1 + static_cast<int>((state >> 16) % static_cast<std::uint32_t>(most_photos));
    for (int p = 0; p < photos; ++p) {
      Sample sample;
      sample.file = std::to_string(lesion) + "_" + std::to_string(p) + ".jpg";
      sample.label = lesion % classes == 0 ? 0 : lesion % classes;
      sample.group = "L" + std::to_string(lesion);
      samples.push_back(sample);
    }
  }
  return samples;
}

TEST(Split, KeepsLesionsTogetherAndCoversEverything) {
  const auto samples = samples_of(300, 3, 6);
  const Split split = stratified_group_split(samples, 0.2, 1);
  std::set<std::string> train, val;
  for (const std::size_t i : split.train) train.insert(samples[i].group);
  for (const std::size_t i : split.val) val.insert(samples[i].group);
  for (const std::string& group : val) EXPECT_EQ(train.count(group), 0u) << group;
  std::vector<std::size_t> all = split.train;
  all.insert(all.end(), split.val.begin(), split.val.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), samples.size());
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], i);
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  EXPECT_TRUE(std::is_sorted(split.val.begin(), split.val.end()));
}

TEST(Split, KeepsEachClassesShare) {
  const auto samples = samples_of(400, 4, 5);
  for (const double share : {0.1, 0.2, 0.35}) {
    const Split split = stratified_group_split(samples, share, 3);
    std::map<int, double> all, val;
    for (const Sample& s : samples) ++all[s.label];
    for (const std::size_t i : split.val) ++val[samples[i].label];
    for (const auto& [label, count] : all) EXPECT_NEAR(val[label] / count, share, 0.02) << label;
  }
}

TEST(Split, DependsOnTheSeedAlone) {
  const auto samples = samples_of(100, 2, 4);
  EXPECT_EQ(stratified_group_split(samples, 0.2, 5).val,
            stratified_group_split(samples, 0.2, 5).val);
  EXPECT_NE(stratified_group_split(samples, 0.2, 5).val,
            stratified_group_split(samples, 0.2, 6).val);
  // The order of the list makes no difference to which lesions are taken.
  auto turned = samples;
  std::reverse(turned.begin(), turned.end());
  std::set<std::string> a, b;
  for (const std::size_t i : stratified_group_split(samples, 0.2, 5).val)
    a.insert(samples[i].group);
  for (const std::size_t i : stratified_group_split(turned, 0.2, 5).val) b.insert(turned[i].group);
  EXPECT_EQ(a, b);
}

TEST(Split, GivesARareClassToBothSides) {
  auto samples = samples_of(50, 1, 1);
  for (int i = 0; i < 2; ++i) {
    Sample rare;
    rare.file = "rare" + std::to_string(i);
    rare.group = rare.file.string();
    rare.label = 1;
    samples.push_back(rare);
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Split split = stratified_group_split(samples, 0.1, seed);
    const auto rare = [&](const std::vector<std::size_t>& side) {
      return std::count_if(side.begin(), side.end(),
                           [&](std::size_t i) { return samples[i].label == 1; });
    };
    EXPECT_EQ(rare(split.val), 1) << seed;
    EXPECT_EQ(rare(split.train), 1) << seed;
  }
}

TEST(Split, SurvivesOneGiantLesion) {
  std::vector<Sample> samples(10);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i].file = std::to_string(i);
    samples[i].group = "one";
  }
  const Split split = stratified_group_split(samples, 0.2, 1);
  EXPECT_EQ(split.train.size() + split.val.size(), 10u);
  EXPECT_TRUE(split.train.empty() || split.val.empty());
  EXPECT_TRUE(stratified_group_split({}, 0.2, 1).train.empty());
}

TEST(Folds, NoLesionIsInTwoAndEachHasItsShareOfEveryClass) {
  const auto samples = samples_of(300, 3, 6);
  const int folds = 5;
  const std::vector<int> fold = stratified_group_folds(samples, folds, 2);
  ASSERT_EQ(fold.size(), samples.size());
  std::map<std::string, std::set<int>> of_group;
  std::map<int, std::vector<double>> counts;  // class -> photos in each fold
  for (std::size_t i = 0; i < samples.size(); ++i) {
    of_group[samples[i].group].insert(fold[i]);
    auto& one = counts[samples[i].label];
    one.resize(folds);
    ++one[static_cast<std::size_t>(fold[i])];
  }
  for (const auto& [group, in] : of_group) EXPECT_EQ(in.size(), 1u) << group;
  for (const auto& [label, in] : counts) {
    const double all = std::accumulate(in.begin(), in.end(), 0.0);
    for (const double n : in) EXPECT_NEAR(n / all, 1.0 / folds, 0.03) << label;
  }
  EXPECT_EQ(fold, stratified_group_folds(samples, folds, 2));
  EXPECT_NE(fold, stratified_group_folds(samples, folds, 3));
}

}  // namespace
}  // namespace nevus
