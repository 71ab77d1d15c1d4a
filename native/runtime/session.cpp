// ONNX Runtime behind a value-returning face: nothing of it leaks through the header.
#include "runtime/session.h"

#include <onnxruntime_cxx_api.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <utility>

#include "nevus/preprocess.h"
#include "nevus/self_test.h"

#if defined(__SANITIZE_ADDRESS__)
// ONNX Runtime 1.30 loses 14 bytes once a process, deep inside itself.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libonnxruntime\n";
}
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() {
  return "print_suppressions=0";
}
#endif

namespace nevus {
namespace {

constexpr std::uintmax_t kMaxModelBytes = 1u << 30;

Ort::Env& environment() {
  // Errors come back as exceptions; its log lines would only repeat them on the terminal.
  static Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "nevus");
  return env;
}

/// Does `work`, which may throw, on a stack of `bytes`.
template <class Work>
void on_stack_of(std::size_t bytes, Work& work) {
  struct Job {
    Work& work;
    std::exception_ptr failure;
  } job{work, nullptr};
  const auto run = [](void* argument) -> void* {
    auto& one = *static_cast<Job*>(argument);
    try {
      one.work();
    } catch (...) {
      one.failure = std::current_exception();
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  const bool started = pthread_attr_setstacksize(&attributes, bytes) == 0 &&
                       pthread_create(&thread, &attributes, run, &job) == 0;
  pthread_attr_destroy(&attributes);
  if (!started) throw std::bad_alloc();
  pthread_join(thread, nullptr);
  if (job.failure) std::rethrow_exception(job.failure);
}

/// Characters of this program's command line; 0 where it can't be read.
std::size_t command_line_length() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  return static_cast<std::size_t>(
      std::distance(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

Ort::Session make_session(std::span<const std::uint8_t> onnx, int threads) {
  Ort::SessionOptions options;
  if (threads > 0) options.SetIntraOpNumThreads(threads);
  options.SetInterOpNumThreads(1);
  options.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  // Waiting threads that spin take the core from whoever decodes the next photo.
  options.AddConfigEntry("session.intra_op.allow_spinning", "0");
  Ort::Session session(nullptr);
  const auto create = [&] {
    session = Ort::Session(environment(), onnx.data(), onnx.size(), options);
  };
  // ONNX Runtime 1.30 matches the whole command line with a recursive std::regex, which takes about
  // 230 bytes of stack for each character: a thousand photos by name would end the program.
  constexpr std::size_t kOrdinary = 8192, kStack = std::size_t{8} << 20, kEach = 1024;
  if (const std::size_t length = command_line_length(); length > kOrdinary)
    on_stack_of(kStack + kEach * length, create);
  else
    create();
  return session;
}

// ONNX Runtime's messages run over several lines and carry source places.
std::string one_line(const char* text) {
  std::string line;
  for (const char* p = text; *p != '\0' && line.size() < 300; ++p) line += *p == '\n' ? ' ' : *p;
  return line;
}

std::vector<float> to_floats(const Ort::Value& value, std::size_t expected, const char* name) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT)
    throw Ort::Exception(std::string(name) + " is not float32", ORT_FAIL);
  const std::size_t count = info.GetElementCount();
  if (expected != 0 && count != expected)
    throw Ort::Exception(std::string(name) + " has " + std::to_string(count) +
                             " values instead of " + std::to_string(expected),
                         ORT_FAIL);
  const float* data = value.GetTensorData<float>();
  return {data, data + count};
}

ModelOutput run_session(const Ort::Session& session, std::span<const float> images, int n,
                        int channels, int height, int width, std::size_t logits, std::size_t cam,
                        bool distance) {
  const std::array<std::int64_t, 4> shape{n, channels, height, width};
  auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  // The C API takes a mutable pointer for inputs too, and does not write to it.
  Ort::Value input = Ort::Value::CreateTensor<float>(memory, const_cast<float*>(images.data()),
                                                     images.size(), shape.data(), shape.size());
  const std::array<const char*, 1> input_names{"image"};
  const std::array<const char*, 3> output_names{"logits", "cam", "distance"};
  // Run() is not const in the wrapper, yet documented as safe to call from several threads.
  auto outputs =
      const_cast<Ort::Session&>(session).Run(Ort::RunOptions{nullptr}, input_names.data(), &input,
                                             1, output_names.data(), distance ? 3 : 2);
  ModelOutput output;
  output.logits = to_floats(outputs[0], logits, "logits");
  output.cam = to_floats(outputs[1], cam, "cam");
  if (distance) output.distance = to_floats(outputs[2], static_cast<std::size_t>(n), "distance");
  return output;
}

}  // namespace

struct Session::Impl {
  ModelPackage package;
  Ort::Session session{nullptr};
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const ModelPackage& Session::package() const {
  return impl_->package;
}

Result<Session> Session::open(const std::filesystem::path& onnx, int threads) {
  const std::string name = onnx.string();
  std::error_code code;
  if (!std::filesystem::exists(onnx, code)) return Error{name + ": no such file", ""};
  if (std::filesystem::is_directory(onnx, code))
    return Error{name + ": is a folder, not a model.onnx", ""};
  const std::uintmax_t size = std::filesystem::file_size(onnx, code);
  if (code) return Error{name + ": can't be read: " + code.message(), ""};
  if (size > kMaxModelBytes) return Error{name + ": larger than 1 GiB", ""};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::ifstream in(onnx, std::ios::binary);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!in) return Error{name + ": can't be read", ""};
  auto session = open(bytes, threads);
  if (!session) return Error{name + ": " + session.error().message, session.error().field};
  return session;
}

Result<Session> Session::open(std::span<const std::uint8_t> onnx, int threads) {
  auto package = read_package(onnx);
  if (!package) return package.error();
  auto impl = std::make_unique<Impl>();
  impl->package = std::move(*package);
  try {
    impl->session = make_session(onnx, threads);
  } catch (const Ort::Exception& error) {
    return Error{"ONNX Runtime refuses the network: " + one_line(error.what()), ""};
  }
  Session session(std::move(impl));

  const ModelPackage& p = session.package();
  std::vector<float> input(std::size_t{3} * static_cast<std::size_t>(p.input.width) *
                           static_cast<std::size_t>(p.input.height));
  const Image image = self_test_image(p.self_test.seed, p.input);
  normalize(image.view(), p.input, input);
  auto output = session.run(input, 1);
  if (!output) return Error{"self-test failed: " + output.error().message, "self_test"};
  for (std::size_t i = 0; i < p.self_test.logits.size(); ++i) {
    const double difference =
        std::abs(static_cast<double>(output->logits[i]) - p.self_test.logits[i]);
    if (!(difference <= p.self_test.tolerance))  // also catches NaN
      return Error{"self-test failed: logit " + std::to_string(i) + " is " +
                       std::to_string(output->logits[i]) + " instead of " +
                       std::to_string(p.self_test.logits[i]),
                   "self_test.logits"};
  }
  if (p.typicality) {
    const double expected = p.typicality->self_test;
    const double difference = std::abs(output->distance[0] - expected);
    if (!(difference <= kDistanceTolerance * std::max(expected, p.typicality->limit)))
      return Error{"self-test failed: the distance is " + std::to_string(output->distance[0]) +
                       " instead of " + std::to_string(expected),
                   "typicality.self_test"};
  }
  return session;
}

Result<ModelOutput> Session::run(std::span<const float> images, int n) const {
  const ModelPackage& p = impl_->package;
  const auto count = static_cast<std::size_t>(n);
  const auto pixels =
      static_cast<std::size_t>(p.input.width) * static_cast<std::size_t>(p.input.height);
  if (n < 1 || images.size() != count * 3 * pixels)
    return Error{"the input has the wrong size for " + std::to_string(n) + " photos", ""};
  const std::size_t classes = p.classes.size();
  const auto cells = static_cast<std::size_t>(p.cam_width) * static_cast<std::size_t>(p.cam_height);
  try {
    return run_session(impl_->session, images, n, 3, p.input.height, p.input.width, count * classes,
                       count * classes * cells, p.typicality.has_value());
  } catch (const Ort::Exception& error) {
    return Error{"ONNX Runtime: " + one_line(error.what()), ""};
  }
}

Result<ModelOutput> run_onnx(std::span<const std::uint8_t> onnx, std::span<const float> images,
                             int n, int channels, int height, int width) {
  try {
    const Ort::Session session = make_session(onnx, 0);
    return run_session(session, images, n, channels, height, width, 0, 0,
                       session.GetOutputCount() == 3);
  } catch (const Ort::Exception& error) {
    return Error{"ONNX Runtime: " + one_line(error.what()), ""};
  }
}

Result<std::map<std::string, std::vector<float>>> run_outputs(
    std::span<const std::uint8_t> onnx, std::span<const float> images, int n, int channels,
    int height, int width, const std::vector<std::string>& outputs) {
  // A few at a time: all of a large network's maps at once would take gigabytes.
  constexpr int kBatch = 8;
  std::vector<const char*> names;
  for (const std::string& output : outputs) names.push_back(output.c_str());
  const std::array<const char*, 1> input_names{"image"};
  const std::size_t size = images.size() / static_cast<std::size_t>(std::max(1, n));
  std::map<std::string, std::vector<float>> out;
  try {
    Ort::Session session = make_session(onnx, 0);
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    for (int from = 0; from < n; from += kBatch) {
      const int count = std::min(kBatch, n - from);
      const auto some = images.subspan(static_cast<std::size_t>(from) * size,
                                       static_cast<std::size_t>(count) * size);
      const std::array<std::int64_t, 4> shape{count, channels, height, width};
      Ort::Value input = Ort::Value::CreateTensor<float>(memory, const_cast<float*>(some.data()),
                                                         some.size(), shape.data(), shape.size());
      const auto values = session.Run(Ort::RunOptions{nullptr}, input_names.data(), &input, 1,
                                      names.data(), names.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::vector<float> batch = to_floats(values[i], 0, names[i]);
        std::vector<float>& all = out[outputs[i]];
        all.insert(all.end(), batch.begin(), batch.end());
      }
    }
  } catch (const Ort::Exception& error) {
    return Error{"ONNX Runtime: " + one_line(error.what()), ""};
  }
  return out;
}

}  // namespace nevus
