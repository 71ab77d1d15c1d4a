// nevus_core for the page's worker: plain C functions over one photo and one model package, so that
// JavaScript writes pixels straight into this module's memory and reads results without a copy.
//
// Texts are returned as JSON, NUL-terminated, valid until the next call that returns a text. An
// error is {"error": "one line for a person", "field": "offending part or empty"}; nothing is
// thrown.

#include <emscripten/emscripten.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <span>
#include <string>
#include <vector>

#include "nevus/core.h"

namespace {

using nevus::ImageView;
using nlohmann::json;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// One worker, one thread, one photo at a time: a single state is all there is.
struct State {
  nevus::ModelPackage package;
  bool has_package = false;
  std::unique_ptr<std::uint8_t, Free>
      photo;  // RGBA; malloc, since a vector would clear 49 MB first
  int width = 0;
  int height = 0;
  // A JPEG has no alpha, and may have been decoded smaller: `reduction` of its pixels a side are
  // one.
  bool jpeg = false;
  int reduction = 1;
  int full_width = 0;
  int full_height = 0;
  nevus::Quality quality;
  std::vector<float> tensor;
  nevus::Image preview;
  nevus::Image heatmap;
  std::string text;
};
State state;

const char* answer(const json& value) {
  // Names inside a file may hold anything; invalid UTF-8 is replaced, never thrown at.
  state.text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return state.text.c_str();
}

const char* failure(const std::string& message, const std::string& field = {}) {
  return answer({{"error", message}, {"field", field}});
}

/// Runs `work`, which returns JSON; whatever it throws becomes an error text.
template <class Work>
const char* guarded(Work&& work) {
  try {
    return answer(work());
  } catch (const std::bad_alloc&) {
    return failure("not enough memory for this photo");
  } catch (const cv::Exception& error) {
    return failure(error.code == cv::Error::StsNoMem ? "not enough memory for this photo"
                                                     : "image processing failed: " + error.err);
  } catch (const std::exception& error) {
    return failure(error.what());
  }
}

json error_json(const nevus::Error& error) {
  return {{"error", error.message}, {"field", error.field}};
}

std::string_view codec_name(nevus::ImageCodec codec) {
  switch (codec) {
    case nevus::ImageCodec::jpeg:
      return "JPEG";
    case nevus::ImageCodec::png:
      return "PNG";
    case nevus::ImageCodec::webp:
      return "WebP";
    case nevus::ImageCodec::bmp:
      return "BMP";
    case nevus::ImageCodec::tiff:
      return "TIFF";
    case nevus::ImageCodec::gif:
      return "GIF";
    case nevus::ImageCodec::avif:
      return "AVIF";
    case nevus::ImageCodec::heic:
      return "HEIC";
  }
  return "image";
}

ImageView photo_view() {
  return {state.photo.get(),
          state.width,
          state.height,
          static_cast<std::size_t>(state.width) * 4,
          nevus::PixelFormat::rgba,
          state.jpeg};
}

json quality_json(const nevus::Quality& quality) {
  json issues = json::array();
  for (const auto issue : quality.issues)
    issues.push_back({{"id", nevus::id(issue)}, {"sentence", nevus::sentence(issue)}});
  return {{"width", quality.width},         {"height", quality.height},
          {"sharpness", quality.sharpness}, {"brightness", quality.brightness},
          {"contrast", quality.contrast},   {"clipped", quality.clipped},
          {"issues", std::move(issues)}};
}

/// In shares of the photo.
json crop_json(const nevus::Rect& crop, const ImageView& photo) {
  return {{"x", double(crop.x) / photo.width},
          {"y", double(crop.y) / photo.height},
          {"width", double(crop.width) / photo.width},
          {"height", double(crop.height) / photo.height}};
}

/// Made smaller by a whole number. Photos that are long and narrow beyond use become a picture that
/// is a pixel or more a side all the same.
nevus::Image preview_of(const ImageView& photo, int factor) {
  if (factor <= std::min({nevus::kMostReduction, photo.width, photo.height}))
    return nevus::reduce(photo, factor);
  nevus::Image small(std::max(1, photo.width / factor), std::max(1, photo.height / factor),
                     photo.format);
  const cv::Mat from(photo.height, photo.width, CV_8UC4, const_cast<std::uint8_t*>(photo.data),
                     photo.stride);
  cv::Mat to(small.height, small.width, CV_8UC4, small.pixels.data());
  cv::resize(from, to, to.size(), 0, 0, cv::INTER_AREA);
  return small;
}

/// As many pixels as before, so they fit where the photo lies.
void turn_upright(int orientation) {
  const nevus::Image upright = nevus::apply_orientation(photo_view(), orientation);
  std::copy(upright.pixels.begin(), upright.pixels.end(), state.photo.get());
  if (orientation >= 5 && orientation <= 8) std::swap(state.full_width, state.full_height);
  state.width = upright.width;
  state.height = upright.height;
}

/// `part_side`: of the square that is judged, in pixels of the photo; 0: the centre square.
int reduction_for(int part_side, int width, int height) {
  return nevus::jpeg_reduction(part_side > 0 ? part_side : std::min(width, height),
                               nevus::needed_side(state.package.input));
}

std::size_t tensor_size() {
  const auto& input = state.package.input;
  return 3u * static_cast<std::size_t>(input.width) * static_cast<std::size_t>(input.height);
}

}  // namespace

