// A worker a core, each taking the next photo; answers are handed out in order.
#include "commands/classify.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "image_io/photo.h"

namespace nevus {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

PhotoAnswer answer_photo(const Session& session, const std::filesystem::path& file,
                         std::size_t index, const PixelsHook& hook) {
  PhotoAnswer answer;
  auto start = Clock::now();
  const ModelPackage& package = session.package();
  const auto photo = read_photo(file, needed_side(package.input));
  answer.times.decode = milliseconds_since(start);
  if (!photo) {
    answer.error = photo.error().message;
    return answer;
  }
  answer.width = photo->full_width;
  answer.height = photo->full_height;

  start = Clock::now();
  answer.quality = assess_quality(photo->view());
  answer.quality.width = answer.width;
  answer.quality.height = answer.height;
  std::vector<float> input(std::size_t{3} * static_cast<std::size_t>(package.input.width) *
                           static_cast<std::size_t>(package.input.height));
  preprocess(photo->view(), package.input, input);
  answer.times.preprocess = milliseconds_since(start);

  start = Clock::now();
  auto output = session.run(input, 1);
  answer.times.inference = milliseconds_since(start);
  if (!output) {
    answer.error = output.error().message;
    return answer;
  }
  answer.logits = std::move(output->logits);
  answer.cam = std::move(output->cam);
  if (!output->distance.empty()) answer.distance = output->distance.front();
  answer.decision = decide(answer.logits, package, answer.quality, answer.distance);
  if (hook) hook(index, *photo, answer);
  return answer;
}

std::size_t worker_count(std::size_t photos) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  // A photo of 64 megapixels takes up to 512 MB while it is decoded: no more than 16 at once.
  return photos < 2 * cores ? 1 : std::min<std::size_t>(cores, 16);
}

}  // namespace

int session_threads(std::size_t photos) {
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  return worker_count(photos) > 1 ? 1 : static_cast<int>(std::min<std::size_t>(cores, 16));
}

void classify(const Session& session, const std::vector<std::filesystem::path>& files,
              const AnswerSink& sink, const PixelsHook& hook) {
  const std::size_t workers = worker_count(files.size());
  const auto guarded = [&](std::size_t index) {
    try {
      return answer_photo(session, files[index], index, hook);
    } catch (const std::bad_alloc&) {
      PhotoAnswer answer;
      answer.error = "not enough memory";
      return answer;
    } catch (const std::exception& error) {
      PhotoAnswer answer;
      answer.error = error.what();
      return answer;
    }
  };
  if (workers == 1) {
    for (std::size_t i = 0; i < files.size(); ++i) sink(i, guarded(i));
    return;
  }

  std::vector<std::optional<PhotoAnswer>> done(files.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0, handed_out = 0;
  bool stop = false;
  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      // Not too far ahead of the sink: answers hold maps.
      changed.wait(lock, [&] { return stop || next >= files.size() || next < handed_out + 64; });
      if (stop || next >= files.size()) return;
      const std::size_t index = next++;
      lock.unlock();
      PhotoAnswer answer = guarded(index);
      lock.lock();
      done[index] = std::move(answer);
      changed.notify_all();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers; ++i) threads.emplace_back(work);
  // The threads end before anything that they use does, also when the sink throws.
  struct Joiner {
    std::vector<std::thread>& threads;
    std::mutex& mutex;
    std::condition_variable& changed;
    bool& stop;
    ~Joiner() {
      {
        const std::lock_guard lock(mutex);
        stop = true;
      }
      changed.notify_all();
      for (std::thread& thread : threads) thread.join();
    }
  } joiner{threads, mutex, changed, stop};
  for (std::size_t i = 0; i < files.size(); ++i) {
    PhotoAnswer answer;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return done[i].has_value(); });
      answer = std::move(*done[i]);
      done[i].reset();
      handed_out = i + 1;
    }
    changed.notify_all();
    sink(i, answer);
  }
}

}  // namespace nevus
