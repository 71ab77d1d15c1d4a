// nevus convert: a model package with its weights stored otherwise, proved against the one it was.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "commands/commands.h"
#include "commands/data_options.h"
#include "commands/terminal.h"
#include "image_io/photo.h"
#include "runtime/convert.h"
#include "runtime/model_file.h"

namespace nevus {
namespace fs = std::filesystem;
namespace {

struct ConvertOptions {
  std::string model, out, weights_as;
  DataArguments data;
  int photos = 64;
  double tolerance = 0;  // 0: the storage's own
};

int fail(const std::string& message) {
  print_error(message);
  return 1;
}

// `count` photos spread over the list, every other one first: the first half is as mixed as the
// whole. Those that can't be read are left out with a warning.
std::vector<float> read_photos(const std::vector<Sample>& samples, int count,
                               const PreprocessSpec& input) {
  std::vector<std::size_t> chosen;
  const std::size_t n = std::min(samples.size(), static_cast<std::size_t>(count));
  for (const std::size_t first : {0u, 1u})
    for (std::size_t i = first; i < n; i += 2) chosen.push_back(i * samples.size() / n);
  const std::size_t size = std::size_t{3} * static_cast<std::size_t>(input.height) *
                           static_cast<std::size_t>(input.width);
  std::vector<float> images;
  std::vector<std::string> warnings;
  for (const std::size_t i : chosen) {
    const auto photo = read_photo(samples[i].file, needed_side(input));
    if (!photo) {
      warnings.push_back(samples[i].file.string() + ": " + photo.error().message);
      continue;
    }
    images.resize(images.size() + size);
    preprocess(photo->view(), input, std::span(images).last(size));
  }
  print_warnings("photos left out", warnings);
  return images;
}

int run_convert(const ConvertOptions& options) {
  const WeightStorage storage = *weight_storage(options.weights_as);
  const auto onnx = read_model(options.model);
  if (!onnx) return fail(onnx.error().message);
  const auto package = read_package(*onnx);
  if (!package) return fail(options.model + ": " + package.error().message);

  std::vector<float> images;
  if (options.data.data.empty()) {
    print_error("no photos: biases are not corrected, and only the self-test's input is compared");
  } else {
    const auto sources = sources_of(options.data);
    if (!sources) return fail(sources.error().message);
    const auto dataset = load_dataset(*sources, options.data.groups);
    if (!dataset) return fail(dataset.error().message);
    std::vector<Sample> samples;
    // Nothing about a model may depend on what it is going to be tested with.
    std::copy_if(dataset->samples.begin(), dataset->samples.end(), std::back_inserter(samples),
                 [](const Sample& sample) { return sample.split != "test"; });
    if (samples.empty()) return fail(options.data.text() + ": no photo outside the test split");
    images = read_photos(samples, options.photos, package->input);
    if (images.empty()) return fail(options.data.text() + ": no photo can be read");
  }

  const double tolerance = options.tolerance > 0 ? options.tolerance : storage_tolerance(storage);
  const auto converted = convert_package(*onnx, storage, images, tolerance);
  if (!converted) return fail(options.model + ": " + converted.error().message);
  const fs::path out = options.out;
  std::error_code code;
  if (out.has_parent_path()) fs::create_directories(out.parent_path(), code);
  const auto written = write_model(out, converted->onnx, converted->package);
  if (!written) return fail(written.error().message);

  std::printf("%s: %zu bytes with %s weights, of %zu\n", out.string().c_str(),
              converted->onnx.size(), options.weights_as.c_str(), onnx->size());
  std::printf("logits on %d images differ by %.2g at most (%.2g typically; %.2g is allowed)\n",
              converted->images, converted->logits, converted->typical_logits, tolerance);
  if (converted->package.typicality)
    std::printf("distances differ by %.2g %% of the limit at most\n", 100 * converted->distance);
  return 0;
}

}  // namespace

void add_convert_command(CLI::App& app, int& status) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command =
      app.add_subcommand("convert", "Store a model's weights in fewer bytes, or in more");
  command->add_option("model", options->model, "A model.onnx")->required();
  add_data_options(*command, options->data, "Photos");
  command->add_option("--weights-as", options->weights_as, "int8, float16 or float32")
      ->check(CLI::IsMember({"int8", "float16", "float32"}))
      ->required();
  command->add_option("--out", options->out, "The new model.onnx; model.json is written beside it")
      ->option_text("FILE")
      ->required();
  command
      ->add_option("--photos", options->photos,
                   "So many of the photos are used: half of them to correct biases, all to compare")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str()
      ->group("Photos");
  command
      ->add_option("--tolerance", options->tolerance,
                   "Greatest difference of a logit [0.1 for int8, 0.01 for float16]")
      ->check(CLI::PositiveNumber);
  command->footer(
      "Examples:\n"
      "  nevus convert run/model.onnx photos/ --weights-as int8 --out small/model.onnx\n"
      "Photos marked `test` are never used. The figures, the threshold and the temperature stay;\n"
      "docs/quantisation.md says what storing weights as int8 costs.");
  command->callback([options, &status] { status = run_convert(*options); });
}

}  // namespace nevus
