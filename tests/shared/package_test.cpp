// The model package: what goes out comes back, and nothing hostile comes in.
#include "nevus/package.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tiny_onnx.h"

namespace {

using namespace nevus;
using namespace nevus::test;
using Json = nlohmann::json;
using Pointer = Json::json_pointer;

Json tiny_json() {
  return Json::parse(to_json(tiny_package()));
}

TEST(PackageJson, WhatGoesOutComesBack) {
  ModelPackage package = tiny_package();
  package.name = "Haut-Modell \"7\" \xc3\xa4";
  package.input.mean = {0.485f, 0.456f, 0.1f / 3};
  package.self_test.logits = {1.0f / 3, -7.123456e-5f};
  package.typicality = Typicality{1234.5, 0.98, 99.25};
  const auto back = parse_package_json(to_json(package));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->name, package.name);
  EXPECT_EQ(back->input, package.input);
  EXPECT_EQ(back->self_test.logits, package.self_test.logits);
  EXPECT_EQ(back->self_test.seed, 7u);
  ASSERT_TRUE(back->typicality);
  EXPECT_EQ(back->typicality->limit, 1234.5);
  EXPECT_EQ(back->typicality->accepted, 0.98);
  EXPECT_EQ(back->typicality->self_test, 99.25);
  EXPECT_EQ(back->classes.size(), 2u);
  EXPECT_EQ(back->classes[1].id, "malignant");
  EXPECT_TRUE(back->classes[1].malignant);
  EXPECT_EQ(back->temperature, 1.25);
  EXPECT_EQ(back->operating_point.threshold, 0.3);
  EXPECT_EQ(back->operating_point.n, 500);
  EXPECT_EQ(back->metrics, package.metrics);
  EXPECT_EQ(back->training, package.training);
  EXPECT_EQ(back->known_limits, package.known_limits);
  EXPECT_EQ(to_json(*back), to_json(package));
}

TEST(PackageJson, IsTidyAndInOrder) {
  const std::string text = to_json(tiny_package());
  EXPECT_NE(text.find("0.485,"), std::string::npos) << text;
  EXPECT_LT(text.find("\"format\""), text.find("\"name\""));
  EXPECT_LT(text.find("\"name\""), text.find("\"classes\""));
  EXPECT_LT(text.find("\"classes\""), text.find("\"known_limits\""));
}

TEST(PackageJson, TextsThatAreNotUtf8AreWrittenReadably) {
  ModelPackage package = tiny_package();
  package.training = {{"command_line", "nevus train \xff\xfe"}};
  EXPECT_TRUE(parse_package_json(to_json(package)).ok());
}

TEST(PackageJson, UnknownKeysAreAllowed) {
  Json json = tiny_json();
  json["colour_of_the_cover"] = "blue";
  json["input"]["note"] = {1, 2, 3};
  EXPECT_TRUE(parse_package_json(json.dump()).ok());
}

class MissingField : public testing::TestWithParam<const char*> {};

TEST_P(MissingField, IsNamed) {
  const Pointer pointer(GetParam());
  Json json = tiny_json();
  ASSERT_TRUE(json.contains(pointer)) << GetParam();
  json.at(pointer.parent_pointer()).erase(pointer.back());
  const auto result = parse_package_json(json.dump());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().field.find(pointer.back()), std::string::npos) << result.error().field;
  EXPECT_NE(result.error().message.find("missing"), std::string::npos) << result.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Package, MissingField,
    testing::Values("/format", "/format_version", "/name", "/architecture", "/sha256", "/input",
                    "/input/width", "/input/height", "/input/color_order", "/input/mean",
                    "/input/std", "/input/resize", "/input/crop", "/classes", "/classes/0/id",
                    "/classes/1/name", "/classes/0/malignant", "/cam", "/cam/width", "/cam/height",
                    "/temperature", "/operating_point", "/operating_point/threshold",
                    "/operating_point/sensitivity", "/operating_point/specificity",
                    "/operating_point/n", "/self_test", "/self_test/seed", "/self_test/logits",
                    "/self_test/tolerance", "/metrics", "/training", "/license", "/intended_use",
                    "/known_limits"));

struct Absurd {
  const char* pointer;
  const char* value;  ///< JSON
  const char* field;  ///< expected in the error
};

void PrintTo(const Absurd& absurd, std::ostream* out) {
  *out << absurd.pointer << " = " << std::string(absurd.value).substr(0, 40);
}

class AbsurdField : public testing::TestWithParam<Absurd> {};

