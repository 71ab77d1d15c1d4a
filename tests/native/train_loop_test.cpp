// Training as a whole, on a few synthetic lesions: it learns, twice the same, and a training that
// was stopped goes on as if it had not been.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "image_io/photo.h"
#include "nets/turns.h"
#include "runtime/model_file.h"
#include "runtime/session.h"
#include "synth/lesion.h"
#include "train/cross_validation.h"
#include "train/run_folder.h"
#include "train/teachers.h"
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
    // CTest runs several of these tests at a time, each in a process of its own.
    root_ = fs::path(testing::TempDir()) / ("nevus-train-loop-" + std::to_string(getpid()));
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

  // Enough to learn these photos.
  static TrainOptions learning(const std::string& run) {
    TrainOptions o = options(run);
    o.recipe.epochs = 4;
    o.recipe.ema_epochs = 0;
    return o;
  }

  static fs::path root_;
};
fs::path TrainLoop::root_;

// Three classes from one source, two open labels from another: all are learnt from, and every
// source validates.
TEST_F(TrainLoop, LearnsFromLabelsThatLeaveClassesOpen) {
  Source known{root_ / "photos", {}}, open{root_ / "photos", {}};
  const fs::path list = root_ / "photos" / "three.csv";
  {
    std::ofstream csv(list);
    csv << "file,label\n";
    for (int i = 0; i < 16; ++i) {
      csv << "benign/" << i << ".png," << (i % 2 ? "nv" : "bkl") << "\n"
          << "malignant/" << i << ".png,mel\n";
    }
  }
  known.path = list;
  open.options.map = {{"benign", "nv|bkl"}, {"malignant", "mel"}};
  TrainOptions o = options("open");
  o.data = {known, open};
  o.recipe.epochs = 1;
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  const ModelPackage& package = outcome->package;
  ASSERT_EQ(package.classes.size(), 3u);
  EXPECT_EQ(package.classes[2].id, "nv");
  EXPECT_FALSE(package.classes[0].malignant);
  const nlohmann::json& validation = package.metrics.at("validation");
  ASSERT_EQ(validation.at("by_source").size(), 2u);
  for (const auto& one : validation.at("by_source")) EXPECT_GT(one.at("n").get<int>(), 0);
  const std::string rows = text_of(o.out / "validation.csv");
  EXPECT_NE(rows.find(",nv|bkl,"), std::string::npos) << rows;

  TrainOptions some = options("some");
  some.photos = 12;
  some.recipe.epochs = 1;
  Watcher quick;
  ASSERT_TRUE(train(some, quick, quick.stop));
  EXPECT_EQ(quick.steps, 2) << "12 photos in batches of 8";

  o.folds = 2;
  o.fold = 1;
  EXPECT_FALSE(train(o, watcher, watcher.stop)) << "folds need a class for each photo";
  o.folds = 0;
  o.out = root_ / "torn";
  o.data[1].options.map = {{"benign", "nv|mel"}, {"malignant", ""}};
  const auto torn = train(o, watcher, watcher.stop);
  ASSERT_FALSE(torn);
  EXPECT_NE(torn.error().message.find("leaves open whether"), std::string::npos)
      << torn.error().message;
  o.data[1].options.map = {{"benign", "nv|df"}, {"malignant", ""}};
  const auto unknown = train(o, watcher, watcher.stop);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("'df', which no photo has"), std::string::npos)
      << unknown.error().message;
}

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
  TrainOptions o = learning("learns");
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_LT(watcher.epochs.back().train_loss, watcher.epochs.front().train_loss);
  EXPECT_GT(watcher.epochs.back().train_auc, 0.8);
  EXPECT_GE(outcome->package.metrics["validation"]["auc"].get<double>(), 0.8);
  EXPECT_EQ(text_of(o.out / "report.html").find("photos were mixed"), std::string::npos);
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
  const fs::path csv = root_ / "photos/list.csv";
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

