// `nevus train` as a user runs it: bad input gets one line that names file and reason before
// training starts; a configuration file; Ctrl-C.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "image_io/photo.h"
#include "support/program.h"
#include "synth/lesion.h"

namespace nevus {
namespace {

using test::Folder;
using test::Ran;

void add_photos(const Folder& folder, const std::string& into, int count) {
  for (int i = 0; i < count; ++i) {
    LesionSpec spec;
    spec.width = spec.height = 64;
    spec.seed = static_cast<std::uint64_t>(i);
    const std::string name = into + "/" + std::to_string(i) + ".png";
    folder.write(name, std::string());  // makes the folder
    ASSERT_TRUE(write_png(folder / name, synthesize_lesion(spec).view()));
  }
}

// Refused with status 1, one line on stderr that holds every one of `words`, and no run left
// behind.
void expect_refused(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& words) {
  std::vector<std::string> all{"train"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const Ran ran = test::run(NEVUS_PROGRAM, all);
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_EQ(test::lines(ran.err).size(), 1u) << ran.err;
  for (const std::string& word : words) {
    EXPECT_NE(ran.err.find(word), std::string::npos) << word << " in: " << ran.err;
  }
}

class TrainCommand : public testing::Test {
 protected:
  void SetUp() override {
    add_photos(folder_, "photos/benign", 12);
    add_photos(folder_, "photos/malignant", 12);
    photos_ = (folder_ / "photos").string();
    out_ = (folder_ / "run").string();
  }
  Folder folder_;
  std::string photos_, out_;
};

TEST_F(TrainCommand, RefusesBadPhotos) {
  folder_.write("empty/readme.txt", std::string("no photos"));
  expect_refused({folder_ / "empty", "--out", out_}, {"empty"});
  expect_refused({folder_ / "absent", "--out", out_}, {"absent"});
  add_photos(folder_, "lone/benign", 4);
  add_photos(folder_, "lone/malignant", 1);
  expect_refused({folder_ / "lone", "--out", out_}, {"malignant"});
  add_photos(folder_, "unknown/a", 4);
  add_photos(folder_, "unknown/b", 4);
  expect_refused({folder_ / "unknown", "--out", out_}, {"--malignant"});
  folder_.write("photos/labels.csv", std::string("file,label\nbenign/0.png,benign\n"));
  expect_refused({folder_ / "photos/labels.csv", "--out", out_}, {"labels.csv"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/checkpoint"));
}

TEST_F(TrainCommand, RefusesBadFoldersAndOptions) {
  const std::string file = folder_.write("file", std::string("x"));
  expect_refused({photos_, "--out", file}, {file, "is a file"});
  expect_refused({photos_, "--out", "/proc/nevus-run"}, {"/proc/nevus-run"});
  folder_.write("done/model.onnx", std::string("x"));
  expect_refused({photos_, "--out", folder_ / "done"}, {"done", "--force"});
  folder_.write("half/checkpoint", std::string("x"));
  expect_refused({photos_, "--out", folder_ / "half"}, {"half", "--resume"});
  expect_refused({photos_, "--out", folder_ / "half", "--resume", "--weights", "none"},
                 {"half", "checkpoint", "safetensors"});
  expect_refused({photos_, "--out", out_, "--arch", "resnet"}, {"resnet", "efficientnet-lite0"});
  expect_refused({photos_, "--out", out_, "--weights", folder_ / "no.safetensors"},
                 {"no.safetensors"});
  expect_refused({photos_, "--out", out_, "--weights", folder_ / "old.onnx"}, {"old.onnx"});
  const std::string text = folder_.write("text.safetensors", std::string("not tensors at all"));
  expect_refused({photos_, "--out", out_, "--weights", text}, {text, "safetensors"});
  expect_refused({photos_, "--out", out_, "--where", "nonsense"}, {"COLUMN=VALUE"});
  expect_refused({photos_}, {"--out"});
  expect_refused({"--out", out_}, {"DATA"});
}

TEST_F(TrainCommand, ReadsItsOptionsFromAFile) {
  const std::string good = folder_.write("good.toml", "out = \"" + (folder_ / "other").string() +
                                                          "\"\narch = \"resnet\"\nepochs = 3\n");
  // That the file was read shows in what it is refused for; the command line wins.
  expect_refused({photos_, "--config", good}, {"resnet"});
  expect_refused({photos_, "--config", good, "--arch", "vgg"}, {"vgg"});
  const std::string unknown = folder_.write("unknown.toml", std::string("epoch = 3\n"));
  expect_refused({photos_, "--out", out_, "--config", unknown}, {unknown, "epoch"});
  const std::string wrong = folder_.write("wrong.toml", std::string("epochs = 0\n"));
  expect_refused({photos_, "--out", out_, "--config", wrong}, {wrong, "epochs"});
  const std::string broken = folder_.write("broken.toml", std::string("epochs = \n"));
  expect_refused({photos_, "--out", out_, "--config", broken}, {broken});
  expect_refused({photos_, "--out", out_, "--config", folder_ / "absent.toml"}, {"absent.toml"});
}

TEST_F(TrainCommand, TerminalReportAndCardSayInHowManyTurnsAModelJudges) {
  const Ran ran =
      test::run(NEVUS_PROGRAM, {"train", photos_, "--out", out_, "--arch", "mobilenetv3-small",
                                "--weights", "none", "--epochs", "1", "--turns", "2"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE((ran.out + ran.err).find("each in 2 turns"), std::string::npos) << ran.out << ran.err;
  EXPECT_NE(test::read_text(folder_ / "run/report.html").find("in 2 of its turns"),
            std::string::npos);
  const Ran card = test::run(NEVUS_PROGRAM, {"card", out_ + "/model.onnx"});
  ASSERT_EQ(card.status, 0) << card.err;
  EXPECT_NE(card.out.find("in 2 of its turns"), std::string::npos) << card.out;
  const Ran three = test::run(NEVUS_PROGRAM, {"train", photos_, "--out", out_, "--turns", "3"});
  EXPECT_NE(three.status, 0);
  EXPECT_NE(three.err.find("--turns"), std::string::npos) << three.err;
}

// The configuration for seven diagnoses, on few photos: the whole chain, its figures aside.
TEST_F(TrainCommand, TheConfigurationForSevenDiagnosesTrains) {
  const std::filesystem::path data = NEVUS_DATA_DIR;
  std::error_code code;
  if (!std::filesystem::exists(data / "ham10000/labels.csv", code))
    GTEST_SKIP() << "the real photos are not there, skipped";
  const std::string config = std::string(NEVUS_SOURCE_DIR) + "/assets/training/lesions7.toml";
  // As the configuration's first lines say, with fewer drawings and one teacher.
  const std::string drawings = out_ + "-synth";
  const Ran drawn = test::run(
      NEVUS_PROGRAM, {"synth", "--out", drawings, "--count", "20", "--seed", "77", "--jpeg"});
  ASSERT_EQ(drawn.status, 0) << drawn.err;
  std::vector<std::string> arguments{"train"};
  for (const char* source : {"ham10000", "isic2017", "kaggle/groups.csv", "bcn"})
    arguments.push_back(data / source);
  arguments.push_back(drawings);
  arguments.insert(arguments.end(), {"--config", config, "--photos", "150", "--epochs", "1"});
  arguments.insert(
      arguments.end(),
      {"--teacher", std::string(NEVUS_SOURCE_DIR) + "/assets/model/model.onnx", "--out", out_});
  const Ran ran = test::run(NEVUS_PROGRAM, arguments);
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  const auto package = nlohmann::json::parse(test::read_text(out_ + "/model.json"));
  EXPECT_EQ(package.at("classes").size(), 7u);
  EXPECT_EQ(package.at("training").at("settings").at("teachers").size(), 1u);
  EXPECT_EQ(package.at("training").at("config"), test::read_text(config));
  EXPECT_EQ(package.at("training").at("stored").at("weights_as"), "int8");
  EXPECT_EQ(package.at("metrics").at("validation").at("by_source").size(), 5u);
  EXPECT_GT(package.at("training").at("data").at(0).at("test_not_used").get<int>(), 2500);
}

TEST_F(TrainCommand, TheNetworksInputMayHaveAnotherSize) {
  std::vector<std::string> arguments{"train", photos_,    "--out", out_,        "--input",
                                     "96",    "--epochs", "1",     "--weights", "none"};
  const Ran ran = test::run(NEVUS_PROGRAM, arguments);
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  const auto package = nlohmann::json::parse(test::read_text(out_ + "/model.json"));
  EXPECT_EQ(package.at("input").at("width"), 96);
  EXPECT_EQ(package.at("input").at("height"), 96);
  EXPECT_EQ(package.at("cam").at("width"), 3);
  EXPECT_EQ(package.at("training").at("settings").at("input_size"), 96);
  const Ran predicted =
      test::run(NEVUS_PROGRAM, {"predict", out_ + "/model.onnx", photos_ + "/benign/0.png"});
  EXPECT_EQ(predicted.status, 0) << predicted.err;
  // A run goes on as it was begun.
  expect_refused({photos_, "--out", out_, "--weights", "none", "--epochs", "1", "--resume"},
                 {"input_size", "96", "224"});
  const Ran small =
      test::run(NEVUS_PROGRAM, {"train", photos_, "--out", out_, "--input", "8", "--force"});
  EXPECT_NE(small.status, 0);
  EXPECT_NE(small.err.find("--input"), std::string::npos) << small.err;
}

// A `nevus train` that runs while the test looks on.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments,
                 const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    arguments.insert(arguments.begin(), {NEVUS_PROGRAM, "train"});
    int ends[2];
    if (pipe(ends) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      std::vector<char*> words;
      for (std::string& word : arguments) words.push_back(word.data());
      words.push_back(nullptr);
      execv(NEVUS_PROGRAM, words.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // False where it ended without saying so.
  bool wait_for(const std::string& text) {
    while (said.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }
  void signal(int number) const { kill(pid_, number); }
  // The exit status; 128 + signal where it was killed.
  int finish() {
    while (read_some()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  std::string said;

 private:
  bool read_some() {
    char buffer[512];
    const ssize_t n = read(output_, buffer, sizeof buffer);
    if (n <= 0) return false;
    said.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  pid_t pid_ = -1;
  int output_ = -1;
};

TEST_F(TrainCommand, CtrlCLeavesACheckpointAndSaysSo) {
  Child child(
      {photos_, "--out", out_, "--weights", "none", "--epochs", "1000", "--batch-size", "4"});
  ASSERT_TRUE(child.wait_for("to train on")) << child.said;
  child.signal(SIGINT);
  EXPECT_EQ(child.finish(), 130) << child.said;
  EXPECT_NE(child.said.find("stopped; continue with --resume"), std::string::npos) << child.said;
  EXPECT_GT(std::filesystem::file_size(folder_ / "run/checkpoint"), 1000000u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/model.onnx"));
}

// A short training of a small network, and what it ended with.
class Disturbed : public TrainCommand {
 protected:
  std::vector<std::string> command(const std::string& out, bool resume = false) const {
    std::vector<std::string> all{photos_,     "--out",  out,        "--arch", "mobilenetv3-small",
                                 "--weights", "none",   "--epochs", "5",      "--batch-size",
                                 "4",         "--seed", "3"};
    if (resume) all.push_back("--resume");
    return all;
  }
  // The run that nothing happens to.
  void undisturbed() {
    Child child(command(folder_ / "whole"));
    ASSERT_EQ(child.finish(), 0) << child.said;
  }
  void expect_same(const std::string& out) const {
    EXPECT_EQ(test::read_text(out + "/history.csv"),
              test::read_text(folder_ / "whole/history.csv"));
    const auto sum = [](const std::filesystem::path& json) {
      const std::string text = test::read_text(json);
      const std::size_t at = text.find("\"sha256\"");
      return text.substr(at, 90);
    };
    EXPECT_EQ(sum(out + "/model.json"), sum(folder_ / "whole/model.json")) << "every weight";
  }
};

TEST_F(Disturbed, KilledInTheMiddleOfAnEpochItLosesThatEpochAtMost) {
  undisturbed();
  {
    Child child(command(out_));
    ASSERT_TRUE(child.wait_for("epoch 2 ")) << child.said;
    child.signal(SIGKILL);
    EXPECT_EQ(child.finish(), 128 + SIGKILL);
  }
  // Away goes a photo: the list is another one, and that is said. Back it comes.
  const auto photo = folder_ / "photos/benign/3.png";
  std::filesystem::rename(photo, folder_ / "aside.png");
  {
    Child child(command(out_, true));
    EXPECT_EQ(child.finish(), 1);
    EXPECT_NE(child.said.find("data_sha256"), std::string::npos) << child.said;
  }
  std::filesystem::rename(folder_ / "aside.png", photo);
  Child child(command(out_, true));
  EXPECT_EQ(child.finish(), 0) << child.said;
  EXPECT_EQ(child.said.find("epoch 1 "), std::string::npos) << "that one was saved";
  expect_same(out_);
}

TEST_F(Disturbed, APhotoThatVanishesIsNamedAndTheRestGoesOn) {
  auto arguments = command(out_);
  arguments.insert(arguments.end(), {"--cache", "off"});
  Child child(arguments);
  ASSERT_TRUE(child.wait_for("epoch 1 ")) << child.said;
  std::filesystem::remove(folder_ / "photos/benign/3.png");
  EXPECT_EQ(child.finish(), 0) << child.said;
  EXPECT_NE(child.said.find("benign/3.png"), std::string::npos) << child.said;
}

TEST_F(Disturbed, AFullDiskIsSaidAndNothingOfTheEarlierEpochsIsLost) {
  undisturbed();
  const std::string disk = folder_.write("disk/x", std::string("x")).parent_path().string();
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=80m") != 0) {
    GTEST_SKIP() << "a small file system can't be mounted here: " << std::strerror(errno);
  }
  struct Unmount {
    const std::string& at;
    ~Unmount() { umount2(at.c_str(), MNT_DETACH); }
  } unmount{disk};
  const std::string out = disk + "/run";
  {
    Child child(command(out));
    ASSERT_TRUE(child.wait_for("epoch 2 ")) << child.said;
    std::ofstream filler(disk + "/filler", std::ios::binary);
    const std::string block(1 << 16, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
    EXPECT_EQ(child.finish(), 1) << child.said;
    EXPECT_NE(child.said.find("No space left on device"), std::string::npos) << child.said;
    EXPECT_NE(child.said.find(out), std::string::npos) << "names the file: " << child.said;
  }
  std::filesystem::remove(disk + "/filler");
  Child child(command(out, true));
  EXPECT_EQ(child.finish(), 0) << child.said;
  EXPECT_EQ(child.said.find("epoch 1 "), std::string::npos) << "that one was saved";
  expect_same(out);
}

// A port that nobody listens on.
std::string free_port() {
  const int socket_number = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(socket_number, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t size = sizeof address;
  getsockname(socket_number, reinterpret_cast<sockaddr*>(&address), &size);
  close(socket_number);
  return std::to_string(ntohs(address.sin_port));
}

class Processes : public TrainCommand {
 protected:
  std::vector<std::string> command(const std::string& out, const std::string& batch,
                                   const std::string& epochs) const {
    return {photos_,
            "--out",
            out,
            "--arch",
            "mobilenetv3-small",
            "--weights",
            "none",
            "--epochs",
            epochs,
            "--batch-size",
            batch,
            "--dropout",
            "0",
            "--threads",
            "1",
            "--lr",
            "0.001",
            "--typicality",
            "0",
            "--export",
            "int8"};
  }
  static std::vector<std::pair<std::string, std::string>> rank(int number,
                                                               const std::string& port) {
    return {{"RANK", std::to_string(number)},
            {"WORLD_SIZE", "2"},
            {"LOCAL_RANK", std::to_string(number)},
            {"MASTER_ADDR", "127.0.0.1"},
            {"MASTER_PORT", port}};
  }
};

std::vector<std::vector<double>> history(const std::filesystem::path& file) {
  std::vector<std::vector<double>> rows;
  const auto text = test::lines(test::read_text(file));
  for (std::size_t i = 1; i < text.size(); ++i) {
    std::istringstream fields(text[i]);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, ',');)
      rows.back().push_back(std::strtod(field.c_str(), nullptr));
  }
  return rows;
}

TEST_F(Processes, TwoLearnWhatOneLearnsWithTheDoubledBatch) {
  {
    Child one(command(folder_ / "one", "8", "3"));
    ASSERT_EQ(one.finish(), 0) << one.said;
    EXPECT_NE(one.said.find("exported file (int8)"), std::string::npos) << one.said;
    EXPECT_NE(test::read_text(folder_ / "one/model.json").find("\"weights_as\": \"int8\""),
              std::string::npos);
  }
  {
    const std::string port = free_port();
    Child first(command(folder_ / "two", "4", "3"), rank(0, port));
    Child second(command(folder_ / "two", "4", "3"), rank(1, port));
    EXPECT_EQ(first.finish(), 0) << first.said;
    EXPECT_EQ(second.finish(), 0) << second.said;
    EXPECT_EQ(second.said.find("epoch 1"), std::string::npos) << "one of them speaks";
  }
  const auto one = history(folder_ / "one/history.csv"), two = history(folder_ / "two/history.csv");
  ASSERT_EQ(one.size(), 3u);
  ASSERT_EQ(two.size(), 3u);
  for (std::size_t epoch = 0; epoch < 3; ++epoch)
    for (std::size_t column : {1, 2})  // the losses
      EXPECT_NEAR(one[epoch][column], two[epoch][column], 2e-3 * one[epoch][column])
          << "epoch " << epoch << ", column " << column;
}

TEST_F(Processes, WhereOneIsKilledTheOtherSaysSoAndTheRunCanGoOn) {
  const std::string port = free_port();
  {
    Child first(command(out_, "4", "1000"), rank(0, port));
    Child second(command(out_, "4", "1000"), rank(1, port));
    ASSERT_TRUE(first.wait_for("epoch 2 ")) << first.said;
    second.signal(SIGKILL);
    EXPECT_EQ(second.finish(), 128 + SIGKILL);
    EXPECT_EQ(first.finish(), 1) << first.said;
    EXPECT_NE(first.said.find("another process"), std::string::npos) << first.said;
    EXPECT_NE(first.said.find("--resume"), std::string::npos) << first.said;
  }
  auto again = command(out_, "4", "1000");
  again.push_back("--resume");
  const std::string other = free_port();
  Child first(again, rank(0, other));
  Child second(again, rank(1, other));
  ASSERT_TRUE(first.wait_for("continuing with epoch")) << first.said;
  EXPECT_TRUE(first.wait_for("epoch 3 ")) << first.said;
  EXPECT_EQ(first.said.find("epoch 1 "), std::string::npos) << first.said;
}

}  // namespace
}  // namespace nevus
