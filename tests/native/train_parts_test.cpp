// The trainer's parts that need no network: schedule, batches, loader, run folder.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "image_io/photo.h"
#include "synth/lesion.h"
#include "train/loader.h"
#include "train/random.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  explicit Folder(const std::string& name) : path(fs::path(testing::TempDir()) / name) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  const fs::path path;
};

TEST(Schedule, WarmsUpThenFallsToZero) {
  EXPECT_DOUBLE_EQ(schedule_factor(0, 100, 0.1), 0.1);
  EXPECT_DOUBLE_EQ(schedule_factor(9, 100, 0.1), 1.0);
  EXPECT_NEAR(schedule_factor(54, 100, 0.1), 0.5, 1e-12);
  EXPECT_NEAR(schedule_factor(99, 100, 0.1), 0.0, 1e-12);
  for (int step = 10; step < 99; ++step) {
    EXPECT_GT(schedule_factor(step, 100, 0.1), schedule_factor(step + 1, 100, 0.1));
  }
  EXPECT_GE(schedule_factor(0, 1, 0.1), 0.0);
}

TEST(Schedule, ViewsGrowOverTwoThirdsOfTheEpochs) {
  const auto sizes = [](int first, int last, int epochs) {
    Recipe recipe;
    recipe.first_size = first;
    recipe.last_size = last;
    recipe.epochs = epochs;
    std::vector<int> all;
    for (int epoch = 1; epoch <= epochs; ++epoch) all.push_back(view_size(224, recipe, epoch));
    return all;
  };
  EXPECT_EQ(sizes(160, 0, 10),
            (std::vector<int>{160, 160, 160, 192, 192, 192, 224, 224, 224, 224}));
  EXPECT_EQ(sizes(160, 192, 7), (std::vector<int>{160, 160, 160, 160, 192, 192, 192}));
  EXPECT_EQ(sizes(0, 192, 2), (std::vector<int>{192, 192}));
  EXPECT_EQ(sizes(0, 0, 2), (std::vector<int>{224, 224}));
  EXPECT_EQ(sizes(256, 256, 2), (std::vector<int>{224, 224}));
  EXPECT_EQ(sizes(128, 0, 1), (std::vector<int>{128}));
}

TEST(Batches, HoldEveryPhotoOnceAndNeverOneAlone) {
  for (std::size_t n = 1; n < 70; ++n) {
    std::vector<std::size_t> indices(n);
    std::iota(indices.begin(), indices.end(), 0);
    const auto batches = cut_batches(indices, 8);
    std::vector<std::size_t> all;
    for (const auto& batch : batches) {
      EXPECT_TRUE(batch.size() > 1 || n == 1) << n;
      all.insert(all.end(), batch.begin(), batch.end());
    }
    EXPECT_EQ(all, indices);
  }
}

TEST(Shuffle, IsAPermutationThatTheSeedDecides) {
  std::vector<int> a(1000), b(1000), c(1000);
  for (auto* list : {&a, &b, &c}) std::iota(list->begin(), list->end(), 0);
  const std::vector<int> sorted = a;
  shuffle(a, 5);
  shuffle(b, 5);
  shuffle(c, 6);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  EXPECT_NE(a, sorted);
  std::sort(a.begin(), a.end());
  EXPECT_EQ(a, sorted);
}

class LoaderTest : public testing::Test {
 protected:
  // Tests may run at the same time.
  LoaderTest() : folder_("nevus-loader-" + std::to_string(getpid())) {
    for (int i = 0; i < 12; ++i) {
      LesionSpec spec;
      spec.width = spec.height = 96;
      spec.seed = static_cast<std::uint64_t>(i);
      Sample sample;
      sample.file = folder_.path / (std::to_string(i) + ".png");
      sample.label = i % 2;
      EXPECT_TRUE(write_png(sample.file, synthesize_lesion(spec).view()));
      samples_.push_back(sample);
    }
    spec_.input.width = spec_.input.height = 64;
  }

  std::vector<Batch> all(int threads, std::uint64_t seed, std::vector<std::string>* unreadable) {
    std::vector<std::size_t> indices(samples_.size());
    std::iota(indices.begin(), indices.end(), 0);
    spec_.threads = threads;
    spec_.ahead = 2;
    Loader loader(samples_, cut_batches(indices, 5), spec_, seed,
                  [&](const Sample& sample, const std::string& reason) {
                    if (unreadable) unreadable->push_back(sample.file.filename().string() + reason);
                  });
    std::vector<Batch> batches;
    while (auto batch = loader.next()) batches.push_back(std::move(*batch));
    return batches;
  }