TEST_F(TrainLoop, EveryKnobStillContinuesToTheSameWeights) {
  TrainOptions o = options("knobs-a");
  o.architecture = "mobilenetv3-small";
  o.weights = "none";
  o.recipe.epochs = 3;
  o.recipe.optimizer = "sgd";
  o.recipe.learning_rate = 0.02;
  o.recipe.head_epochs = 1;
  o.recipe.freeze = 2;
  o.recipe.accumulate = 2;
  o.recipe.batch_size = 4;
  o.recipe.clip_norm = 1;
  o.recipe.balance = "sampling";
  o.recipe.mixup = 0.2;
  o.recipe.cutmix = 0.5;
  o.recipe.drop_connect = 0.2;
  o.recipe.layer_decay = 0.9;
  Watcher whole, stopped(5), resumed;
  const auto a = train(o, whole, whole.stop);
  ASSERT_TRUE(a) << a.error().message;
  o.out = root_ / "knobs-b";
  const auto b = train(o, stopped, stopped.stop);
  ASSERT_TRUE(b) << b.error().message;
  ASSERT_TRUE(b->stopped);
  o.resume = true;
  const auto c = train(o, resumed, resumed.stop);
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(text_of(root_ / "knobs-a/history.csv"), text_of(root_ / "knobs-b/history.csv"));
  EXPECT_EQ(a->package.sha256, c->package.sha256);
  const auto says_mixed = [](const fs::path& run) {
    return text_of(run / "report.html").find("photos were mixed") != std::string::npos;
  };
  EXPECT_TRUE(says_mixed(root_ / "knobs-a"));
  const auto& settings = a->package.training["settings"];
  for (const char* name : {"optimizer", "head_epochs", "freeze", "accumulate", "clip_norm",
                           "balance", "mixup", "cutmix", "layer_decay", "typicality", "patience"})
    EXPECT_TRUE(settings.contains(name)) << name;
}

// Training photos whose labels are all wrong, and a teacher that knows: what is learnt comes from
// the teacher.
TEST_F(TrainLoop, LearnsFromATeacher) {
  if (!imagenet_weights("efficientnet-lite0")) {
    GTEST_SKIP() << "ImageNet weights not there, skipped";
  }
  TrainOptions o = learning("teacher");
  Watcher watcher;
  const auto teacher = train(o, watcher, watcher.stop);
  ASSERT_TRUE(teacher) << teacher.error().message;
  const fs::path list = root_ / "photos" / "wrong.csv";
  {
    std::ofstream csv(list);
    csv << "file,label,split\n";
    for (int i = 0; i < 12; ++i) {
      csv << "benign/" << i << ".png,malignant,train\n"
          << "malignant/" << i << ".png,benign,train\n";
    }
    for (int i = 12; i < 16; ++i) {
      for (const char* folder : {"benign", "malignant"}) {
        csv << folder << '/' << i << ".png," << folder << ",val\n";
      }
    }
  }
  o.data = {{list, {}}};
  o.out = root_ / "taught";
  o.teachers = {root_ / "teacher/model.onnx", root_ / "teacher/model.onnx"};
  o.recipe.teacher_weight = 1;
  o.recipe.teacher_turns = 2;
  Watcher taught, untaught;
  const auto learnt = train(o, taught, taught.stop);
  ASSERT_TRUE(learnt) << learnt.error().message;
  const auto& settings = learnt->package.training["settings"];
  ASSERT_EQ(settings["teachers"].size(), 2u);
  EXPECT_EQ(settings["teachers"][0], teacher->package.sha256);
  EXPECT_EQ(settings["teacher_turns"], 2);
  const auto warned = [](const Watcher& one) {
    return std::count_if(one.warnings.begin(), one.warnings.end(), [](const std::string& line) {
      return line.find("cut otherwise") != std::string::npos;
    });
  };
  EXPECT_EQ(warned(taught), 2) << "the teacher's photos were cut otherwise";
  o.out = root_ / "untaught";
  o.teachers.clear();
  const auto misled = train(o, untaught, untaught.stop);
  ASSERT_TRUE(misled) << misled.error().message;
  EXPECT_GT(taught.epochs.back().val_auc, 0.9);
  EXPECT_LT(untaught.epochs.back().val_auc, 0.5);

  // A start from its checkpoint is a start from what it had learnt.
  o.out = root_ / "continued";
  o.data = {{root_ / "photos", {}}};
  o.teachers = {root_ / "teacher/model.onnx"};
  o.weights = (root_ / "teacher/checkpoint").string();
  o.recipe.epochs = 1;
  o.recipe.learning_rate = 1e-7;
  Watcher on;
  const auto continued = train(o, on, on.stop);
  ASSERT_TRUE(continued) << continued.error().message;
  EXPECT_EQ(warned(on), 0) << "the same photos, the same cut";
  EXPECT_NEAR(on.epochs[0].val_auc, teacher->package.metrics["validation"]["auc"].get<double>(),
              0.05);

  o.out = root_ / "unteachable";
  o.teachers = {list};
  const auto text = train(o, on, on.stop);
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("wrong.csv"), std::string::npos) << text.error().message;
  o.teachers = {root_ / "teacher/model.onnx"};
  o.architecture = "efficientnet-lite2";
  o.weights = "none";
  const auto larger = train(o, on, on.stop);
  ASSERT_FALSE(larger);
  EXPECT_NE(larger.error().message.find("takes its photos otherwise"), std::string::npos)
      << larger.error().message;
}

