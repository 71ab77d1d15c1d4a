// The lesion outline against masks drawn by people: fits the candidates' weights on one half of the
// masks and reports the overlap on the other.
// usage: lesion_masks fit|score HAM10000_FOLDER
//        lesion_masks time PHOTO…      (median processor time to find and to measure, ms)
// HAM10000_FOLDER has masks/NAME.png and images/NAME.jpg; photos that were squashed into a square
// are stretched back to 4:3 first. Masks are numbered in the order of their names: the even ones
// are for tuning, the odd ones for the report.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "../tests/shared/lesion_masks.h"
#include "nevus/detail/lesion_search.h"
#include "nevus/lesion.h"
#include "nevus/lesion_measures.h"

namespace fs = std::filesystem;
using namespace nevus;
using detail::kFeatures;

namespace {

using test::Masked;

std::vector<Masked> read_all(const fs::path& folder) {
  std::vector<Masked> cases;
  for (const fs::path& file : test::mask_files(folder)) cases.push_back(test::read_masked(file));
  return cases;
}

void report(const char* name, std::vector<double> dices, std::vector<double> confidences) {
  double sum = 0, jaccard = 0, low = 0;
  for (const double d : dices) {
    sum += d;
    jaccard += d / (2 - d);
    low += d < 0.6;
  }
  const auto n = static_cast<double>(dices.size());
  double sxy = 0, sx = 0, sy = 0, sxx = 0, syy = 0;
  for (std::size_t i = 0; i < dices.size(); ++i) {
    sx += dices[i];
    sy += confidences[i];
    sxx += dices[i] * dices[i];
    syy += confidences[i] * confidences[i];
    sxy += dices[i] * confidences[i];
  }
  const double r = (n * sxy - sx * sy) / std::sqrt((n * sxx - sx * sx) * (n * syy - sy * sy));
  std::sort(dices.begin(), dices.end());
  std::printf(
      "%s: %zu masks, mean Dice %.4f, mean Jaccard %.4f, median Dice %.4f, below 0.6: %.1f %%, "
      "correlation with confidence %.2f\n",
      name, dices.size(), sum / n, jaccard / n, dices[dices.size() / 2], 100 * low / n, r);
}

void score(const std::vector<Masked>& cases) {
  std::vector<double> dices[2], confidences[2];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Lesion lesion = find_lesion(cases[i].photo.view());
    dices[i % 2].push_back(
        test::dice(test::filled(lesion, cases[i].photo, cases[i].mask.size()), cases[i].mask));
    confidences[i % 2].push_back(lesion.confidence);
  }
  report("tuning half", dices[0], confidences[0]);
  report("reporting half", dices[1], confidences[1]);
}

