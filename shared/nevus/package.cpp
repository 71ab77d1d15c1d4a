// Reads and writes the model package; everything read is treated as hostile.
#include "nevus/package.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <utility>

#include "nevus/sha256.h"

namespace nevus {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxText = 1 << 20;
constexpr std::size_t kMaxOnnx = std::size_t{256} << 20;
constexpr int kMaxDepth = 16;

// ---- JSON ---------------------------------------------------------------------------------------

/// Nesting of brackets outside strings, counted before a parser builds anything from the text.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

/// The double whose shortest decimal text gives back this float: 0.485, not 0.485000014.
double tidy(float value) {
  for (int digits = 6; digits < 9; ++digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
    const double shorter = std::strtod(text, nullptr);
    if (static_cast<float>(shorter) == value) return shorter;
  }
  return value;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

/// Typed, range-checked access to one JSON object. The first error is kept; after it every getter
/// returns a default, so that the reader below is a plain list of fields.
class Fields {
 public:
  Fields(const Json& object, std::string path, std::optional<Error>& error)
      : object_(&object), path_(std::move(path)), error_(&error) {
    if (!object.is_object()) fail("", "must be an object");
  }

  Fields object(const char* key) const {
    const Json* value = find(key);
    if (!value) return {kEmpty, path_, *error_};
    if (!value->is_object()) {
      fail(key, "must be an object");
      return {kEmpty, path_, *error_};
    }
    return {*value, name(key), *error_};
  }

  Json json_object(const char* key) const {
    const Json* value = find(key);
    if (value && value->is_object()) return *value;
    if (value) fail(key, "must be an object");
    return Json::object();
  }

  /// The elements of an array of `least` to `most` elements; empty after an error.
  const Json& array(const char* key, std::size_t least, std::size_t most) const {
    static const Json kNone = Json::array();
    const Json* value = find(key);
    if (!value) return kNone;
    if (!value->is_array()) {
      fail(key, "must be a list");
      return kNone;
    }
    if (value->size() < least || value->size() > most) {
      fail(key, "must have " +
                    (least == most ? std::to_string(least)
                                   : std::to_string(least) + " to " + std::to_string(most)) +
                    " entries, not " + std::to_string(value->size()));
      return kNone;
    }
    return *value;
  }

  double number(const char* key, double least, double most) const {
    const Json* value = find(key);
    return value ? checked(*value, key, least, most) : 0;
  }

  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) const {
    const Json* value = find(key);
    if (!value) return 0;
    // Unsigned values beyond int64 would wrap in get<int64_t>().
    const bool fits = value->is_number_unsigned()
                          ? value->get<std::uint64_t>() <= std::uint64_t{INT64_MAX}
                          : value->is_number_integer();
    if (!value->is_number_integer()) {
      fail(key, "must be a whole number");
      return 0;
    }
    if (!fits || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
      fail(key, "must be between " + std::to_string(least) + " and " + std::to_string(most));
      return 0;
    }
    return value->get<std::int64_t>();
  }

  bool boolean(const char* key) const {
    const Json* value = find(key);
    if (!value) return false;
    if (!value->is_boolean()) {
      fail(key, "must be true or false");
      return false;
    }
    return value->get<bool>();
  }

  std::string text(const char* key, std::size_t least, std::size_t most) const {
    const Json* value = find(key);
    return value ? checked_text(*value, key, least, most) : std::string();
  }

  void exactly(const char* key, std::string_view expected) const {
    const Json* value = find(key);
    if (value && !(value->is_string() && value->get_ref<const std::string&>() == expected)) {
      fail(key, "must be \"" + std::string(expected) + "\"");
    }
  }

  std::vector<float> floats(const char* key, std::size_t count, double least, double most) const {
    std::vector<float> result;
    const Json& list = array(key, count, count);
    for (std::size_t i = 0; i < list.size(); ++i) {
      result.push_back(static_cast<float>(checked(list[i], indexed(key, i).c_str(), least, most)));
    }
    return result;
  }

  double checked(const Json& value, const char* key, double least, double most) const {
    if (!value.is_number()) {
      fail(key, "must be a number");
      return 0;
    }
    const auto number = value.get<double>();
    // Written so that NaN fails, too.
    if (!(number >= least && number <= most)) {
      fail(key, "must be between " + number_text(least) + " and " + number_text(most));
      return 0;
    }
    return number;
  }

  std::string checked_text(const Json& value, const char* key, std::size_t least,
                           std::size_t most) const {
    if (!value.is_string()) {
      fail(key, "must be a text");
      return {};
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() < least) {
      fail(key, "must not be empty");
      return {};
    }
    if (text.size() > most) {
      fail(key, "is longer than " + std::to_string(most) + " bytes");
      return {};
    }
    // Control characters could rewrite a terminal or hide text from a reader.
    const auto control = [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f;
    };
    if (std::any_of(text.begin(), text.end(), control)) {
      fail(key, "holds control characters");
      return {};
    }
    return text;
  }

  void fail(const std::string& key, const std::string& reason) const {
    if (*error_) return;
    const std::string field = name(key);
    *error_ = Error{(field.empty() ? "the package" : field) + " " + reason, field};
  }

  static std::string indexed(const char* key, std::size_t i) {
    return std::string(key) + "[" + std::to_string(i) + "]";
  }

 private:
  inline static const Json kEmpty = Json::object();

  std::string name(const std::string& key) const {
    if (path_.empty() || key.empty()) return path_ + key;
    return path_ + "." + key;
  }

  const Json* find(const char* key) const {
    if (*error_) return nullptr;
    const auto found = object_->find(key);
    if (found == object_->end()) {
      fail(key, "is missing");
      return nullptr;
    }
    return &*found;
  }

  const Json* object_;
  std::string path_;
  std::optional<Error>* error_;
};

bool is_class_id(std::string_view id) {
  return !id.empty() && id.size() <= 32 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::array<float, 3> three(const std::vector<float>& values) {
  if (values.size() != 3) return {};
  return {values[0], values[1], values[2]};
}

std::vector<ModelClass> read_classes(const Fields& root, std::optional<Error>& error) {
  std::vector<ModelClass> classes;
  const Json& list = root.array("classes", 2, 64);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Fields entry(list[i], Fields::indexed("classes", i), error);
    ModelClass one;
    one.id = entry.text("id", 1, 32);
    one.name = entry.text("name", 1, 100);
    one.malignant = entry.boolean("malignant");
    if (!is_class_id(one.id)) entry.fail("id", "may hold a-z, 0-9, _ and - only");
    for (const ModelClass& other : classes) {
      if (other.id == one.id) entry.fail("id", "is there twice");
    }
    classes.push_back(std::move(one));
  }
  const auto malignant =
      std::count_if(classes.begin(), classes.end(), [](const auto& c) { return c.malignant; });
  if (malignant == 0) root.fail("classes", "has no malignant class");
  if (malignant == static_cast<std::ptrdiff_t>(classes.size())) {
    root.fail("classes", "has no class that is not malignant");
  }
  return classes;
}

// ---- ONNX (field numbers: onnx.proto, IR version 8)
// -----------------------------------------------

using Pbf = protozero::pbf_reader;
constexpr auto kBytes = protozero::pbf_wire_type::length_delimited;
constexpr auto kVarint = protozero::pbf_wire_type::varint;

constexpr std::uint32_t tag(std::uint32_t field, protozero::pbf_wire_type type) {
  return protozero::tag_and_type(field, type);
}

struct Tensor {
  std::string name;
  std::uint64_t type = 0;
  std::vector<std::int64_t> dims;  ///< -1: not fixed
};

struct Model {
  protozero::data_view graph;
  int graphs = 0;
  protozero::data_view metadata;
  int metadatas = 0;
  bool functions = false;
};

Model read_model(std::span<const std::uint8_t> onnx) {
  Model model;
  Pbf in(reinterpret_cast<const char*>(onnx.data()), onnx.size());
  while (in.next()) {
    switch (in.tag_and_type()) {
      case tag(7, kBytes):
        model.graph = in.get_view();
        ++model.graphs;
        break;
      case tag(14, kBytes): {
        Pbf entry(in.get_view());
        protozero::data_view key, value;
        while (entry.next()) {
          switch (entry.tag_and_type()) {
            case tag(1, kBytes):
              key = entry.get_view();
              break;
            case tag(2, kBytes):
              value = entry.get_view();
              break;
            default:
              entry.skip();
          }
        }
        if (std::string_view(key.data(), key.size()) == kMetadataKey) {
          model.metadata = value;
          ++model.metadatas;
        }
        break;
      }
      case tag(20, kBytes):  // training_info
      case tag(25, kBytes):  // functions: would change what the hashed graph means
        model.functions = true;
        in.skip();
        break;
      default:
        in.skip();
    }
  }
  return model;
}

Tensor read_value_info(Pbf in) {
  Tensor tensor;
  while (in.next()) {
    switch (in.tag_and_type()) {
      case tag(1, kBytes):
        tensor.name = in.get_string();
        break;
      case tag(2, kBytes): {
        Pbf type(in.get_view());
        while (type.next(1, kBytes)) {
          Pbf tensor_type(type.get_view());
          while (tensor_type.next()) {
            switch (tensor_type.tag_and_type()) {
              case tag(1, kVarint):
                tensor.type = tensor_type.get_uint64();
                break;
              case tag(2, kBytes): {
                Pbf shape(tensor_type.get_view());
                while (shape.next(1, kBytes)) {
                  Pbf dim(shape.get_view());
                  std::int64_t value = -1;
                  while (dim.next()) {
                    if (dim.tag_and_type() == tag(1, kVarint)) {
                      value = dim.get_int64();
                    } else {
                      dim.skip();
                    }
                  }
                  tensor.dims.push_back(value);
                }
                break;
              }
              default:
                tensor_type.skip();
            }
          }
        }
        break;
      }
      default:
        in.skip();
    }
  }
  return tensor;
}

bool has_external_data(Pbf tensor) {
  while (tensor.next()) {
    switch (tensor.tag_and_type()) {
      case tag(13, kBytes):
        return true;
      case tag(14, kVarint):
        if (tensor.get_uint64() != 0) return true;
        break;
      default:
        tensor.skip();
    }
  }
  return false;
}

struct Graph {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  int nodes = 0;
  bool external = false;
  bool subgraphs = false;
};

void read_node(Pbf node, Graph& graph) {
  while (node.next()) {
    if (node.tag_and_type() != tag(5, kBytes)) {
      node.skip();
      continue;
    }
    Pbf attribute(node.get_view());
    while (attribute.next()) {
      switch (attribute.tag_and_type()) {
        case tag(5, kBytes):   // t
        case tag(10, kBytes):  // tensors
          graph.external |= has_external_data(Pbf(attribute.get_view()));
          break;
        case tag(6, kBytes):   // g
        case tag(11, kBytes):  // graphs
          graph.subgraphs = true;
          attribute.skip();
          break;
        default:
          attribute.skip();
      }
    }
  }
}

Graph read_graph(protozero::data_view bytes) {
  Graph graph;
  Pbf in(bytes);
  while (in.next()) {
    switch (in.tag_and_type()) {
      case tag(1, kBytes):
        ++graph.nodes;
        read_node(Pbf(in.get_view()), graph);
        break;
      case tag(5, kBytes):
        graph.external |= has_external_data(Pbf(in.get_view()));
        break;
      case tag(11, kBytes):
        graph.inputs.push_back(read_value_info(Pbf(in.get_view())));
        break;
      case tag(12, kBytes):
        graph.outputs.push_back(read_value_info(Pbf(in.get_view())));
        break;
      case tag(15, kBytes):  // sparse_initializer: never written by us, can refer to external data
        graph.external = true;
        in.skip();
        break;
      default:
        in.skip();
    }
  }
  return graph;
}

std::string shape_text(const std::vector<std::int64_t>& dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (i) text += ",";
    text += dims[i] < 0 ? "N" : std::to_string(dims[i]);
  }
  return text + "]";
}