// A finished run, exported once more for four turns: what it says of a view is the mean of what the
// one-turn file says of its turns, and the map turns along.
TEST_F(TrainLoop, ExportsAModelThatJudgesTurns) {
  if (!imagenet_weights("efficientnet-lite0")) {
    GTEST_SKIP() << "ImageNet weights not there, skipped";
  }
  TrainOptions o = learning("turning");
  o.storage = WeightStorage::float32;
  Watcher watcher;
  const auto one = train(o, watcher, watcher.stop);
  ASSERT_TRUE(one) << one.error().message;
  const auto single = read_model(root_ / "turning/model.onnx");
  ASSERT_TRUE(single) << single.error().message;
  EXPECT_EQ(one->package.training["settings"]["turns"], 1);
  o.resume = true;
  for (const int turns : {2, 4, 8}) {
    SCOPED_TRACE(turns);
    o.turns = turns;
    const auto all = train(o, watcher, watcher.stop);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->package.training["settings"]["turns"], turns);
    const auto several = read_model(root_ / "turning/model.onnx");
    ASSERT_TRUE(several) << several.error().message;

    const int side = one->package.input.width;
    torch::manual_seed(9);
    // Two photos, so that a batch's order matters.
    const torch::Tensor views = torch::randn({2, 3, side, side});
    const auto answer = [&](const std::vector<std::uint8_t>& onnx, const torch::Tensor& images) {
      const torch::Tensor plain = images.contiguous();
      const auto output =
          run_onnx(onnx, {plain.const_data_ptr<float>(), static_cast<std::size_t>(plain.numel())},
                   2, 3, side, side);
      EXPECT_TRUE(output) << output.error().message;
      return std::tuple(torch::tensor(output->logits).view({2, 2}),
                        torch::tensor(output->cam).view({2, 2, side / 32, side / 32}),
                        torch::tensor(output->distance));
    };
    // Calibration may have moved the biases: what is left of the logits is without them.
    const auto without_bias = [](const torch::Tensor& cam) { return cam.mean({2, 3}); };
    torch::Tensor sum = torch::zeros({2, 2}), maps = torch::zeros({2, 2, side / 32, side / 32});
    for (int i = 0; i < turns; ++i) {
      const auto cam = std::get<1>(answer(*single, turned(views, turn(i))));
      sum += without_bias(cam);
      maps += turned_back(cam, turn(i));
    }
    const auto [logits, cam, distance] = answer(*several, views);
    ASSERT_EQ(distance.numel(), all->package.typicality ? 2 : 0);
    EXPECT_TRUE(torch::allclose(cam, maps / turns, 1e-4, 1e-4));
    EXPECT_TRUE(torch::allclose(without_bias(cam), sum / turns, 1e-4, 1e-4));
    const torch::Tensor bias = logits - without_bias(cam);
    EXPECT_TRUE(torch::allclose(bias[0], bias[1], 1e-4, 1e-4)) << bias;
    const auto upright = std::get<1>(answer(*single, views));
    EXPECT_FALSE(torch::allclose(cam, upright, 1e-2, 1e-2)) << "nothing to average";
    // Its turns are a group: the answer is the same however the photo lay.
    for (int i = 1; i < turns; ++i) {
      const auto [same, along, as_far] = answer(*several, turned(views, turn(i)));
      EXPECT_TRUE(torch::allclose(same, logits, 1e-4, 1e-4)) << i;
      EXPECT_TRUE(torch::allclose(turned_back(along, turn(i)), cam, 1e-4, 1e-4)) << i;
      EXPECT_TRUE(torch::allclose(as_far, distance, 1e-3, 1e-3)) << i;
    }
    // As a teacher it says the same.
    const ModelPackage& package = all->package;
    auto teacher =
        Teachers::read({root_ / "turning/model.onnx"},
                       {package.classes[0].id, package.classes[1].id}, package.input, torch::kCPU);
    ASSERT_TRUE(teacher) << teacher.error().message;
    EXPECT_TRUE(torch::allclose(teacher->probabilities(views, 0),
                                torch::softmax(logits / package.temperature, 1), 1e-4, 1e-4));
  }
}

