// safetensors: what was written is read back; a hostile file is refused with the reason.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "nets/safetensors.h"

namespace nevus {
namespace {

std::vector<std::uint8_t> file_of(const std::string& header, std::size_t data_bytes) {
  std::vector<std::uint8_t> bytes(8 + header.size() + data_bytes);
  const std::uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string refusal(const std::string& header, std::size_t data_bytes) {
  const auto parsed = SafeTensors::parse(file_of(header, data_bytes));
  return parsed ? "" : parsed.error().message;
}

TEST(SafeTensors, ReadsBackWhatWasWritten) {
  const std::vector<float> values{1.5f, -2.0f, 0.25f, 3.0f, 0.0f, -0.0f};
  const std::int64_t count = 7;
  std::map<std::string, TensorView> tensors;
  tensors["weight"] = {
      TensorType::f32, {2, 3}, {reinterpret_cast<const std::uint8_t*>(values.data()), 24}};
  tensors["step"] = {TensorType::i64, {}, {reinterpret_cast<const std::uint8_t*>(&count), 8}};
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "nevus-roundtrip.safetensors";
  ASSERT_TRUE(write_safetensors(path, tensors, {{"note", "a \"text\""}}));
  const auto read = SafeTensors::read(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->metadata().at("note"), "a \"text\"");
  ASSERT_NE(read->find("weight"), nullptr);
  EXPECT_EQ(read->find("weight")->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(read->find("weight")->bytes.data(), values.data(), 24), 0);
  EXPECT_EQ(std::memcmp(read->find("step")->bytes.data(), &count, 8), 0);
  EXPECT_EQ(read->find("absent"), nullptr);
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));

  // Every shorter version of the file is refused, none read past its end.
  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> bytes((std::istreambuf_iterator<char>(file)), {});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(SafeTensors::parse({bytes.begin(), bytes.begin() + static_cast<long>(length)}))
        << length;
  }
  std::filesystem::remove(path);
}

TEST(SafeTensors, RefusesHostileHeaders) {
  EXPECT_NE(refusal("{", 0), "");
  EXPECT_NE(refusal("[]", 0), "");
  EXPECT_NE(refusal(std::string(100000, '[') + std::string(100000, ']'), 0), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,400]}})", 4), "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "");
  // 2^62 elements: the byte count overflows 64 bits to 0.
  EXPECT_NE(
      refusal(R"({"a":{"dtype":"F32","shape":[2147483648,2147483648],"data_offsets":[0,0]}})", 0),
      "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                    6),
            "");
  EXPECT_NE(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8), "");
  EXPECT_NE(refusal(R"({"__metadata__":{"a":1}})", 0), "");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4), "");
  auto lying = file_of("{}", 0);
  std::memset(lying.data(), 0xff, 8);
  EXPECT_FALSE(SafeTensors::parse(lying));
}

TEST(SafeTensors, NamesTheFile) {
  const auto read = SafeTensors::read("/nowhere/weights.safetensors");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("/nowhere/weights.safetensors"), std::string::npos);
}

}  // namespace
}  // namespace nevus
