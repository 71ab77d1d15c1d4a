// Running a package: right answers, and a clear line for every package that can't be trusted.
#include "runtime/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <thread>

#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

using test::tiny_model;
using test::tiny_model_with;
using test::tiny_package;

std::string refusal(const std::vector<std::uint8_t>& onnx) {
  const auto session = Session::open(onnx);
  return session ? "accepted" : session.error().message;
}

TEST(Session, LogitsAreTheMapsAverageAndBias) {
  const auto session = Session::open(tiny_model(), 1);
  ASSERT_TRUE(session) << session.error().message;
  std::vector<float> images(2 * 3 * 64 * 64);
  for (std::size_t i = 0; i < images.size(); ++i)
    images[i] = std::sin(static_cast<float>(i) * 0.01f);
  const auto output = session->run(images, 2);
  ASSERT_TRUE(output) << output.error().message;
  ASSERT_EQ(output->logits.size(), 4u);
  ASSERT_EQ(output->cam.size(), 16u);
  for (std::size_t row = 0; row < 4; ++row) {
    const float mean =
        std::accumulate(output->cam.begin() + static_cast<std::ptrdiff_t>(4 * row),
                        output->cam.begin() + static_cast<std::ptrdiff_t>(4 * row + 4), 0.0f) /
        4;
    EXPECT_NEAR(output->logits[row], mean + (row % 2 == 0 ? -0.6f : 0.6f), 1e-5) << row;
  }
  // A batch gives what its photos give alone.
  const auto second = session->run(std::span(images).subspan(3 * 64 * 64), 1);
  EXPECT_NEAR(second->logits[0], output->logits[2], 1e-6);
}

TEST(Session, RunsFromSeveralThreads) {
  const auto session = Session::open(tiny_model(), 1);
  ASSERT_TRUE(session) << session.error().message;
  const std::vector<float> dark(3 * 64 * 64, -0.5f), light(3 * 64 * 64, 0.5f);
  const float expected_dark = session->run(dark, 1)->logits[1],
              expected_light = session->run(light, 1)->logits[1];
  EXPECT_GT(expected_dark, expected_light + 1);
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i)
        if (session->run(t % 2 ? dark : light, 1)->logits[1] !=
            (t % 2 ? expected_dark : expected_light))
          ++wrong;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Session, RefusesWrongInputSizes) {
  const auto session = Session::open(tiny_model());
  EXPECT_FALSE(session->run(std::vector<float>(10), 1).ok());
  EXPECT_FALSE(session->run(std::vector<float>(3 * 64 * 64), 2).ok());
  EXPECT_FALSE(session->run(std::vector<float>(), 0).ok());
}

TEST(Session, RefusesASpoiltPackage) {
  EXPECT_EQ(refusal(tiny_model()), "accepted");
  auto changed = tiny_model();
  changed[changed.size() / 4] ^= 1;  // inside the weights
  EXPECT_NE(refusal(changed).find("SHA-256"), std::string::npos) << refusal(changed);
  auto cut = tiny_model();
  cut.resize(cut.size() / 2);
  EXPECT_NE(refusal(cut), "accepted");
  EXPECT_NE(refusal(test::tiny_network()).find("not a Nevus model"), std::string::npos);
  ModelPackage lies = tiny_package();
  lies.self_test.logits = {5, 5};
  EXPECT_NE(refusal(tiny_model_with(lies)).find("self-test failed"), std::string::npos);
  ModelPackage absurd = tiny_package();
  absurd.temperature = -1;
  EXPECT_NE(refusal(tiny_model_with(absurd)).find("temperature"), std::string::npos);
  ModelPackage wrong_size = tiny_package();
  wrong_size.cam_width = wrong_size.cam_height = 7;
  EXPECT_NE(refusal(tiny_model_with(wrong_size)).find("cam"), std::string::npos);
}

TEST(Session, NoPrefixOfAModelCrashesOrIsAccepted) {
  const auto onnx = tiny_model();
  for (std::size_t size = 0; size < onnx.size(); size += 1 + onnx.size() / 300)
    EXPECT_FALSE(Session::open(std::span(onnx).first(size)).ok()) << size;
}

TEST(Session, NamesTheFile) {
  const test::Folder folder;
  const auto path = folder.write("bad.onnx", std::string("nonsense"));
  EXPECT_EQ(Session::open(path).error().message.find(path.string() + ": "), 0u);
  EXPECT_EQ(Session::open(folder / "absent.onnx").error().message,
            (folder / "absent.onnx").string() + ": no such file");
  EXPECT_NE(Session::open(folder.str()).error().message.find("is a folder"), std::string::npos);
}

}  // namespace
}  // namespace nevus