/// Maximises the mean over photos of sum_k softmax_k(w . features_k) * Dice_k, by Adam (Kingma &
/// Ba, 2015), over features clipped to three standard deviations; prints the table of the core.
void fit(const std::vector<Masked>& cases) {
  struct Photo {
    std::vector<std::array<double, kFeatures>> x;
    std::vector<double> dice;
  };
  std::vector<Photo> photos;
  std::array<double, kFeatures> sum{}, squares{}, mean{}, deviation{};
  double n = 0, oracle = 0;
  for (std::size_t i = 0; i < cases.size(); i += 2) {
    const detail::Search search = detail::search_lesion(cases[i].photo.view());
    Photo photo;
    for (const detail::Candidate& candidate : search.candidates) {
      cv::Mat1b region(search.height, search.width,
                       const_cast<std::uint8_t*>(candidate.region.data()));
      cv::Mat1b scaled;
      cv::resize(region, scaled, cases[i].mask.size(), 0, 0, cv::INTER_LINEAR);
      photo.dice.push_back(test::dice(scaled > 127, cases[i].mask));
      photo.x.push_back(candidate.features);
      for (std::size_t f = 0; f < kFeatures; ++f) {
        sum[f] += candidate.features[f];
        squares[f] += candidate.features[f] * candidate.features[f];
      }
      ++n;
    }
    if (photo.x.empty()) continue;
    oracle += *std::max_element(photo.dice.begin(), photo.dice.end());
    photos.push_back(std::move(photo));
  }
  for (std::size_t f = 0; f < kFeatures; ++f) {
    mean[f] = sum[f] / n;
    deviation[f] = std::sqrt(std::max(1e-12, squares[f] / n - mean[f] * mean[f]));
  }
  for (Photo& photo : photos)
    for (auto& x : photo.x)
      for (std::size_t f = 0; f < kFeatures; ++f)
        x[f] = std::clamp((x[f] - mean[f]) / deviation[f], -3.0, 3.0);

  std::array<double, kFeatures> w{}, m{}, v{};
  constexpr double kDecay = 1e-3, kRate = 0.03;
  for (int step = 1; step <= 400; ++step) {
    std::array<double, kFeatures> gradient{};
    double value = 0;
    for (const Photo& photo : photos) {
      std::vector<double> p;
      double greatest = -1e300, total = 0, expected = 0;
      for (const auto& x : photo.x) {
        double s = 0;
        for (std::size_t f = 0; f < kFeatures; ++f) s += w[f] * x[f];
        p.push_back(s);
        greatest = std::max(greatest, s);
      }
      for (double& s : p) total += s = std::exp(s - greatest);
      for (std::size_t k = 0; k < p.size(); ++k) expected += (p[k] /= total) * photo.dice[k];
      for (std::size_t k = 0; k < p.size(); ++k)
        for (std::size_t f = 0; f < kFeatures; ++f)
          gradient[f] += p[k] * (photo.dice[k] - expected) * photo.x[k][f];
      value += expected;
    }
    const auto count = static_cast<double>(photos.size());
    for (std::size_t f = 0; f < kFeatures; ++f) {
      const double g = gradient[f] / count - kDecay * w[f];
      m[f] = 0.9 * m[f] + 0.1 * g;
      v[f] = 0.999 * v[f] + 0.001 * g * g;
      w[f] += kRate * (m[f] / (1 - std::pow(0.9, step))) /
              (std::sqrt(v[f] / (1 - std::pow(0.999, step))) + 1e-8);
    }
    if (step % 100 == 0)
      std::fprintf(stderr, "step %d: expected Dice %.4f, best possible %.4f\n", step, value / count,
                   oracle / count);
  }
  for (std::size_t f = 0; f < kFeatures; ++f)
    std::printf("    {%.4g, %.4g, %.4g},\n", mean[f] - 3 * deviation[f], mean[f] + 3 * deviation[f],
                w[f] / deviation[f]);
}

int time_photos(int count, char** files) {
  // The processor's time, not the clock's: what else runs on the machine counts little.
  const auto median_ms = [](auto&& work) {
    std::vector<double> times;
    for (int i = 0; i < 21; ++i) {
      const std::clock_t start = std::clock();
      work();
      times.push_back(1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
    }
    std::nth_element(times.begin(), times.begin() + 10, times.end());
    return times[10];
  };
  for (int i = 0; i < count; ++i) {
    const auto photo = read_photo(files[i]);
    if (!photo) {
      std::fprintf(stderr, "%s: %s\n", files[i], photo.error().message.c_str());
      return 1;
    }
    Lesion lesion;
    const double find = median_ms([&] { lesion = find_lesion(photo->view()); });
    LesionMeasures measures;
    const double measure =
        median_ms([&] { measures = measure_lesion(photo->view(), lesion.outline); });
    std::printf("%s: %d x %d, find %.1f ms, measure %.1f ms, %zu points\n", files[i], photo->width,
                photo->height, find, measure, lesion.outline.size());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc >= 3 ? argv[1] : "";
  if (verb == "time") return time_photos(argc - 2, argv + 2);
  if ((verb != "fit" && verb != "score") || argc != 3) {
    std::fprintf(
        stderr,
        "usage: lesion_masks fit|score HAM10000_FOLDER\n       lesion_masks time PHOTO...\n");
    return 2;
  }
  const std::vector<Masked> cases = read_all(argv[2]);
  if (verb == "fit")
    fit(cases);
  else
    score(cases);
  return 0;
}