/// `expected` without the batch, which may be 1 or free.
std::optional<Error> check_tensor(const std::vector<Tensor>& tensors, const std::string& name,
                                  const std::vector<std::int64_t>& expected) {
  constexpr std::uint64_t kFloat = 1;
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
  if (found == tensors.end()) return Error{"the network has no \"" + name + "\"", name};
  if (found->type != kFloat) return Error{"\"" + name + "\" is not float32", name};
  const auto& dims = found->dims;
  const bool batch = !dims.empty() && (dims[0] == -1 || dims[0] == 1);
  if (!batch || !std::equal(dims.begin() + 1, dims.end(), expected.begin(), expected.end())) {
    std::vector<std::int64_t> wanted{-1};
    wanted.insert(wanted.end(), expected.begin(), expected.end());
    const std::string is =
        dims.size() <= 8 ? shape_text(dims) : std::to_string(dims.size()) + " axes";
    return Error{
        "the shape of \"" + name + "\" is " + is + ", the package says " + shape_text(wanted),
        name};
  }
  return std::nullopt;
}

std::optional<Error> check_file(std::span<const std::uint8_t> onnx) {
  if (onnx.empty()) return Error{"the file is empty", {}};
  if (onnx.size() > kMaxOnnx) return Error{"the file is larger than 256 MiB", {}};
  return std::nullopt;
}

