// Reads photos ahead of the network: worker threads decode, augment and normalise; batches come
// out in order and hold the same numbers however the threads were scheduled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"
#include "data/photo_cache.h"
#include "nevus/preprocess.h"

namespace nevus {

/// Photos of one step. Unreadable ones are left out, so a batch may be smaller than planned, or
/// empty.
struct Batch {
  std::vector<float> images;         ///< n * 3 * height * width, normalised
  int height = 0, width = 0;         ///< the view's where augmented, else the input's
  std::vector<int> labels;           ///< n, indices into the classes
  std::vector<std::size_t> indices;  ///< n, into the samples
};

struct LoaderSpec {
  PreprocessSpec input;
  int view_height = 0, view_width = 0;  ///< of augmented views; 0: the input's
  int threads = 2;                      ///< >= 1
  int ahead = 4;                        ///< batches kept ready at most, >= 1
  std::optional<AugmentSpec> augment;   ///< none: the preprocessing of the model package itself
  PhotoCache* cache = nullptr;          ///< none: every photo is decoded every time
};

/// Called from a worker thread, one at a time, for each photo that can't be read.
using UnreadableHandler = std::function<void(const Sample&, const std::string& reason)>;

/// One pass over some photos. Stops its threads when it is destroyed.
class Loader {
 public:
  /// @param samples  must outlive the loader
  /// @param batches  indices into samples, batch by batch
  /// @param seed     photo i is augmented with mix({seed, i})
  Loader(const std::vector<Sample>& samples, std::vector<std::vector<std::size_t>> batches,
         const LoaderSpec& spec, std::uint64_t seed, UnreadableHandler unreadable);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch; nullopt after the last. Rethrows what a worker threw (memory ran out).
  std::optional<Batch> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Cuts a list into batches of `size`. A last batch of one photo joins the one before: batch-norm
/// needs company.
std::vector<std::vector<std::size_t>> cut_batches(const std::vector<std::size_t>& indices,
                                                  std::size_t size);

}  // namespace nevus
