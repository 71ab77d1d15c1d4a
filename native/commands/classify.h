// Photo files to answers: what `predict` and `evaluate` do with each photo, over several cores.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "image_io/photo.h"
#include "nevus/core.h"
#include "runtime/session.h"

namespace nevus {

/// Wall-clock times of one photo, milliseconds.
struct PhotoTimes {
  double decode = 0, preprocess = 0, inference = 0;  ///< preprocess includes the quality check
};

struct PhotoAnswer {
  std::string error;          ///< why there is no answer; empty: there is one
  int width = 0, height = 0;  ///< the file's pixels
  Quality quality;
  std::vector<float> logits;
  std::vector<float> cam;
  std::optional<float> distance;  ///< where the package has a typicality
  Decision decision;
  Lesion lesion;            ///< where a hook asked for it
  LesionMeasures measures;  ///< of the lesion, likewise
  PhotoTimes times;
};

/// Called once a photo, in the order of `files`, on the calling thread.
using AnswerSink = std::function<void(std::size_t index, const PhotoAnswer& answer)>;
/// Called on a worker's thread while the pixels are still at hand; may set `answer.error`.
using PixelsHook =
    std::function<void(std::size_t index, const DecodedPhoto& photo, PhotoAnswer& answer)>;

/// Threads that ONNX Runtime should get so that together with classify()'s workers every core is
/// busy once: all of them for a photo or two, one a worker for many.
int session_threads(std::size_t photos);

/// Reads, checks and classifies every file. An unreadable one becomes an answer with an error; the
/// rest goes on.
void classify(const Session& session, const std::vector<std::filesystem::path>& files,
              const AnswerSink& sink, const PixelsHook& hook = {});

}  // namespace nevus
