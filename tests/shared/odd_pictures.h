// Pictures of odd shapes and formats by name, for golden and parity tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pictures.h"

namespace nevus::test {

inline std::vector<std::pair<std::string, Image>> odd_pictures() {
  using enum PixelFormat;
  std::vector<std::pair<std::string, Image>> pictures;
  pictures.emplace_back("1x1", noise_picture(1, 1, rgb));
  pictures.emplace_back("1x5000", noise_picture(1, 5000, rgb));
  pictures.emplace_back("5000x1", noise_picture(5000, 1, rgb));
  pictures.emplace_back("2x2", noise_picture(2, 2, rgb));
  pictures.emplace_back("17x31", noise_picture(17, 31, rgb));
  pictures.emplace_back("223x223", noise_picture(223, 223, rgb));
  pictures.emplace_back("224x224", noise_picture(224, 224, rgb));
  pictures.emplace_back("225x225", noise_picture(225, 225, rgb));
  pictures.emplace_back("448x448", noise_picture(448, 448, rgb));
  pictures.emplace_back("gray-61x97", noise_picture(61, 97, gray));
  pictures.emplace_back("gray-700x500", noise_picture(700, 500, gray));
  pictures.emplace_back("alpha-61x97", noise_picture(61, 97, rgba));
  pictures.emplace_back("alpha-700x500", noise_picture(700, 500, rgba));
  pictures.emplace_back("opaque-700x500", with_format(noise_picture(700, 500, rgb), rgba));
  pictures.emplace_back("lesion-600x450", lesion_picture(600, 450));
  pictures.emplace_back("lesion-4288x2848-rgba", lesion_picture(4288, 2848, rgba));
  return pictures;
}

}  // namespace nevus::test