extern "C" {

/// Memory for `size` bytes that JavaScript fills (a file); null when there is none. Free with
/// nevus_free.
EMSCRIPTEN_KEEPALIVE std::uint8_t* nevus_alloc(std::size_t size) {
  return static_cast<std::uint8_t*>(std::malloc(std::max<std::size_t>(size, 1)));
}

EMSCRIPTEN_KEEPALIVE void nevus_free(std::uint8_t* memory) {
  std::free(memory);
}

/// Room for a photo of width x height RGBA pixels (straight alpha, upright), to be filled by
/// JavaScript; replaces the photo before it. Null when there is no memory or the size is absurd.
EMSCRIPTEN_KEEPALIVE std::uint8_t* nevus_photo(int width, int height) {
  state.photo.reset();
  state.jpeg = false;
  state.width = state.height = 0;
  if (width < 1 || height < 1 || std::int64_t{width} * height > nevus::kMaxPixels) return nullptr;
  state.photo.reset(
      nevus_alloc(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4));
  if (state.photo) {
    state.width = state.full_width = width;
    state.height = state.full_height = height;
    state.reduction = 1;
  }
  return state.photo.get();
}

/// nevus::inspect_encoded; a JPEG is decoded, too, and replaces the photo before it, perhaps
/// smaller than it is (nevus::jpeg_reduction). `part_side`: of the square that will be judged, in
/// pixels of the photo; 0: the centre square. {"codec", "orientation", "decoded"} or
/// an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_open(const std::uint8_t* bytes, std::size_t size,
                                            int part_side) {
  return guarded([&]() -> json {
    const auto info = nevus::inspect_encoded({bytes, size});
    if (!info.ok()) return error_json(info.error());
    const bool decoded = info->codec == nevus::ImageCodec::jpeg;
    if (decoded) {
      if (!state.has_package) return {{"error", "no model is loaded"}, {"field", ""}};
      const int reduction = reduction_for(part_side, info->width, info->height);
      const auto pixels =
          nevus::decode_jpeg({bytes, size}, nevus::PixelFormat::rgba, reduction,
                             [](int width, int height) { return nevus_photo(width, height); });
      if (!pixels.ok()) {
        state.photo.reset();
        return error_json(pixels.error());
      }
      state.jpeg = true;
      state.reduction = reduction;
      state.full_width = info->width;
      state.full_height = info->height;
      if (info->orientation > 1) turn_upright(info->orientation);
    }
    return {{"codec", codec_name(info->codec)},
            {"orientation", info->orientation},
            {"decoded", decoded}};
  });
}

/// nevus::read_package; from now on it is the package in use. {"package": model.json, "input":
/// {"width", "height"}, …} or an error, after which the package used before stays.
EMSCRIPTEN_KEEPALIVE const char* nevus_load_package(const std::uint8_t* bytes, std::size_t size) {
  return guarded([&]() -> json {
    auto package = nevus::read_package({bytes, size});
    if (!package.ok()) return error_json(package.error());
    state.package = *std::move(package);
    state.has_package = true;
    return {{"package", json::parse(nevus::to_json(state.package))}};
  });
}