Error broken() {
  return {"truncated or damaged .onnx", {}};
}

std::span<const std::uint8_t> as_bytes(protozero::data_view view) {
  return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

}  // namespace

std::string to_json(const ModelPackage& package) {
  using Ordered = nlohmann::ordered_json;
  const auto tidied = [](const auto& values) {
    Ordered list = Ordered::array();
    for (const float value : values) list.push_back(tidy(value));
    return list;
  };
  Ordered json;
  json["format"] = "nevus-model";
  json["format_version"] = kPackageFormatVersion;
  json["name"] = package.name;
  json["architecture"] = package.architecture;
  json["sha256"] = package.sha256;
  json["input"] = {{"width", package.input.width},
                   {"height", package.input.height},
                   {"color_order", "RGB"},
                   {"mean", tidied(package.input.mean)},
                   {"std", tidied(package.input.std)},
                   {"resize", "area"},
                   {"crop", "center-square"}};
  json["classes"] = Ordered::array();
  for (const ModelClass& one : package.classes) {
    json["classes"].push_back({{"id", one.id}, {"name", one.name}, {"malignant", one.malignant}});
  }
  json["cam"] = {{"width", package.cam_width}, {"height", package.cam_height}};
  json["temperature"] = package.temperature;
  json["operating_point"] = {{"threshold", package.operating_point.threshold},
                             {"sensitivity", package.operating_point.sensitivity},
                             {"specificity", package.operating_point.specificity},
                             {"n", package.operating_point.n}};
  json["self_test"] = {{"seed", package.self_test.seed},
                       {"logits", tidied(package.self_test.logits)},
                       {"tolerance", package.self_test.tolerance}};
  json["metrics"] = package.metrics;
  json["training"] = package.training;
  json["license"] = package.license;
  json["intended_use"] = package.intended_use;
  if (package.typicality) {
    json["typicality"] = {{"limit", package.typicality->limit},
                          {"accepted", package.typicality->accepted},
                          {"self_test", package.typicality->self_test}};
  }
  json["known_limits"] = package.known_limits;
  return json.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

Result<ModelPackage> parse_package_json(std::string_view text) {
  if (text.size() > kMaxText) return Error{"the package's description is larger than 1 MiB", {}};
  if (too_deep(text)) return Error{"the package's description is nested too deeply", {}};
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    return Error{"not valid JSON (at byte " + std::to_string(error.byte) + ")", {}};
  } catch (const Json::exception&) {
    return Error{"not valid JSON (a number is out of range)", {}};
  }
  if (!json.is_object()) return Error{"the package's description is not a JSON object", {}};

  std::optional<Error> error;
  const Fields root(json, "", error);
  ModelPackage package;
  root.exactly("format", "nevus-model");
  const std::int64_t version = root.integer("format_version", 1, 1'000'000);
  if (!error && version != kPackageFormatVersion) {
    root.fail("format_version", "is " + std::to_string(version) + "; this version of Nevus reads " +
                                    std::to_string(kPackageFormatVersion));
  }
  package.name = root.text("name", 1, 200);
  package.architecture = root.text("architecture", 1, 100);
  package.sha256 = root.text("sha256", 1, 64);
  if (!is_sha256(package.sha256)) root.fail("sha256", "must be 64 hex digits in lower case");

  const Fields input = root.object("input");
  package.input.width = static_cast<int>(input.integer("width", 32, 1024));
  package.input.height = static_cast<int>(input.integer("height", 32, 1024));
  if (package.input.width != package.input.height) input.fail("height", "must equal the width");
  input.exactly("color_order", "RGB");
  package.input.mean = three(input.floats("mean", 3, 0, 1));
  package.input.std = three(input.floats("std", 3, 1e-3, 10));
  input.exactly("resize", "area");
  input.exactly("crop", "center-square");

  package.classes = read_classes(root, error);

  const Fields cam = root.object("cam");
  package.cam_width = static_cast<int>(cam.integer("width", 1, 64));
  package.cam_height = static_cast<int>(cam.integer("height", 1, 64));
  package.temperature = root.number("temperature", 0.01, 100);

  const Fields point = root.object("operating_point");
  package.operating_point.threshold = point.number("threshold", 0, 1);
  package.operating_point.sensitivity = point.number("sensitivity", 0, 1);
  package.operating_point.specificity = point.number("specificity", 0, 1);
  package.operating_point.n = point.integer("n", 0, 1'000'000'000);

  const Fields self_test = root.object("self_test");
  package.self_test.seed = static_cast<std::uint32_t>(self_test.integer("seed", 0, 0xffffffff));
  package.self_test.logits = self_test.floats("logits", package.classes.size(), -1e4, 1e4);
  package.self_test.tolerance = self_test.number("tolerance", 1e-6, 1);

  if (json.contains("typicality")) {
    const Fields typicality = root.object("typicality");
    package.typicality =
        Typicality{typicality.number("limit", 1e-9, 1e12), typicality.number("accepted", 0, 1),
                   typicality.number("self_test", 0, 1e15)};
  }

  package.metrics = root.json_object("metrics");
  package.training = root.json_object("training");
  package.license = root.text("license", 1, 1000);
  package.intended_use = root.text("intended_use", 1, 10'000);
  const Json& limits = root.array("known_limits", 0, 64);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    package.known_limits.push_back(
        root.checked_text(limits[i], Fields::indexed("known_limits", i).c_str(), 1, 2000));
  }
  if (error) return *error;
  return package;
}

Result<ModelPackage> read_package(std::span<const std::uint8_t> onnx) {
  if (auto error = check_file(onnx)) return *error;
  try {
    const Model model = read_model(onnx);
    if (model.metadatas == 0) {
      return Error{"not a Nevus model (no \"" + std::string(kMetadataKey) + "\" inside)", {}};
    }
    if (model.metadatas > 1) return Error{"more than one description of the model inside", {}};
    if (model.graphs != 1) return broken();
    if (model.functions) {
      return Error{"holds functions or training information, which Nevus models never do", {}};
    }
    Result<ModelPackage> package =
        parse_package_json({model.metadata.data(), model.metadata.size()});
    if (!package) return package;

    const std::string hash = sha256_hex(as_bytes(model.graph));
    if (hash != package->sha256) {
      return Error{"damaged or altered: the network's SHA-256 is " + hash + ", the package says " +
                       package->sha256,
                   "sha256"};
    }
    const Graph graph = read_graph(model.graph);
    if (graph.external) return Error{"refers to data outside the file", {}};
    if (graph.subgraphs) return Error{"holds control flow, which Nevus models never do", {}};
    if (graph.nodes == 0) return broken();
    if (graph.inputs.size() != 1) {
      return Error{"the network must have one input, not " + std::to_string(graph.inputs.size()),
                   "image"};
    }
    const auto classes = static_cast<std::int64_t>(package->classes.size());
    if (auto error =
            check_tensor(graph.inputs, "image", {3, package->input.height, package->input.width})) {
      return *error;
    }
    if (auto error = check_tensor(graph.outputs, "logits", {classes})) return *error;
    if (auto error = check_tensor(graph.outputs, "cam",
                                  {classes, package->cam_height, package->cam_width})) {
      return *error;
    }
    if (package->typicality) {
      if (auto error = check_tensor(graph.outputs, "distance", {1})) return *error;
    }
    return package;
  } catch (const protozero::exception&) {
    return broken();
  }
}

Result<std::string> graph_sha256(std::span<const std::uint8_t> onnx) {
  if (auto error = check_file(onnx)) return *error;
  try {
    const Model model = read_model(onnx);
    if (model.graphs != 1) return broken();
    return sha256_hex(as_bytes(model.graph));
  } catch (const protozero::exception&) {
    return broken();
  }
}

Result<std::vector<std::uint8_t>> without_metadata(std::span<const std::uint8_t> onnx) {
  if (auto error = check_file(onnx)) return *error;
  try {
    std::vector<std::uint8_t> kept;
    protozero::pbf_reader model(reinterpret_cast<const char*>(onnx.data()), onnx.size());
    for (;;) {
      const char* begin = model.data().data();
      if (!model.next()) break;
      bool ours = false;
      if (model.tag_and_type() == tag(14, kBytes)) {
        protozero::pbf_reader entry = model.get_message();
        while (entry.next()) {
          if (entry.tag_and_type() == tag(1, kBytes)) {
            const auto key = entry.get_view();
            ours = ours || std::string_view(key.data(), key.size()) == kMetadataKey;
          } else {
            entry.skip();
          }
        }
      } else {
        model.skip();
      }
      if (!ours) kept.insert(kept.end(), begin, model.data().data());
    }
    return kept;
  } catch (const protozero::exception&) {
    return broken();
  }
}

void append_metadata(std::vector<std::uint8_t>& onnx, const ModelPackage& package) {
  std::string field;
  {
    protozero::pbf_writer model(field);
    protozero::pbf_writer entry(model, 14);
    entry.add_string(1, kMetadataKey.data(), kMetadataKey.size());
    entry.add_string(2, to_json(package));
  }
  onnx.insert(onnx.end(), field.begin(), field.end());
}

}  // namespace nevus
