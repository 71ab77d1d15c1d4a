// How well two photos are aligned. Known turns: photos of HAM10000, each warped by a known
// similarity under other light, with noise and a crop. Real pairs: HAM10000's lesions with two
// photos or more, against pairs of different lesions of the same diagnosis. usage:
// registration_pairs known|pairs HAM10000_FOLDER [EVERY] EVERY: only each so manieth lesion.
// Lesions are numbered by name: the even ones are for tuning.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "image_io/photo.h"
#include "nevus/lesion.h"
#include "nevus/registration.h"

namespace fs = std::filesystem;
using namespace nevus;

namespace {

cv::Mat matrix(const Image& image) {
  return {image.height, image.width, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data())};
}

Image image(const cv::Mat& pixels) {
  Image out(pixels.cols, pixels.rows, PixelFormat::rgb);
  pixels.copyTo(matrix(out));
  return out;
}

struct Row {
  std::string file, lesion, diagnosis;
};

std::vector<Row> rows(const fs::path& folder) {
  std::ifstream in(folder / "labels.csv");
  std::string line;
  std::getline(in, line);
  std::vector<Row> all;
  while (std::getline(in, line)) {
    std::vector<std::string> fields;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) fields.push_back(cell);
    if (fields.size() > 3) all.push_back({fields[0], fields[2], fields[3]});
  }
  return all;
}

/// What was squashed into a square for storage is stretched back to 4:3.
Image read(const fs::path& file) {
  auto photo = read_photo(file);
  if (!photo) throw std::runtime_error(file.string() + ": " + photo.error().message);
  if (photo->width != photo->height) return *std::move(photo);
  cv::Mat wide;
  cv::resize(matrix(*photo), wide, {photo->width, photo->height * 3 / 4}, 0, 0, cv::INTER_AREA);
  return image(wide);
}

Registration align(const Image& fixed, const Image& moving) {
  return register_photos(fixed.view(), find_lesion(fixed.view()).outline, moving.view(),
                         find_lesion(moving.view()).outline);
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void known(const std::vector<Row>& all, const fs::path& folder, std::size_t every) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> unit(-1, 1);
  std::vector<double> errors, milliseconds;
  std::size_t tried = 0, refused = 0, wrong = 0;
  for (std::size_t i = 1; i < all.size(); i += every) {
    const Image fixed = read(folder / all[i].file);
    const Lesion lesion = find_lesion(fixed.view());
    if (!lesion.found()) continue;
    const double w = fixed.width, h = fixed.height;
    // A point of the photo to its place in the warped one.
    const double turn = unit(random) * 3.14159265, scale = std::exp(unit(random) * std::log(1.4));
    Similarity truth{scale * std::cos(turn), scale * std::sin(turn), 0, 0};
    const Point centre{lesion.box.x + lesion.box.width / 2.0,
                       lesion.box.y + lesion.box.height / 2.0};
    const Point there = truth(centre);
    truth.tx = w / 2 + unit(random) * 0.1 * w - there.x;
    truth.ty = h / 2 + unit(random) * 0.1 * h - there.y;
    // OpenCV's pixel centres are whole numbers.
    const Point corner = truth({0.5, 0.5});
    const cv::Matx23d affine(truth.a, -truth.b, corner.x - 0.5, truth.b, truth.a, corner.y - 0.5);
    cv::Mat warped;
    cv::warpAffine(matrix(fixed), warped, affine, {fixed.width, fixed.height}, cv::INTER_LINEAR,
                   cv::BORDER_REFLECT_101);
    const double gain = 1 + 0.15 * unit(random), offset = 12 * unit(random);
    warped.convertTo(warped, CV_8U, gain, offset);
    for (int k = 0; k < warped.rows * warped.cols * 3; ++k) {
      std::uint8_t& value = warped.data[k];
      value = cv::saturate_cast<std::uint8_t>(value + 4 * unit(random));
    }
    const auto before = std::chrono::steady_clock::now();
    const Registration found = align(fixed, image(warped));
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before)
            .count());
    ++tried;
    if (!found.aligned()) {
      ++refused;
      continue;
    }
    // Mean distance over the outline, in shares of the photo's longer side.
    double error = 0;
    for (const Point& p : lesion.outline) {
      const Point back = found.transform(truth(p));
      error += std::hypot(back.x - p.x, back.y - p.y);
    }
    error /= static_cast<double>(lesion.outline.size()) * std::max(w, h);
    wrong += error > 0.02;
    errors.push_back(100 * error);
  }
  std::printf(
      "known: %zu photos, %zu refused, %zu off by more than 2 %% of the longer side; error "
      "in %% of it: median %.3f, 95 %% within %.3f; %.0f ms with both outlines\n",
      tried, refused, wrong, quantile(errors, 0.5), quantile(errors, 0.95),
      quantile(milliseconds, 0.5));
}

void pairs(const std::vector<Row>& all, const fs::path& folder, std::size_t every) {
  std::map<std::string, std::vector<Row>> lesions;
  for (const Row& row : all) lesions[row.lesion].push_back(row);
  std::vector<std::vector<Row>> several;
  for (auto& [name, photos] : lesions)
    if (photos.size() > 1) several.push_back(photos);
  std::vector<double> same[2], other[2], before, after;
  for (std::size_t i = 0; i < several.size(); i += every) {
    const Image fixed = read(folder / several[i][0].file);
    const Registration one = align(fixed, read(folder / several[i][1].file));
    same[(i / every) % 2].push_back(one.detail);
    before.push_back(one.before);
    after.push_back(one.after);
    for (std::size_t k = i + 1; k < several.size(); ++k) {
      if (several[k][0].diagnosis != several[i][0].diagnosis) continue;
      other[(i / every) % 2].push_back(align(fixed, read(folder / several[k][1].file)).detail);
      break;
    }
  }
  std::printf("same lesion: correlation %.2f before, %.2f after (medians)\n", quantile(before, 0.5),
              quantile(after, 0.5));
  for (const int half : {0, 1}) {
    std::printf(
        "%s half: %zu same, detail median %.2f; %zu different, median %.2f, 95 %% below "
        "%.2f, 99 %% below %.2f\n",
        half == 0 ? "tuning" : "reporting", same[half].size(), quantile(same[half], 0.5),
        other[half].size(), quantile(other[half], 0.5), quantile(other[half], 0.95),
        quantile(other[half], 0.99));
    for (double limit = 0.1; limit < 0.65; limit += 0.05) {
      const auto share = [&](const std::vector<double>& values) {
        return 100.0 *
               static_cast<double>(std::count_if(values.begin(), values.end(),
                                                 [&](double v) { return v >= limit; })) /
               static_cast<double>(values.size());
      };
      std::printf("  from %.2f: %.1f %% of the same, %.1f %% of different lesions\n", limit,
                  share(same[half]), share(other[half]));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: registration_pairs known|pairs HAM10000_FOLDER [EVERY]\n");
    return 2;
  }
  try {
    const fs::path folder = argv[2];
    const std::size_t every = argc > 3 ? std::max(1, std::atoi(argv[3])) : 1;
    const std::vector<Row> all = rows(folder);
    if (std::string(argv[1]) == "known")
      known(all, folder, every);
    else
      pairs(all, folder, every);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "registration_pairs: %s\n", error.what());
    return 1;
  }
  return 0;
}