/// The self-test's input, normalised: 3 * height * width floats; null when memory ran out or no
/// package is loaded.
EMSCRIPTEN_KEEPALIVE const float* nevus_self_test() {
  if (!state.has_package) return nullptr;
  try {
    const auto image = nevus::self_test_image(state.package.self_test.seed, state.package.input);
    state.tensor.resize(tensor_size());
    nevus::normalize(image.view(), state.package.input, state.tensor);
    return state.tensor.data();
  } catch (const std::exception&) {
    return nullptr;
  }
}

/// How many pixels of the photo are in memory.
EMSCRIPTEN_KEEPALIVE int nevus_pixels() {
  return state.photo ? state.width * state.height : 0;
}

/// Whether the photo's pixels are as nevus_open would decode them for that square. Where they are
/// not, the same photo is opened again: what the network sees depends on the square alone, not on
/// those before it.
EMSCRIPTEN_KEEPALIVE bool nevus_fits(int part_side) {
  return !state.jpeg ||
         state.reduction == reduction_for(part_side, state.full_width, state.full_height);
}

/// Turns the photo, whose pixels are as stored, upright (nevus::apply_orientation). {"width",
/// "height"} or an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_orient(int orientation) {
  return guarded([&]() -> json {
    if (!state.photo) return {{"error", "no photo is loaded"}, {"field", ""}};
    turn_upright(orientation);
    return {{"width", state.width}, {"height", state.height}};
  });
}

/// Frees the photo's pixels; its quality, tensor and preview stay.
EMSCRIPTEN_KEEPALIVE void nevus_release_photo() {
  state.photo.reset();
}

/// Measures the photo, fills the network's input (nevus_tensor) and makes a preview of at most
/// one and a half times `preview_side` pixels (nevus_preview). {"quality", "preview": {"width",
/// "height"}, "crop": {"x", "y", "width", "height"} in shares of the photo} or an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_prepare(int preview_side) {
  return guarded([&]() -> json {
    if (!state.has_package) return {{"error", "no model is loaded"}, {"field", ""}};
    if (!state.photo) return {{"error", "no photo is loaded"}, {"field", ""}};
    const ImageView view = photo_view();
    state.quality = nevus::assess_quality(view);
    state.quality.width = state.full_width;
    state.quality.height = state.full_height;
    state.tensor.resize(tensor_size());
    nevus::preprocess(view, state.package.input, state.tensor);

    // A whole number of pixels a side makes one: faster than an exact size.
    const int side = std::max(view.width, view.height);
    const int wanted = std::max(1, preview_side);
    const int factor = std::max(1, (side + wanted / 2) / wanted);
    state.preview = preview_of(view, factor);

    return {{"quality", quality_json(state.quality)},
            {"preview", {{"width", state.preview.width}, {"height", state.preview.height}}},
            {"crop", crop_json(nevus::center_square(view.width, view.height), view)}};
  });
}

/// The photo's outline: nevus::lesion_json, or an error. Apart from nevus_prepare, since the
/// network need not wait for it.
EMSCRIPTEN_KEEPALIVE const char* nevus_outline() {
  return guarded([&]() -> json {
    if (!state.photo) return {{"error", "no photo is loaded"}, {"field", ""}};
    const nevus::Lesion lesion = nevus::find_lesion(photo_view());
    nevus::LesionMeasures measures = nevus::measure_lesion(photo_view(), lesion.outline);
    measures.diameter *= state.reduction;
    return nevus::lesion_json(
        nevus::enlarged(lesion, state.reduction, state.full_width, state.full_height), measures);
  });
}

/// Another square of the same photo: its upper left corner and side in whole pixels; side 0: the
/// centre square. Fills the network's input (nevus_tensor) with it and measures its quality.
/// {"quality", "crop"} as nevus_prepare, or an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_frame(int x, int y, int side) {
  return guarded([&]() -> json {
    if (!state.has_package) return {{"error", "no model is loaded"}, {"field", ""}};
    if (!state.photo) return {{"error", "no photo is loaded"}, {"field", ""}};
    const ImageView whole = photo_view();
    nevus::Rect square = nevus::center_square(whole.width, whole.height);
    if (side > 0) {
      const int n = state.reduction;
      square.width = square.height = std::clamp((side + n / 2) / n, 1, square.width);
      square.x = std::clamp((x + n / 2) / n, 0, whole.width - square.width);
      square.y = std::clamp((y + n / 2) / n, 0, whole.height - square.height);
    }
    ImageView part = whole;
    part.data +=
        static_cast<std::size_t>(square.y) * whole.stride + 4 * static_cast<std::size_t>(square.x);
    part.width = square.width;
    part.height = square.height;
    state.quality = nevus::assess_quality(part);
    state.tensor.resize(tensor_size());
    nevus::preprocess(part, state.package.input, state.tensor);
    return {{"quality", quality_json(state.quality)}, {"crop", crop_json(square, whole)}};
  });
}

