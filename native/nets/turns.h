// The turns and mirror images of a square (the dihedral group of order 8): what a photo of a
// lesion, which has no upright side, may be judged in.
#pragma once

#include <torch/types.h>

namespace nevus {

constexpr int kTurns = 8;

/// Swapped axes first, then reversed ones.
struct Turn {
  bool transpose = false;
  bool rows = false, columns = false;  ///< reversed, after that
};

/// @param index  0: as it is; 1: half a turn; 2, 3: mirrored; 4 to 7: the same of the transposed
constexpr Turn turn(int index) {
  const int reversed = index % 4;
  return {index >= 4, reversed == 1 || reversed == 3, reversed == 1 || reversed == 2};
}

/// @param x  [N, C, H, W]
torch::Tensor turned(const torch::Tensor& x, Turn turn);
/// Undoes it.
torch::Tensor turned_back(const torch::Tensor& x, Turn turn);

}  // namespace nevus
