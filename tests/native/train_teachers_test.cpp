// What teachers say of a view: the shipped model, as a teacher.
#include "train/teachers.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "nevus/package.h"
#include "runtime/model_file.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;

// In all eight turns a view gets one answer, however it came; in one, that of some turn.
TEST(Teachers, JudgeTurnsOfAView) {
  const fs::path shipped = fs::path(NEVUS_SOURCE_DIR) / "assets/model/model.onnx";
  const auto bytes = read_model(shipped);
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto package = read_package(*bytes);
  ASSERT_TRUE(package) << package.error().message;
  std::vector<std::string> classes;
  for (const ModelClass& one : package->classes) classes.push_back(one.id);
  auto teachers = Teachers::read({shipped, shipped}, classes, package->input, torch::kCPU);
  ASSERT_TRUE(teachers) << teachers.error().message;

  torch::manual_seed(5);
  const torch::Tensor view = torch::randn({2, 3, 64, 64});
  const torch::Tensor upright = teachers->probabilities(view, 0);
  const torch::Tensor all = teachers->probabilities(view, 8);
  std::vector<torch::Tensor> singles;
  for (const bool mirrored : {false, true}) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      const torch::Tensor seen = torch::rot90(mirrored ? view.flip({2}) : view, quarter, {2, 3});
      EXPECT_TRUE(torch::allclose(teachers->probabilities(seen, 8), all, 0, 1e-5));
      singles.push_back(teachers->probabilities(seen, 0));
    }
  }
  EXPECT_TRUE(torch::allclose(torch::stack(singles).mean(0), all, 0, 1e-5));
  EXPECT_FALSE(torch::allclose(upright, all, 0, 1e-5)) << "nothing to average";
  // Two teachers of one kind, so each answer is the mean of two turns.
  std::set<std::pair<std::size_t, std::size_t>> drawn;
  for (int seed = 0; seed < 12; ++seed) {
    torch::manual_seed(seed);
    const torch::Tensor one = teachers->probabilities(view, 1);
    for (std::size_t a = 0; a < singles.size(); ++a) {
      for (std::size_t b = a; b < singles.size(); ++b) {
        if (torch::allclose(one, (singles[a] + singles[b]) / 2, 0, 1e-7)) drawn.insert({a, b});
      }
    }
  }
  EXPECT_GE(drawn.size(), 6u) << "each teacher draws turns of its own";
}

}  // namespace
}  // namespace nevus
