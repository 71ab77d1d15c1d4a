// Reads photos ahead of the network.
#include "train/loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <span>
#include <thread>

#include "image_io/photo.h"
#include "train/random.h"

namespace nevus {

struct Loader::Impl {
  const std::vector<Sample>& samples;
  const std::vector<std::vector<std::size_t>> batches;
  const LoaderSpec spec;
  const std::uint64_t seed;
  const UnreadableHandler unreadable;

  std::mutex mutex;
  std::mutex report_mutex;
  std::condition_variable changed;
  std::map<std::size_t, Batch> ready;  // by batch number
  std::size_t taken = 0;               // next batch that a worker starts
  std::size_t delivered = 0;           // next batch that next() gives
  std::exception_ptr failure;
  bool stop = false;
  std::vector<std::thread> workers;

  // Upright pixels, as far as they are the same in every epoch; the error is why there are none.
  Result<Image> prepared(const std::filesystem::path& file) {
    const int least_side = needed_side(spec.input);
    const std::string how = (spec.augment ? "training " : "input ") +
                            std::to_string(spec.input.width) + "x" +
                            std::to_string(spec.input.height) + " of " + std::to_string(least_side);
    const auto key = spec.cache != nullptr ? PhotoCache::key(file, how) : std::nullopt;
    if (key) {
      if (auto known = spec.cache->find(*key)) return std::move(*known);
    }
    const auto photo = read_photo(file, least_side);
    if (!photo) return photo.error();
    Image image = spec.augment ? training_copy(photo->view(), spec.input)
                               : crop_and_resize(photo->view(), spec.input);
    if (key) spec.cache->put(*key, image);
    return image;
  }

  PreprocessSpec view() const {
    PreprocessSpec view = spec.input;
    if (spec.augment && spec.view_height > 0) view.height = spec.view_height;
    if (spec.augment && spec.view_width > 0) view.width = spec.view_width;
    return view;
  }

  void read_into(Batch& batch, std::size_t index) {
    const Sample& sample = samples[index];
    const Result<Image> photo = prepared(sample.file);
    if (!photo) {
      const std::lock_guard lock(report_mutex);
      unreadable(sample, photo.error().message);
      return;
    }
    const PreprocessSpec shape = view();
    const std::size_t size = std::size_t{3} * static_cast<std::size_t>(shape.height) *
                             static_cast<std::size_t>(shape.width);
    batch.images.resize(batch.images.size() + size);
    const auto out = std::span<float>(batch.images).last(size);
    const Image view =
        spec.augment ? augment(photo->view(), shape, *spec.augment, mix({seed, index})) : Image();
    normalize(spec.augment ? view.view() : photo->view(), shape, out);
    batch.labels.push_back(sample.label);
    batch.indices.push_back(index);
  }

  void work() {
    for (;;) {
      std::size_t number = 0;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] {
          return stop || taken >= batches.size() ||
                 taken < delivered + static_cast<std::size_t>(spec.ahead);
        });
        if (stop || taken >= batches.size()) {
          return;
        }
        number = taken++;
      }
      Batch batch;
      batch.height = view().height;
      batch.width = view().width;
      try {
        for (const std::size_t index : batches[number]) {
          read_into(batch, index);
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        failure = std::current_exception();
        stop = true;
        changed.notify_all();
        return;
      }
      const std::lock_guard lock(mutex);
      ready.emplace(number, std::move(batch));
      changed.notify_all();
    }
  }
};

Loader::Loader(const std::vector<Sample>& samples, std::vector<std::vector<std::size_t>> batches,
               const LoaderSpec& spec, std::uint64_t seed, UnreadableHandler unreadable)
    : impl_(new Impl{samples,
                     std::move(batches),
                     spec,
                     seed,
                     std::move(unreadable),
                     {},
                     {},
                     {},
                     {},
                     0,
                     0,
                     {},
                     false,
                     {}}) {
  const int threads = std::max(1, spec.threads);
  for (int i = 0; i < threads; ++i) {
    impl_->workers.emplace_back([impl = impl_.get()] { impl->work(); });
  }
}

Loader::~Loader() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->changed.notify_all();
  for (std::thread& worker : impl_->workers) {
    worker.join();
  }
}

std::optional<Batch> Loader::next() {
  std::unique_lock lock(impl_->mutex);
  if (impl_->delivered >= impl_->batches.size()) {
    return std::nullopt;
  }
  impl_->changed.wait(
      lock, [this] { return impl_->failure || impl_->ready.count(impl_->delivered) != 0; });
  if (impl_->failure) {
    std::rethrow_exception(impl_->failure);
  }
  auto node = impl_->ready.extract(impl_->delivered++);
  lock.unlock();
  impl_->changed.notify_all();
  return std::move(node.mapped());
}

std::vector<std::vector<std::size_t>> cut_batches(const std::vector<std::size_t>& indices,
                                                  std::size_t size) {
  std::vector<std::vector<std::size_t>> batches;
  for (std::size_t i = 0; i < indices.size(); i += size) {
    const std::size_t end = std::min(indices.size(), i + size);
    batches.emplace_back(indices.begin() + static_cast<std::ptrdiff_t>(i),
                         indices.begin() + static_cast<std::ptrdiff_t>(end));
  }
  if (batches.size() > 1 && batches.back().size() == 1) {
    batches[batches.size() - 2].push_back(batches.back().front());
    batches.pop_back();
  }
  return batches;
}

}  // namespace nevus