TEST_P(AbsurdField, IsNamed) {
  const auto& [pointer, value, field] = GetParam();
  Json json = tiny_json();
  json[Pointer(pointer)] = Json::parse(value);
  const auto result = parse_package_json(json.dump());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().field, field);
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  EXPECT_LT(result.error().message.size(), 300u);
}

INSTANTIATE_TEST_SUITE_P(
    Package, AbsurdField,
    testing::Values(
        Absurd{"/format", "\"other\"", "format"}, Absurd{"/format", "1", "format"},
        Absurd{"/format_version", "2", "format_version"},
        Absurd{"/format_version", "1.0", "format_version"},
        Absurd{"/format_version", "\"1\"", "format_version"}, Absurd{"/name", "\"\"", "name"},
        Absurd{"/name", "7", "name"}, Absurd{"/name", "\"a\\u001b[31mred\"", "name"},
        Absurd{"/architecture", "null", "architecture"}, Absurd{"/sha256", "\"\"", "sha256"},
        Absurd{"/sha256", "\"abc\"", "sha256"},
        Absurd{"/sha256", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
               "sha256"},
        Absurd{"/input", "[]", "input"}, Absurd{"/input", "null", "input"},
        Absurd{"/input/width", "0", "input.width"}, Absurd{"/input/width", "-64", "input.width"},
        Absurd{"/input/width", "1000000", "input.width"},
        Absurd{"/input/width", "18446744073709551615", "input.width"},
        Absurd{"/input/width", "64.5", "input.width"},
        Absurd{"/input/width", "\"64\"", "input.width"},
        Absurd{"/input/height", "65", "input.height"},
        Absurd{"/input/color_order", "\"BGR\"", "input.color_order"},
        Absurd{"/input/mean", "0.5", "input.mean"}, Absurd{"/input/mean", "[]", "input.mean"},
        Absurd{"/input/mean", "[0.5,0.5]", "input.mean"},
        Absurd{"/input/mean", "[0.5,0.5,0.5,0.5]", "input.mean"},
        Absurd{"/input/mean", "[0.5,-0.1,0.5]", "input.mean[1]"},
        Absurd{"/input/mean", "[0.5,0.5,null]", "input.mean[2]"},
        Absurd{"/input/std", "[0,0.5,0.5]", "input.std[0]"},
        Absurd{"/input/std", "[0.5,-1,0.5]", "input.std[1]"},
        Absurd{"/input/std", "[0.5,0.5,1e300]", "input.std[2]"},
        Absurd{"/input/resize", "\"lanczos\"", "input.resize"},
        Absurd{"/input/crop", "\"none\"", "input.crop"}, Absurd{"/classes", "{}", "classes"},
        Absurd{"/classes", "[]", "classes"}, Absurd{"/classes/0", "7", "classes[0]"},
        Absurd{"/classes/0/id", "\"Benign\"", "classes[0].id"},
        Absurd{"/classes/0/id", "\"<script>\"", "classes[0].id"},
        Absurd{"/classes/0/id", "\"../x\"", "classes[0].id"},
        Absurd{"/classes/0/id", "\"\"", "classes[0].id"},
        Absurd{"/classes/1/id", "\"benign\"", "classes[1].id"},
        Absurd{"/classes/0/name", "\"\"", "classes[0].name"},
        Absurd{"/classes/0/malignant", "0", "classes[0].malignant"},
        Absurd{"/classes/0/malignant", "true", "classes"},
        Absurd{"/classes/1/malignant", "false", "classes"}, Absurd{"/cam/width", "0", "cam.width"},
        Absurd{"/cam/width", "65", "cam.width"}, Absurd{"/cam/height", "-1", "cam.height"},
        Absurd{"/temperature", "0", "temperature"}, Absurd{"/temperature", "-1", "temperature"},
        Absurd{"/temperature", "1e308", "temperature"},
        Absurd{"/temperature", "null", "temperature"},
        Absurd{"/operating_point/threshold", "1.01", "operating_point.threshold"},
        Absurd{"/operating_point/threshold", "-0.01", "operating_point.threshold"},
        Absurd{"/operating_point/sensitivity", "2", "operating_point.sensitivity"},
        Absurd{"/operating_point/specificity", "\"0.5\"", "operating_point.specificity"},
        Absurd{"/operating_point/n", "-1", "operating_point.n"},
        Absurd{"/operating_point/n", "1e30", "operating_point.n"},
        Absurd{"/self_test/seed", "4294967296", "self_test.seed"},
        Absurd{"/self_test/seed", "-1", "self_test.seed"},
        Absurd{"/self_test/logits", "[1]", "self_test.logits"},
        Absurd{"/self_test/logits", "[1,2,3]", "self_test.logits"},
        Absurd{"/self_test/logits", "[1,1e20]", "self_test.logits[1]"},
        Absurd{"/self_test/tolerance", "0", "self_test.tolerance"},
        Absurd{"/self_test/tolerance", "1000", "self_test.tolerance"},
        Absurd{"/typicality", "7", "typicality"},
        Absurd{"/typicality", R"({"limit":0,"accepted":1,"self_test":0})", "typicality.limit"},
        Absurd{"/typicality", R"({"limit":1,"accepted":2,"self_test":0})", "typicality.accepted"},
        Absurd{"/typicality", R"({"limit":1,"accepted":1})", "typicality.self_test"},
        Absurd{"/metrics", "[]", "metrics"}, Absurd{"/training", "\"\"", "training"},
        Absurd{"/license", "\"\"", "license"}, Absurd{"/intended_use", "\"\"", "intended_use"},
        Absurd{"/known_limits", "\"none\"", "known_limits"},
        Absurd{"/known_limits/0", "1", "known_limits[0]"}));

