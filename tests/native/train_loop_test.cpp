// Training as a whole, on a few synthetic lesions: it learns, twice the same, and a training that
// was stopped goes on as if it had not been.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "image_io/photo.h"
#include "runtime/session.h"
#include "synth/lesion.h"
#include "train/run_folder.h"
#include "train/trainer.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Sets `stop` after so many training steps.
class Watcher : public TrainObserver {
 public:
  explicit Watcher(int stop_after = -1) : stop_after_(stop_after) {}
  void note(const std::string&) override {}
  void warn(const std::string& line) override { warnings.push_back(line); }
  void progress(const TrainProgress& p) override {
    if (!p.validating && ++steps == stop_after_) stop = true;
  }
  void epoch(const EpochRecord& record, bool) override { epochs.push_back(record); }

  std::vector<std::string> warnings;
  std::vector<EpochRecord> epochs;
  std::atomic<bool> stop{false};
  int steps = 0;

 private:
  const int stop_after_;
};

class TrainLoop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::path(testing::TempDir()) / "nevus-train-loop";
    fs::remove_all(root_);
    for (const bool malignant : {false, true}) {
      const fs::path folder = root_ / "photos" / (malignant ? "malignant" : "benign");
      fs::create_directories(folder);
      for (int i = 0; i < 16; ++i) {
        LesionSpec spec;
        spec.width = spec.height = 128;
        spec.malignant = malignant;
        spec.seed = static_cast<std::uint64_t>(100 + i);
        ASSERT_TRUE(
            write_png(folder / (std::to_string(i) + ".png"), synthesize_lesion(spec).view()));
      }
    }
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static TrainOptions options(const std::string& run) {
    TrainOptions o;
    o.data = {{root_ / "photos", {}}};
    o.out = root_ / run;
    o.seed = 3;
    o.threads = 2;
    o.device = "cpu";
    o.recipe.epochs = 2;
    o.recipe.batch_size = 8;
    o.recipe.val_share = 0.25;
    // With random weights nothing is learned in six steps; the mechanics are the same.
    o.weights = imagenet_weights(o.architecture) ? "imagenet" : "none";
    return o;
  }

  static fs::path root_;
};
fs::path TrainLoop::root_;

TEST_F(TrainLoop, GivesTheSameTwiceAndAfterAnInterruption) {
  Watcher first, second, stopped(4), resumed;
  const auto a = train(options("a"), first, first.stop);
  ASSERT_TRUE(a) << a.error().message;
  const auto b = train(options("b"), second, second.stop);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(text_of(root_ / "a/history.csv"), text_of(root_ / "b/history.csv"));
  EXPECT_EQ(a->package.sha256, b->package.sha256) << "every weight";

  TrainOptions o = options("c");
  const auto c = train(o, stopped, stopped.stop);  // in the middle of the second epoch
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_TRUE(c->stopped);
  EXPECT_EQ(stopped.epochs.size(), 1u);
  EXPECT_TRUE(fs::exists(root_ / "c/checkpoint"));
  EXPECT_FALSE(fs::exists(root_ / "c/model.onnx"));
  EXPECT_FALSE(train(o, resumed, resumed.stop)) << "neither --resume nor --force";
  o.resume = true;
  o.recipe.learning_rate *= 2;
  const auto other = train(o, resumed, resumed.stop);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("learning_rate"), std::string::npos)
      << other.error().message;
  o.recipe.learning_rate /= 2;
  const auto d = train(o, resumed, resumed.stop);
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(resumed.steps, first.steps - 4);
  EXPECT_EQ(text_of(root_ / "a/history.csv"), text_of(root_ / "c/history.csv"));
  EXPECT_EQ(a->package.sha256, d->package.sha256);

  // What was written is a whole package.
  const auto session = Session::open(root_ / "a/model.onnx");
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(to_json(session->package()), text_of(root_ / "a/model.json"));
  EXPECT_EQ(session->package().name, "a");
  EXPECT_EQ(session->package().operating_point.n, 8);
  EXPECT_GE(session->package().operating_point.sensitivity, 0.95);
  EXPECT_EQ(text_of(root_ / "a/history.csv").substr(0, 42),
            "epoch,train_loss,val_loss,train_auc,val_au");
  EXPECT_GT(fs::file_size(root_ / "a/report.html"), 1000u);
}

TEST_F(TrainLoop, Learns) {
  if (!imagenet_weights("efficientnet-lite0")) {
    GTEST_SKIP() << "ImageNet weights not there, skipped";
  }
  TrainOptions o = options("learns");
  o.recipe.epochs = 4;
  o.recipe.ema_epochs = 0;
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_LT(watcher.epochs.back().train_loss, watcher.epochs.front().train_loss);
  EXPECT_GT(watcher.epochs.back().train_auc, 0.8);
  EXPECT_GE(outcome->package.metrics["validation"]["auc"].get<double>(), 0.8);
}

TEST_F(TrainLoop, LeavesUnreadablePhotosOut) {
  const fs::path copy = root_ / "damaged";
  fs::copy(root_ / "photos", copy, fs::copy_options::recursive);
  std::ofstream(copy / "benign/0.png", std::ios::trunc) << "text";
  std::ofstream(copy / "malignant/1.png", std::ios::trunc).close();
  TrainOptions o = options("damaged-run");
  o.data = {{copy, {}}};
  o.recipe.epochs = 1;
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto named = [&](const std::string& file) {
    return std::count_if(watcher.warnings.begin(), watcher.warnings.end(),
                         [&](const auto& line) { return line.find(file) != std::string::npos; });
  };
  EXPECT_EQ(named("benign/0.png"), 1);
  EXPECT_EQ(named("malignant/1.png"), 1);
  EXPECT_EQ(outcome->package.training["data"][0]["unreadable"], 2);
}

TEST_F(TrainLoop, LesionsOfTheTestSplitAreNotTrainedOn) {
  const fs::path csv = root_ / "photos/labels.csv";
  {
    std::ofstream file(csv);
    file << "file,label,group,split\n";
    for (int i = 0; i < 16; ++i) {
      for (const char* label : {"benign", "malignant"}) {
        // Lesion i of each class; the first two are test photos, and number 2 shows the same
        // lesion.
        file << label << '/' << i << ".png," << label << ',' << label << (i == 2 ? 0 : i) << ','
             << (i < 2 ? "test" : "train") << '\n';
      }
    }
  }
  TrainOptions o = options("groups");
  o.data = {{csv, {}}};
  o.recipe.epochs = 1;
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const auto& data = outcome->package.training["data"][0];
  EXPECT_EQ(data["left_out_lesion_in_test"], 2);
  EXPECT_EQ(data["test_not_used"], 4);
  EXPECT_EQ(data["train"].get<int>() + data["validation"].get<int>(), 26);
}

}  // namespace
}  // namespace nevus
