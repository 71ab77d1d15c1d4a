// Weights into another storage, with the proof.
#include "runtime/convert.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "nevus/self_test.h"
#include "runtime/session.h"

namespace nevus {
namespace {

std::size_t size_of(const PreprocessSpec& input) {
  return std::size_t{3} * static_cast<std::size_t>(input.height) *
         static_cast<std::size_t>(input.width);
}

double greatest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    // NaN must not pass as small.
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst;
}

double root_mean_square(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(static_cast<double>(a[i]) - b[i], 2);
  return std::sqrt(sum / static_cast<double>(std::max<std::size_t>(1, a.size())));
}

}  // namespace

Result<std::vector<std::uint8_t>> store_calibrated(std::span<const std::uint8_t> onnx,
                                                   WeightStorage storage,
                                                   std::span<const float> images,
                                                   const PreprocessSpec& input) {
  const int n = static_cast<int>(images.size() / size_of(input));
  if (n == 0) return store_weights(onnx, storage);
  const auto probed = probe_inputs(onnx, storage);
  if (!probed) return probed.error();
  InputMeans means;
  if (!probed->outputs.empty()) {
    std::vector<std::string> names;
    for (const auto& [conv, output] : probed->outputs) names.push_back(output.name);
    const auto seen = run_outputs(probed->onnx, images, n, 3, input.height, input.width, names);
    if (!seen) return seen.error();
    for (const auto& [conv, output] : probed->outputs) {
      const std::vector<float>& all = seen->at(output.name);
      std::vector<double> sums(output.channels);
      for (std::size_t i = 0; i < all.size(); ++i) sums[i % output.channels] += all[i];
      const std::size_t seen_images = all.size() / output.channels;
      for (const double sum : sums)
        means[conv].push_back(static_cast<float>(sum / static_cast<double>(seen_images)));
    }
  }
  return store_weights(onnx, storage, means);
}

double storage_tolerance(WeightStorage storage) {
  switch (storage) {
    case WeightStorage::float32:
      return 1e-4;
    case WeightStorage::float16:
      return 1e-2;
    case WeightStorage::int8:
      return 1e-1;
  }
  return 0;
}

Result<Conversion> convert_package(std::span<const std::uint8_t> onnx, WeightStorage storage,
                                   std::span<const float> images, double tolerance) {
  const auto before = Session::open(onnx);
  if (!before) return before.error();
  Conversion out;
  out.package = before->package();
  ModelPackage& package = out.package;
  const PreprocessSpec& input = package.input;
  const std::size_t size = size_of(input);
  const std::size_t n = images.size() / size;

  auto stored = store_calibrated(onnx, storage, images.first((n + 1) / 2 * size), input);
  if (!stored) return stored.error();
  out.onnx = std::move(*stored);

  std::vector<float> all(size);
  normalize(self_test_image(package.self_test.seed, input).view(), input, all);
  all.insert(all.end(), images.begin(), images.begin() + static_cast<std::ptrdiff_t>(n * size));
  out.images = static_cast<int>(n) + 1;
  std::vector<std::string> names{"logits", "cam"};
  if (package.typicality) names.push_back("distance");
  const auto run = [&](std::span<const std::uint8_t> file) {
    return run_outputs(file, all, out.images, 3, input.height, input.width, names);
  };
  const auto was = run(onnx), is = run(out.onnx);
  if (!was) return was.error();
  if (!is) return is.error();
  out.logits = greatest_difference(was->at("logits"), is->at("logits"));
  out.typical_logits = root_mean_square(was->at("logits"), is->at("logits"));
  if (!(out.logits <= tolerance)) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "the logits differ by up to %.3g from the network's (at most %.3g is allowed)",
                  out.logits, tolerance);
    return Error{text, ""};
  }
  if (package.typicality) {
    out.distance =
        greatest_difference(was->at("distance"), is->at("distance")) / package.typicality->limit;
    if (!(out.distance <= kDistanceTolerance))
      return Error{
          "the distances to the training photos differ by more than a twentieth of the limit",
          "typicality"};
    package.typicality->self_test = is->at("distance")[0];
  }
  const auto& logits = is->at("logits");
  package.self_test.logits.assign(
      logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(package.classes.size()));
  package.training["stored"] = {{"weights_as", name(storage)},
                                {"from_sha256", package.sha256},
                                {"images", out.images},
                                {"logits_within", out.logits},
                                {"nevus", NEVUS_VERSION}};
  const auto hash = graph_sha256(out.onnx);
  if (!hash) return hash.error();
  package.sha256 = *hash;
  append_metadata(out.onnx, package);
  // The reader's own checks, on the bytes that will be shipped.
  const auto session = Session::open(std::span<const std::uint8_t>(out.onnx));
  if (!session) return session.error();
  return out;
}

}  // namespace nevus
