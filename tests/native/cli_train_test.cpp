// `nevus train` as a user runs it: bad input gets one line that names file and reason before
// training starts; a configuration file; Ctrl-C.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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

TEST_F(TrainCommand, CtrlCLeavesACheckpointAndSaysSo) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl(NEVUS_PROGRAM, NEVUS_PROGRAM, "train", photos_.c_str(), "--out", out_.c_str(),
          "--weights", "none", "--epochs", "1000", "--batch-size", "4", nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string said;
  bool interrupted = false;
  for (char buffer[256];;) {
    const ssize_t n = read(ends[0], buffer, sizeof buffer);
    if (n <= 0) break;
    said.append(buffer, static_cast<std::size_t>(n));
    // The line that comes right before training.
    if (!interrupted && said.find("to train on") != std::string::npos) {
      interrupted = true;
      kill(child, SIGINT);
    }
  }
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130) << said;
  EXPECT_NE(said.find("stopped; continue with --resume"), std::string::npos) << said;
  EXPECT_GT(std::filesystem::file_size(folder_ / "run/checkpoint"), 1000000u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "run/model.onnx"));
}

}  // namespace
}  // namespace nevus