TEST_F(TrainLoop, TheCacheChangesNothingButTime) {
  TrainOptions o = options("cached");
  o.architecture = "mobilenetv3-small";
  o.weights = "none";
  o.recipe.epochs = 3;
  Watcher a, b, c, d;
  const auto cached = train(o, a, a.stop);
  ASSERT_TRUE(cached) << cached.error().message;
  EXPECT_FALSE(fs::exists(root_ / "cached/photos.cache")) << "scratch of a finished run";
  o.out = root_ / "uncached";
  o.cache = "off";
  const auto uncached = train(o, b, b.stop);
  ASSERT_TRUE(uncached) << uncached.error().message;
  EXPECT_EQ(cached->package.sha256, uncached->package.sha256);
  // Too small for all photos: some come from it, some are decoded.
  o.out = root_ / "small-cache";
  o.cache = (root_ / "shared.cache").string();
  o.cache_size = 0.0005;
  const auto partly = train(o, c, c.stop);
  ASSERT_TRUE(partly) << partly.error().message;
  EXPECT_EQ(cached->package.sha256, partly->package.sha256);
  EXPECT_EQ(std::count_if(
                c.warnings.begin(), c.warnings.end(),
                [](const auto& line) { return line.find("--cache-size") != std::string::npos; }),
            1);
  // Damaged: said, decoded again.
  {
    std::fstream file(root_ / "shared.cache", std::ios::binary | std::ios::in | std::ios::out);
    for (int at = 200; at < 400000; at += 5000) {
      file.seekp(at);
      file.put('\x7f');
    }
  }
  o.out = root_ / "damaged-cache";
  o.cache_size = 8;
  const auto mended = train(o, d, d.stop);
  ASSERT_TRUE(mended) << mended.error().message;
  EXPECT_EQ(cached->package.sha256, mended->package.sha256);
}

TEST_F(TrainLoop, EndsEarlyWhereNothingImproves) {
  TrainOptions o = options("patience");
  o.architecture = "mobilenetv3-small";
  o.weights = "none";
  o.recipe.epochs = 50;
  o.recipe.patience = 2;
  o.recipe.learning_rate = 1e-7;  // nothing can improve for long
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->stopped);
  EXPECT_LT(watcher.epochs.size(), 50u);
  EXPECT_EQ(static_cast<int>(watcher.epochs.size()), outcome->best_epoch + 2);
  EXPECT_TRUE(fs::exists(root_ / "patience/model.onnx"));
}

TEST_F(TrainLoop, TheTimeLimitStopsItAsCtrlCDoes) {
  TrainOptions o = options("limited");
  o.architecture = "mobilenetv3-small";
  o.weights = "none";
  o.recipe.epochs = 1000;
  o.time_limit = 2;
  Watcher watcher;
  const auto outcome = train(o, watcher, watcher.stop);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(outcome->stopped);
  EXPECT_TRUE(fs::exists(root_ / "limited/checkpoint"));
}

TEST_F(TrainLoop, CrossValidationJudgesEveryPhotoOnceAndGoesOnWhereItWasStopped) {
  TrainOptions o = options("folds");
  o.architecture = "mobilenetv3-small";
  o.weights = "none";
  o.recipe.epochs = 1;
  o.folds = 3;
  Watcher stopped(4), resumed, whole;
  const auto first = cross_validate(o, stopped, stopped.stop);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(first->stopped);
  EXPECT_TRUE(fs::exists(root_ / "folds/fold-1/model.onnx"));
  EXPECT_FALSE(fs::exists(root_ / "folds/cross-validation.json"));
  o.resume = true;
  const auto second = cross_validate(o, resumed, resumed.stop);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_LT(resumed.epochs.size(), 3u) << "fold 1 was finished before";
  EXPECT_EQ(second->photos, 32u);
  ASSERT_FALSE(second->figures.empty());
  EXPECT_EQ(second->figures[0].name, "auc");
  EXPECT_EQ(second->figures[0].folds.size(), 3u);
  double sum = 0;
  for (const double value : second->figures[0].folds) sum += value;
  EXPECT_NEAR(second->figures[0].mean, sum / 3, 1e-12);
  // Each photo stands once in the table of them all.
  std::istringstream table(text_of(root_ / "folds/validation.csv"));
  std::set<std::string> photos;
  std::size_t rows = 0;
  for (std::string line; std::getline(table, line);) {
    photos.insert(line.substr(0, line.find(',')));
    ++rows;
  }
  EXPECT_EQ(rows, 33u);
  EXPECT_EQ(photos.size(), 33u);
  // As if it had never been stopped.
  o.out = root_ / "folds-whole";
  o.resume = false;
  const auto undisturbed = cross_validate(o, whole, whole.stop);
  ASSERT_TRUE(undisturbed) << undisturbed.error().message;
  EXPECT_EQ(text_of(root_ / "folds/cross-validation.json"),
            text_of(root_ / "folds-whole/cross-validation.json"));
}

}  // namespace
}  // namespace nevus