  Folder folder_;
  std::vector<Sample> samples_;
  LoaderSpec spec_;
};

TEST_F(LoaderTest, GivesTheSameNumbersHoweverManyThreadsRead) {
  spec_.augment = AugmentSpec{};
  const auto one = all(1, 3, nullptr);
  const auto four = all(4, 3, nullptr);
  const auto other = all(2, 4, nullptr);
  ASSERT_EQ(one.size(), 3u);
  ASSERT_EQ(four.size(), 3u);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].indices, four[i].indices);
    EXPECT_EQ(one[i].labels, four[i].labels);
    EXPECT_EQ(one[i].images, four[i].images);
    EXPECT_NE(one[i].images, other[i].images);
  }
}

TEST_F(LoaderTest, WithoutAugmentationItIsThePackagesPreprocessing) {
  const auto batches = all(2, 0, nullptr);
  const auto photo = read_photo(samples_[6].file);
  ASSERT_TRUE(photo);
  std::vector<float> expected(3 * 64 * 64);
  preprocess(photo->view(), spec_.input, expected);
  const auto& images = batches.at(1).images;
  const std::vector<float> actual(images.begin() + 3 * 64 * 64, images.begin() + 2 * 3 * 64 * 64);
  EXPECT_EQ(actual, expected);
}

TEST_F(LoaderTest, NamesUnreadablePhotosAndGoesOn) {
  std::ofstream(samples_[3].file, std::ios::trunc) << "not a photo";
  std::ofstream(samples_[7].file, std::ios::trunc).close();
  std::vector<std::string> unreadable;
  const auto batches = all(2, 0, &unreadable);
  std::sort(unreadable.begin(), unreadable.end());
  ASSERT_EQ(unreadable.size(), 2u);
  EXPECT_EQ(unreadable[0].rfind("3.png", 0), 0u);
  EXPECT_EQ(unreadable[1].rfind("7.png", 0), 0u);
  std::size_t photos = 0;
  for (const Batch& batch : batches) photos += batch.indices.size();
  EXPECT_EQ(photos, 10u);
}

TEST_F(LoaderTest, CanBeLeftEarly) {
  std::vector<std::size_t> indices(samples_.size());
  std::iota(indices.begin(), indices.end(), 0);
  spec_.ahead = 1;
  Loader loader(samples_, cut_batches(indices, 2), spec_, 0, [](auto&, auto&) {});
  ASSERT_TRUE(loader.next());
}

TEST(RunFolderTest, RefusesWhatItWouldDestroy) {
  const Folder folder("nevus-run-folder");
  const RunFolder run(folder.path / "a" / "run");
  EXPECT_EQ(run.name(), "run");
  EXPECT_TRUE(run.prepare(false, false));
  EXPECT_TRUE(run.prepare(false, false)) << "an empty folder is fine";
  std::ofstream(run.checkpoint()) << "x";
  const auto stopped = run.prepare(false, false);
  ASSERT_FALSE(stopped);
  EXPECT_NE(stopped.error().message.find("--resume"), std::string::npos);
  EXPECT_TRUE(run.prepare(true, false));
  std::ofstream(run.model()) << "x";
  const auto finished = run.prepare(false, false);
  ASSERT_FALSE(finished);
  EXPECT_NE(finished.error().message.find("--force"), std::string::npos);
  EXPECT_TRUE(run.prepare(false, true));
  EXPECT_FALSE(fs::exists(run.model()));
  EXPECT_FALSE(fs::exists(run.checkpoint()));

  std::ofstream(folder.path / "file") << "x";
  const auto file = RunFolder(folder.path / "file").prepare(false, true);
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("is a file"), std::string::npos);
  EXPECT_FALSE(RunFolder("/proc/nevus").prepare(false, false));
}

TEST(ModelClassTest, MakesIdsOfAnyLabel) {
  EXPECT_EQ(model_class("malignant", true).id, "malignant");
  EXPECT_EQ(model_class("malignant", true).name, "Malignant");
  EXPECT_EQ(model_class("bcc", true).name, "Basal-cell carcinoma");
  EXPECT_EQ(model_class("Basal cell carcinoma", true).id, "basal_cell_carcinoma");
  EXPECT_LE(model_class(std::string(100, 'x'), false).id.size(), 32u);
}

}  // namespace
}  // namespace nevus
