// Everything the core computes from a photo's pixels, as bytes that two builds can compare, and the
// files that carry pixels and results from one to the other. Both builds are little-endian.
#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "nevus/core.h"

namespace nevus::test {

using NamedBytes = std::vector<std::pair<std::string, std::vector<std::uint8_t>>>;

template <class T>
std::vector<std::uint8_t> bytes_of(const T* data, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<std::uint8_t> bytes(count * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), data, bytes.size());
  return bytes;
}

/// Tensor (at two input sizes), quality, outline and its measures, evidence and heat-map made from
/// the tensor's own values, and the heat-map laid over the photo.
inline NamedBytes core_results(const ImageView& photo) {
  NamedBytes results;
  ModelPackage package;
  package.classes = {{"a", "A", false}, {"b", "B", true}, {"c", "C", true}};
  package.cam_width = package.cam_height = 7;
  std::vector<float> tensor;
  for (const int side : {320, 224}) {
    PreprocessSpec spec;
    spec.width = spec.height = side;
    spec.mean = {0.498f, 0.456f, 0.406f};
    tensor.assign(static_cast<std::size_t>(3 * side * side), 0.0f);
    preprocess(photo, spec, tensor);
    results.emplace_back("tensor " + std::to_string(side), bytes_of(tensor.data(), tensor.size()));
  }
  const Quality quality = assess_quality(photo);
  const double measures[] = {quality.sharpness, quality.brightness, quality.contrast,
                             quality.clipped, static_cast<double>(quality.issues.size())};
  results.emplace_back("quality", bytes_of(measures, std::size(measures)));

  const Lesion lesion = find_lesion(photo);
  results.emplace_back("outline", bytes_of(lesion.outline.data(), lesion.outline.size()));
  const double found[] = {
      static_cast<double>(lesion.issue ? 1 + static_cast<int>(*lesion.issue) : 0),
      lesion.area,
      lesion.confidence,
      static_cast<double>(lesion.crop.x),
      static_cast<double>(lesion.crop.y),
      static_cast<double>(lesion.crop.width)};
  results.emplace_back("lesion", bytes_of(found, std::size(found)));
  const LesionMeasures shape = measure_lesion(photo, lesion.outline);
  std::vector<double> shape_measures{shape.asymmetry,         shape.asymmetry_axes[0],
                                     shape.asymmetry_axes[1], shape.compactness,
                                     shape.solidity,          shape.diameter};
  shape_measures.insert(shape_measures.end(), shape.colours.begin(), shape.colours.end());
  results.emplace_back("lesion measures", bytes_of(shape_measures.data(), shape_measures.size()));

  std::vector<float> cam(3 * 7 * 7);
  for (std::size_t i = 0; i < cam.size(); ++i) cam[i] = tensor[i * (tensor.size() / cam.size())];
  const std::vector<float> evidence = malignancy_evidence(cam, package);
  results.emplace_back("evidence", bytes_of(evidence.data(), evidence.size()));
  const Image overlay = render_heatmap(evidence, 7, 7, 224);
  results.emplace_back("heat-map", overlay.pixels);
  // Millions of bytes a photo: their hash says as much.
  const std::string blended = sha256_hex(blend_heatmap(photo, overlay.view(), 0.6).pixels);
  results.emplace_back("heat-map over the photo", bytes_of(blended.data(), blended.size()));
  return results;
}

/// A JPEG file's pixels at every reduction, as hashes.
inline NamedBytes jpeg_results(std::span<const std::uint8_t> file) {
  NamedBytes results;
  for (const int n : {1, 2, 4, 8}) {
    const auto decoded = decode_jpeg(file, PixelFormat::rgba, n);
    const std::string text = decoded ? sha256_hex(decoded->pixels) : decoded.error().message;
    results.emplace_back("JPEG at 1/" + std::to_string(n), bytes_of(text.data(), text.size()));
  }
  return results;
}

inline NamedBytes self_test_results() {
  NamedBytes results;
  for (const std::uint32_t seed : {0u, 1u, 20261122u, 0xffffffffu}) {
    results.emplace_back("self-test " + std::to_string(seed),
                         self_test_image(seed, PreprocessSpec()).pixels);
  }
  return results;
}

inline bool write_bytes(const std::string& path, const void* data, std::size_t size) {
  std::ofstream out(path, std::ios::binary);
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  return static_cast<bool>(out.flush());
}

inline bool read_bytes(const std::string& path, std::vector<std::uint8_t>& bytes) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return false;
  bytes.resize(static_cast<std::size_t>(in.tellg()));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return static_cast<bool>(in);
}

}  // namespace nevus::test
