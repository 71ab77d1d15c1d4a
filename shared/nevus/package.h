// The model package: what model.json says of a network, and the same text inside model.onnx.
// The reader treats both as hostile.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "nevus/preprocess.h"
#include "nevus/result.h"

namespace nevus {

inline constexpr int kPackageFormatVersion = 1;
/// Key of the ONNX metadata entry that holds model.json's text.
inline constexpr std::string_view kMetadataKey = "nevus.model";

struct ModelClass {
  std::string id;    ///< [a-z0-9_-]{1,32}, unique
  std::string name;  ///< for people
  bool malignant = false;
};

/// Frozen on validation data, never on test data.
struct OperatingPoint {
  double threshold =
      0.5;  ///< probability of malignancy, 0..1; at or above it: "Show this to a doctor"
  double sensitivity = 0;  ///< on validation, 0..1
  double specificity = 0;  ///< on validation, 0..1
  std::int64_t n = 0;      ///< validation photos
};

/// How far a photo may be from what the network learnt from. The network's output `distance` is the
/// squared Mahalanobis distance of the photo's embedding under a Gaussian fitted to the training
/// photos' (Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples",
/// NeurIPS 2018), with the covariance of probabilistic PCA (Tipping & Bishop, 1999).
struct Typicality {
  double limit = 0;      ///< greatest distance that is judged, > 0
  double accepted = 0;   ///< share of the validation photos within the limit, 0..1
  double self_test = 0;  ///< distance of the self-test's input, >= 0
};

/// Greatest relative difference between backends that the self-test allows a distance.
inline constexpr double kDistanceTolerance = 0.05;

/// A question with a known answer, asked of every backend before it is trusted.
struct SelfTest {
  std::uint32_t seed = 1;     ///< of self_test_input()
  std::vector<float> logits;  ///< expected, one a class
  double tolerance = 0.02;    ///< greatest absolute difference, > 0
};

struct ModelPackage {
  std::string name;
  std::string architecture;  ///< "efficientnet-lite0"
  std::string sha256;        ///< hex, of the serialised ONNX GraphProto (weights and structure)
  PreprocessSpec input;
  std::vector<ModelClass> classes;    ///< 2 to 64, at least one malignant and one not
  int cam_width = 0, cam_height = 0;  ///< 1 to 64
  double temperature = 1;             ///< divides the logits (Guo et al., 2017), > 0
  OperatingPoint operating_point;
  SelfTest self_test;
  std::optional<Typicality> typicality;  ///< where the network has the output `distance`
  nlohmann::json metrics =
      nlohmann::json::object();  ///< {"validation": {"n":, "auc":, "auc_ci": [,]}, …}
  nlohmann::json training =
      nlohmann::json::object();  ///< command line, seed, data hashes, versions, settings
  std::string license;
  std::string intended_use;
  std::vector<std::string> known_limits;
};

/// model.json's text, pretty-printed, keys in a fixed order.
std::string to_json(const ModelPackage& package);

/// Strict: every field is required unless said otherwise; wrong types, absurd ranges, too deep or
/// too large (> 1 MiB) texts are errors that name the field. Unknown keys are allowed.
Result<ModelPackage> parse_package_json(std::string_view text);

/// Reads an .onnx file's bytes: finds the metadata, parses it, checks the graph's SHA-256 and that
/// the graph has input `image` float32 [N,3,H,W] and outputs `logits` [N,C] and `cam` [N,C,h,w] of
/// the sizes that the metadata declares, and `distance` [N,1] where it declares a typicality.
/// Errors say what is wrong: truncated, no metadata
/// ("not a Nevus model"), hash mismatch, shape mismatch.
Result<ModelPackage> read_package(std::span<const std::uint8_t> onnx);

/// SHA-256 (hex) of the serialised GraphProto in an .onnx file's bytes.
Result<std::string> graph_sha256(std::span<const std::uint8_t> onnx);

/// The file without its metadata of ours, everything else byte for byte. Error: no ONNX file.
Result<std::vector<std::uint8_t>> without_metadata(std::span<const std::uint8_t> onnx);

/// Appends the package's text to an .onnx file without metadata of ours (protobuf fields may be
/// appended: the encoding of a concatenation is the merge).
void append_metadata(std::vector<std::uint8_t>& onnx, const ModelPackage& package);

}  // namespace nevus