TEST(PackageJson, TooLongAndTooMany) {
  Json json = tiny_json();
  json["name"] = std::string(201, 'n');
  EXPECT_EQ(parse_package_json(json.dump()).error().field, "name");
  json = tiny_json();
  for (int i = 0; i < 70; ++i) json["classes"].push_back(json["classes"][0]);
  EXPECT_EQ(parse_package_json(json.dump()).error().field, "classes");
  json = tiny_json();
  json["training"]["log"] = std::string(1 << 20, 'x');
  EXPECT_NE(parse_package_json(json.dump()).error().message.find("1 MiB"), std::string::npos);
}

TEST(PackageJson, NotJson) {
  for (const std::string text :
       {"", " ", "{", "}", "nevus", "[1,2]", "\"text\"", "7", "null", "{\"format\":}",
        "{\"a\":1e999}", "{\"format\":NaN}", "\xff\xfe", "{\"name\":\"\xff\"}"}) {
    const auto result = parse_package_json(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_FALSE(result.error().message.empty());
    EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  }
  EXPECT_FALSE(parse_package_json(std::string("{\0}", 3)).ok());
}

TEST(PackageJson, DeepNestingIsRefusedBeforeParsing) {
  for (const char* bracket : {"[", "{\"a\":", "[[\"]\","}) {
    std::string text = "{\"metrics\":";
    while (text.size() < 500'000) text += bracket;
    const auto result = parse_package_json(text);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message.find("deep"), std::string::npos) << result.error().message;
  }
  // brackets in a text are not nesting
  Json json = tiny_json();
  json["intended_use"] = "[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[";
  EXPECT_TRUE(parse_package_json(json.dump()).ok());
}

TEST(PackageJson, CutOffAtEveryByte) {
  const std::string text = to_json(tiny_package());
  for (std::size_t length = 0; length + 2 < text.size(); ++length) {
    ASSERT_FALSE(parse_package_json(std::string_view(text).substr(0, length)).ok()) << length;
  }
}

TEST(PackageOnnx, IsReadBack) {
  const auto package = read_package(tiny_model());
  ASSERT_TRUE(package.ok()) << package.error().message;
  EXPECT_EQ(package->name, "Tiny");
  TinyOptions fixed_batch;
  fixed_batch.image[0] = fixed_batch.logits[0] = fixed_batch.cam[0] = 1;
  EXPECT_TRUE(read_package(tiny_model(fixed_batch)).ok());
}

TEST(PackageOnnx, CutOffAtEveryByte) {
  const auto onnx = tiny_model();
  for (std::size_t length = 0; length < onnx.size(); ++length) {
    const auto result = read_package(std::span(onnx).first(length));
    ASSERT_FALSE(result.ok()) << length << " of " << onnx.size();
    EXPECT_FALSE(result.error().message.empty());
  }
  EXPECT_EQ(read_package({}).error().message, "the file is empty");
  EXPECT_EQ(read_package(std::span(onnx).first(onnx.size() - 1)).error().message,
            "truncated or damaged .onnx");
}

TEST(PackageOnnx, EveryByteTurnedOverNeverCrashes) {
  const auto onnx = tiny_model();
  for (std::size_t i = 0; i < onnx.size(); ++i) {
    for (const int value : {0x00, 0x7f, 0x80, 0xff}) {
      auto changed = onnx;
      changed[i] = static_cast<std::uint8_t>(value);
      (void)read_package(changed);
      (void)graph_sha256(changed);
    }
  }
}

TEST(PackageOnnx, AlteredWeightsAreNoticed) {
  auto onnx = tiny_model();
  const std::string needle = "\1\2\3\4";
  const auto at = std::search(onnx.begin(), onnx.end(), needle.begin(), needle.end());
  ASSERT_NE(at, onnx.end());
  *at = 9;
  const auto result = read_package(onnx);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().field, "sha256");
}

