// `nevus predict` as a user runs it: answers, formats, heat-maps, and every kind of bad input.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "data/csv.h"
#include "image_io/photo.h"
#include "nevus/decision.h"
#include "support/odd_images.h"
#include "support/program.h"
#include "support/tiny_model.h"

namespace nevus {
namespace {

using nlohmann::json;
using test::Bytes;
using test::Folder;
using test::Ran;
using Arguments = std::vector<std::string>;

class Predict : public testing::Test {
 protected:
  Predict() : model_(folder_.write("model.onnx", test::tiny_model()).string()) {}
  Ran predict(Arguments arguments) {
    arguments.insert(arguments.begin(), {"predict", model_});
    return test::run(NEVUS_PROGRAM, arguments);
  }
  std::string photo(const std::string& name, const Bytes& bytes) {
    return folder_.write(name, bytes).string();
  }
  std::string good(const std::string& name = "good.png") {
    return photo(name, test::encode(".png", test::bgr(test::lopsided_photo(256, 256))));
  }
  double malignancy(const std::string& file) {
    const Ran ran = predict({"--json", file});
    EXPECT_EQ(ran.status, 0) << ran.err << ran.out;
    return json::parse(ran.out).at("photos").at(0).at("malignancy").get<double>();
  }

  Folder folder_;
  std::string model_;
};

TEST_F(Predict, PrintsATable) {
  const Ran ran = predict({good(), good("sub/two.png")});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  const auto lines = test::lines(ran.out);
  ASSERT_EQ(lines.size(), 5u) << ran.out;
  EXPECT_NE(lines[1].find("good.png"), std::string::npos);
  EXPECT_NE(lines[1].find(" %"), std::string::npos);
  EXPECT_NE(lines[1].find(std::string(sentence(Outcome::show_doctor))), std::string::npos)
      << lines[1];
  // Aligned: the answer starts in the same column in every row.
  EXPECT_EQ(lines[1].find("Show"), lines[0].find("answer"));
  EXPECT_EQ(lines[2].find("Show"), lines[0].find("answer"));
  EXPECT_EQ(lines[4], "Research and education; not a diagnosis.");
}

TEST_F(Predict, JsonCarriesEverythingAndAgreesWithItself) {
  const Ran ran = predict({"--json", good()});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json out = json::parse(ran.out);
  const json& one = out.at("photos").at(0);
  const double p = one.at("probabilities").at("malignant");
  EXPECT_NEAR(p + one.at("probabilities").at("benign").get<double>(), 1, 1e-9);
  EXPECT_NEAR(one.at("malignancy").get<double>(), p, 1e-12);
  // softmax of the logits at the package's temperature
  const double l0 = one.at("logits").at(0), l1 = one.at("logits").at(1);
  EXPECT_NEAR(p, 1 / (1 + std::exp((l0 - l1) / test::tiny_package().temperature)), 1e-6);
  EXPECT_EQ(one.at("outcome"), p >= 0.4 ? "show_doctor" : "nothing_alarming");
  EXPECT_EQ(one.at("quality").at("width"), 256);
  EXPECT_GE(one.at("ms").at("decode").get<double>(), 0);
  EXPECT_EQ(out.at("model").at("sha256").get<std::string>().size(), 64u);
}

TEST_F(Predict, JsonCarriesTheOutlineAndItsMeasures) {
  const Image round = [] {
    Image image(256, 192, PixelFormat::rgb);
    for (int y = 0; y < 192; ++y)
      for (int x = 0; x < 256; ++x) {
        const bool inside = (x - 128) * (x - 128) + (y - 96) * (y - 96) < 50 * 50;
        std::uint8_t* rgb = image.pixels.data() + 3 * (y * 256 + x);
        rgb[0] = inside ? 110 : 220;
        rgb[1] = inside ? 70 : 175;
        rgb[2] = inside ? 55 : 155;
      }
    return image;
  }();
  const std::string file = photo("round.png", test::encode(".png", test::bgr(round)));
  const Ran ran = predict({"--json", "--mm-per-pixel", "0.05", file});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json lesion = json::parse(ran.out).at("photos").at(0).at("lesion");
  ASSERT_EQ(lesion.at("found"), true);
  EXPECT_GE(lesion.at("outline").size(), 20u);
  const json& measures = lesion.at("measures");
  EXPECT_NEAR(measures.at("diameter_px").get<double>(), 100, 12);
  EXPECT_NEAR(measures.at("diameter_mm").get<double>(),
              0.05 * measures.at("diameter_px").get<double>(), 1e-9);
  EXPECT_LT(measures.at("asymmetry").get<double>(), 0.1);
  // Without a scale no millimetres; without --json nothing to put them in.
  const Ran plain = predict({"--json", file});
  EXPECT_FALSE(json::parse(plain.out)
                   .at("photos")
                   .at(0)
                   .at("lesion")
                   .at("measures")
                   .contains("diameter_mm"));
  EXPECT_NE(predict({"--mm-per-pixel", "0.05", file}).status, 0);
  EXPECT_NE(predict({"--json", "--mm-per-pixel", "-1", file}).status, 0);
}

TEST_F(Predict, AnOutlineIsInPixelsOfTheWholePhoto) {
  // The same disc, small enough to be decoded whole, and four times as large.
  const auto found = [&](int side) {
    cv::Mat round(side * 3 / 4, side, CV_8UC3, cv::Scalar(150, 170, 215));
    cv::circle(round, {side / 2, side * 3 / 8}, side / 6, {60, 70, 110}, cv::FILLED);
    const std::string file = photo(std::to_string(side) + ".jpg", test::encode(".jpg", round));
    const Ran ran = predict({"--json", "--mm-per-pixel", std::to_string(10.0 / side), file});
    EXPECT_EQ(ran.status, 0) << ran.err;
    const json one = json::parse(ran.out).at("photos").at(0);
    EXPECT_EQ(one.at("quality").at("width"), side);
    EXPECT_EQ(one.at("quality").at("height"), side * 3 / 4);
    return one.at("lesion");
  };
  const json small = found(900), large = found(3600);
  ASSERT_TRUE(small.at("found").get<bool>() && large.at("found").get<bool>());
  const auto number = [](const json& lesion, const char* part, const char* field) {
    return lesion.at(part).at(field).get<double>();
  };
  for (const auto& [part, field] :
       {std::pair("box", "x"), std::pair("box", "y"), std::pair("box", "width"),
        std::pair("crop", "x"), std::pair("crop", "width"), std::pair("measures", "diameter_px")})
    EXPECT_NEAR(number(large, part, field) / number(small, part, field), 4, 0.1) << part << field;
  // An outline lies a little outside of the edge.
  EXPECT_NEAR(number(large, "measures", "diameter_mm"), 10.0 / 3, 0.3);
  EXPECT_NEAR(number(large, "measures", "diameter_mm"), number(small, "measures", "diameter_mm"),
              0.1);
}

TEST_F(Predict, CsvReadsBack) {
  const std::string odd_name = good("with, comma.png");
  const Ran ran = predict({"--csv", odd_name, photo("bad.jpg", {})});
  EXPECT_EQ(ran.status, 1);
  const auto csv = parse_csv(ran.out);
  ASSERT_TRUE(csv) << csv.error().message;
  EXPECT_EQ(csv->header, (Arguments{"file", "outcome", "sentence", "malignancy", "p_benign",
                                    "p_malignant", "remark"}));
  ASSERT_EQ(csv->rows.size(), 2u);
  for (const CsvRow& row : csv->rows) ASSERT_EQ(row.fields.size(), csv->header.size());
  EXPECT_EQ(csv->rows[0].fields[0], odd_name);
  EXPECT_EQ(csv->rows[1].fields[1], "");
  EXPECT_NE(csv->rows[1].fields[6], "");
}

TEST_F(Predict, TakesFoldersInOrder) {
  for (int i = 9; i >= 0; --i) good("folder/" + std::to_string(i) + ".png");
  folder_.write("folder/notes.txt", std::string("x"));
  const Ran ran = predict({"--json", folder_ / "folder"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json photos = json::parse(ran.out).at("photos");
  ASSERT_EQ(photos.size(), 10u);
  for (std::size_t i = 0; i < 10; ++i)
    EXPECT_EQ(photos[i].at("file"),
              (folder_ / "folder").string() + "/" + std::to_string(i) + ".png");
}

TEST_F(Predict, WritesHeatmaps) {
  const std::string a = good("x/a.png"), b = good("y/a.png");
  const Ran ran = predict({"--json", "--heatmap", folder_ / "maps", a, b});
  ASSERT_EQ(ran.status, 0) << ran.err;
  for (const json& one : json::parse(ran.out).at("photos")) {
    const auto map = read_photo(one.at("heatmap").get<std::string>());
    ASSERT_TRUE(map) << map.error().message;
    EXPECT_EQ(map->width, 256);
    EXPECT_EQ(map->height, 256);
    EXPECT_NE(map->pixels, test::lopsided_photo(256, 256).pixels);
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ / "maps/a_heatmap.png"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "maps/a_2_heatmap.png"));
}

TEST_F(Predict, EveryBadPhotoGetsALineAndTheRestGoesOn) {
  const Bytes jpeg = test::jpeg(test::lopsided_photo(256, 256));
  const std::string text = "no photo";
  const std::vector<std::pair<std::string, std::string>> bad{
      {photo("empty.jpg", {}), "empty"},
      {photo("text.jpg", Bytes(text.begin(), text.end())), "not an image"},
      {photo("cut.jpg",
             Bytes(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(jpeg.size() / 2))),
       "cut off"},
      {photo("huge.png", test::hollow_png(20000, 20000)), "megapixels"},
      {photo("cmyk.jpg", test::cmyk_jpeg()), "CMYK"},
      {photo("animated.gif", test::gif(3)), "animated"},
      {photo("animated.png", test::animated_png(test::lopsided_photo())), "animated"},
      {folder_ / "absent.jpg", "no such file"}};
  Arguments files{good("first.png")};
  for (const auto& [file, reason] : bad) files.push_back(file);
  files.push_back(good("last.png"));
  const Ran ran = predict(files);
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.err, "");
  const auto lines = test::lines(ran.out);
  ASSERT_EQ(lines.size(), bad.size() + 5) << ran.out;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(lines[i + 2].find(bad[i].first), 0u) << lines[i + 2];
    EXPECT_NE(lines[i + 2].find("unreadable"), std::string::npos) << lines[i + 2];
    EXPECT_NE(lines[i + 2].find(bad[i].second), std::string::npos) << lines[i + 2];
  }
  EXPECT_NE(lines[bad.size() + 2].find("%"), std::string::npos);
}

TEST_F(Predict, GreySixteenBitsAndAlphaGetTheSameAnswer) {
  const cv::Mat photo_bgr = test::bgr(test::lopsided_photo(256, 256));
  const double expected = malignancy(good());
  cv::Mat wide, bgra, gray, gray_bgr;
  photo_bgr.convertTo(wide, CV_16U, 257);
  cv::cvtColor(photo_bgr, bgra, cv::COLOR_BGR2BGRA);
  EXPECT_NEAR(malignancy(photo("wide.png", test::encode(".png", wide))), expected, 1e-9);
  EXPECT_NEAR(malignancy(photo("alpha.png", test::encode(".png", bgra))), expected, 1e-9);
  cv::cvtColor(photo_bgr, gray, cv::COLOR_BGR2GRAY);
  cv::cvtColor(gray, gray_bgr, cv::COLOR_GRAY2BGR);
  EXPECT_NEAR(malignancy(photo("gray.png", test::encode(".png", gray))),
              malignancy(photo("gray3.png", test::encode(".png", gray_bgr))), 1e-9);
}

TEST_F(Predict, AllEightOrientationsGetTheSameAnswer) {
  const Image upright = test::lopsided_photo(256, 256);
  const auto stored = [&](int orientation) {
    return test::encode(
        ".jpg",
        test::bgr(apply_orientation(upright.view(), test::inverse_orientation(orientation))),
        {cv::IMWRITE_JPEG_QUALITY, 100});
  };
  const double expected = malignancy(photo("1.jpg", test::with_orientation(stored(1), 1)));
  for (int o = 2; o <= 8; ++o) {
    const std::string name = std::to_string(o) + ".jpg";
    EXPECT_NEAR(malignancy(photo(name, test::with_orientation(stored(o), o))), expected, 0.003)
        << o;
    // The model notices when a photo is turned: the test above can fail.
    EXPECT_GT(std::abs(malignancy(photo("turned" + name, stored(o))) - expected), 0.01) << o;
  }
}

TEST_F(Predict, APhotoThatCannotBeJudgedSaysWhy) {
  const Image dark(256, 256, PixelFormat::rgb);
  const Ran ran = predict({"--json", photo("dark.png", test::encode(".png", test::bgr(dark)))});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const json one = json::parse(ran.out).at("photos").at(0);
  EXPECT_EQ(one.at("outcome"), "cannot_judge");
  EXPECT_FALSE(one.at("quality").at("issues").empty());
}

TEST_F(Predict, RefusesAFolderWithoutPhotos) {
  folder_.write("none/readme.txt", std::string("x"));
  const Ran ran = predict({folder_ / "none"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "nevus: " + (folder_ / "none").string() + ": a folder without photos\n");
}

TEST_F(Predict, RefusesBadPackagesWithOneLine) {
  auto changed = test::tiny_model();
  changed[changed.size() / 4] ^= 1;
  auto cut = test::tiny_model();
  cut.resize(cut.size() / 3);
  ModelPackage absurd = test::tiny_package();
  absurd.operating_point.threshold = 17;
  ModelPackage nameless = test::tiny_package();
  nameless.classes.clear();
  const std::vector<std::pair<std::string, std::string>> bad{
      {photo("hash.onnx", changed), "SHA-256"},
      {photo("cut.onnx", cut), ""},
      {photo("absurd.onnx", test::tiny_model_with(absurd)), "operating_point.threshold"},
      {photo("nameless.onnx", test::tiny_model_with(nameless)), "classes"},
      {photo("plain.onnx", test::tiny_network()), "not a Nevus model"},
      {photo("photo.onnx", test::jpeg(test::lopsided_photo())), ""},
      {photo("empty.onnx", {}), ""},
      {folder_ / "absent.onnx", "no such file"}};
  const std::string file = good();
  for (const auto& [model, reason] : bad) {
    const Ran ran = test::run(NEVUS_PROGRAM, {"predict", model, file});
    EXPECT_EQ(ran.status, 1) << model;
    EXPECT_EQ(ran.out, "") << model;
    const auto lines = test::lines(ran.err);
    ASSERT_EQ(lines.size(), 1u) << model << "\n" << ran.err;
    EXPECT_EQ(lines[0].find("nevus: " + model + ": "), 0u) << lines[0];
    EXPECT_NE(lines[0].find(reason), std::string::npos) << lines[0];
    std::printf("%s\n", lines[0].c_str());
  }
}

TEST_F(Predict, SaysWhereItCannotWrite) {
  folder_.write("file", std::string("x"));
  const std::string file = good();
  const Ran ran = predict({"--heatmap", folder_ / "file/maps", file});
  EXPECT_EQ(ran.status, 1);
  EXPECT_EQ(test::lines(ran.err).size(), 1u) << ran.err;
  EXPECT_NE(ran.err.find("file/maps: can't be made"), std::string::npos) << ran.err;
}

TEST_F(Predict, AReadOnlyFolderIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root writes into read-only folders too";
  const std::string file = good();
  std::filesystem::create_directories(folder_ / "locked");
  std::filesystem::permissions(
      folder_ / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const Ran ran = predict({"--heatmap", folder_ / "locked", file});
  EXPECT_EQ(ran.status, 1);
  EXPECT_NE((ran.out + ran.err).find("can't be written"), std::string::npos);
}

TEST_F(Predict, ANameWithControlCharactersStaysOnOneLine) {
  const Ran ran = predict({good("two\nlines\x1b[31m.png")});
  EXPECT_EQ(ran.status, 0);
  EXPECT_EQ(test::lines(ran.out).size(), 4u) << ran.out;
  EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
}

// ONNX Runtime looks at the whole command line, on the stack.
TEST_F(Predict, ThousandsOfPhotosByName) {
  std::vector<std::string> files{good()};
  for (int i = 0; i < 4000; ++i)
    files.push_back(folder_ / ("a-photo-that-is-not-there-" + std::to_string(i) + ".jpg"));
  const Ran ran = predict(files);
  EXPECT_EQ(ran.status, 1);
  EXPECT_GE(test::lines(ran.out).size(), files.size());
}

TEST_F(Predict, HelpAndWrongOptions) {
  EXPECT_EQ(test::run(NEVUS_PROGRAM, {"predict", "--help"}).status, 0);
  EXPECT_NE(test::run(NEVUS_PROGRAM, {"predict"}).status, 0);
  EXPECT_NE(predict({"--csv", "--json", good()}).status, 0);
}

}  // namespace
}  // namespace nevus