/// What nevus_prepare or nevus_frame filled: 3 * height * width floats.
EMSCRIPTEN_KEEPALIVE const float* nevus_tensor() {
  return state.tensor.data();
}
/// What nevus_prepare made: RGBA.
EMSCRIPTEN_KEEPALIVE const std::uint8_t* nevus_preview() {
  return state.preview.pixels.data();
}

/// Logits (one a class) and cam (classes * cam height * cam width) of the prepared photo to the
/// decision, and a heat-map of `heatmap_size` squared pixels (nevus_heatmap). `distance`: of the
/// photo, NaN where the network has none. {"outcome", "sentence", "malignancy", "probabilities",
/// "reasons"} or an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_decide(const float* logits, std::size_t logit_count,
                                              const float* cam, std::size_t cam_count,
                                              float distance, int heatmap_size) {
  return guarded([&]() -> json {
    if (!state.has_package) return {{"error", "no model is loaded"}, {"field", ""}};
    const nevus::ModelPackage& package = state.package;
    const std::size_t cells =
        static_cast<std::size_t>(package.cam_width) * static_cast<std::size_t>(package.cam_height);
    if (logit_count != package.classes.size() || cam_count != package.classes.size() * cells)
      return {{"error", "the model's answer has the wrong size"}, {"field", ""}};
    const nevus::Decision decision =
        nevus::decide({logits, logit_count}, package, state.quality, distance);
    const auto evidence = nevus::malignancy_evidence({cam, cam_count}, package);
    state.heatmap = nevus::render_heatmap(evidence, package.cam_width, package.cam_height,
                                          std::clamp(heatmap_size, 1, 1024));
    return {{"outcome", nevus::id(decision.outcome)},
            {"sentence", nevus::sentence(decision.outcome)},
            {"malignancy", decision.malignancy},
            {"probabilities", decision.probabilities},
            {"reasons", decision.reasons}};
  });
}

/// What nevus_decide made: RGBA, straight alpha, over the photo's centre square.
EMSCRIPTEN_KEEPALIVE const std::uint8_t* nevus_heatmap() {
  return state.heatmap.pixels.data();
}

/// nevus::register_photos of two RGBA photos without gaps between rows; an outline is x and y in
/// turn, `points` pairs. {"aligned", "issue": {"id", "sentence"} where it is not, "transform":
/// {"a", "b", "tx", "ty", "scale", "degrees"}, "before", "after", "detail"} or an error.
EMSCRIPTEN_KEEPALIVE const char* nevus_register(const std::uint8_t* fixed, int fixed_width,
                                                int fixed_height, const double* fixed_outline,
                                                std::size_t fixed_points,
                                                const std::uint8_t* moving, int moving_width,
                                                int moving_height, const double* moving_outline,
                                                std::size_t moving_points) {
  return guarded([&]() -> json {
    const auto view = [](const std::uint8_t* pixels, int width, int height) {
      return ImageView{pixels, width, height, static_cast<std::size_t>(width) * 4,
                       nevus::PixelFormat::rgba};
    };
    const auto outline = [](const double* at, std::size_t count) {
      std::vector<nevus::Point> points;
      for (std::size_t i = 0; i < count; ++i) points.push_back({at[2 * i], at[2 * i + 1]});
      return points;
    };
    const nevus::Registration found = nevus::register_photos(
        view(fixed, fixed_width, fixed_height), outline(fixed_outline, fixed_points),
        view(moving, moving_width, moving_height), outline(moving_outline, moving_points));
    const nevus::Similarity& by = found.transform;
    json result{{"aligned", found.aligned()},
                {"transform",
                 {{"a", by.a},
                  {"b", by.b},
                  {"tx", by.tx},
                  {"ty", by.ty},
                  {"scale", by.scale()},
                  {"degrees", by.degrees()}}},
                {"before", found.before},
                {"after", found.after},
                {"detail", found.detail}};
    if (found.issue)
      result["issue"] = {{"id", nevus::id(*found.issue)},
                         {"sentence", nevus::sentence(*found.issue)}};
    return result;
  });
}

}  // extern "C"