std::string onnx_error(const TinyOptions& options) {
  const auto result = read_package(tiny_model(options));
  return result ? "" : result.error().message;
}

TEST(PackageOnnx, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(onnx_error({}), "");
  EXPECT_EQ(onnx_error({.image = {-1, 3, 65, 64}}),
            "the shape of \"image\" is [N,3,65,64], the package says [N,3,64,64]");
  EXPECT_NE(onnx_error({.image = {-1, 3, 64}}), "");
  EXPECT_NE(onnx_error({.image = {-1, 3, 64, 64, 1}}), "");
  EXPECT_NE(onnx_error({.image = {7, 3, 64, 64}}), "");
  EXPECT_NE(onnx_error({.image = {}}), "");
  EXPECT_NE(onnx_error({.image = {-1, 3, -1, -1}}), "");
  EXPECT_NE(onnx_error({.logits = {-1, 3}}), "");
  EXPECT_NE(onnx_error({.cam = {-1, 2, 2, 3}}), "");
  EXPECT_EQ(onnx_error({.image_type = 10}), "\"image\" is not float32");
  EXPECT_EQ(onnx_error({.image_name = "x"}), "the network has no \"image\"");
  EXPECT_EQ(onnx_error({.logits_name = "x"}), "the network has no \"logits\"");
  EXPECT_EQ(onnx_error({.cam_name = "x"}), "the network has no \"cam\"");
  EXPECT_NE(onnx_error({.inputs = 2}), "");
  EXPECT_NE(onnx_error({.inputs = 0}), "");
  EXPECT_NE(onnx_error({.nodes = 0}), "");
  EXPECT_EQ(onnx_error({.external_weight = true}), "refers to data outside the file");
  EXPECT_EQ(onnx_error({.external_constant = true}), "refers to data outside the file");
  EXPECT_EQ(onnx_error({.sparse = true}), "refers to data outside the file");
  EXPECT_NE(onnx_error({.subgraph = true}), "");
  EXPECT_NE(onnx_error({.functions = true}), "");
  EXPECT_EQ(onnx_error({.graphs = 2}), "truncated or damaged .onnx");
  EXPECT_EQ(onnx_error({.graphs = 0}), "truncated or damaged .onnx");
}

TEST(PackageOnnx, AnotherPrograms) {
  EXPECT_EQ(read_package(tiny_onnx()).error().message,
            "not a Nevus model (no \"nevus.model\" inside)");
  auto twice = tiny_model();
  append_metadata(twice, tiny_package());
  EXPECT_NE(read_package(twice).error().message.find("more than one"), std::string::npos);
  const std::string text = "this is not an ONNX file at all, only some text";
  EXPECT_FALSE(read_package(std::vector<std::uint8_t>(text.begin(), text.end())).ok());
}

TEST(PackageOnnx, ItsDescriptionCanBeTakenOut) {
  const auto bare = without_metadata(tiny_model());
  ASSERT_TRUE(bare.ok()) << bare.error().message;
  EXPECT_EQ(*bare, tiny_onnx()) << "everything else byte for byte";
  auto again = *bare;
  append_metadata(again, *read_package(tiny_model()));
  EXPECT_EQ(again, tiny_model());
  EXPECT_EQ(*without_metadata(*bare), *bare);
  for (std::size_t size = 0; size < bare->size(); size += 7)
    (void)without_metadata(std::span(*bare).first(size));  // never crashes
  EXPECT_FALSE(without_metadata({}).ok());
}

TEST(PackageOnnx, HashIsOfTheGraphAlone) {
  auto onnx = tiny_onnx();
  const auto before = graph_sha256(onnx);
  append_metadata(onnx, tiny_package());
  const auto after = graph_sha256(onnx);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_EQ(*before, *after);
  EXPECT_FALSE(graph_sha256({}).ok());
}

}  // namespace
