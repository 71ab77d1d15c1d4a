// Counts of equal steps, as the reports draw them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace nevus {

struct Histogram {
  std::string title, unit;
  double low = 0, step = 1;
  std::vector<std::size_t> counts;
};

}  // namespace nevus
