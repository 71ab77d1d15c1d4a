// Turns of images and maps.
#include "nets/turns.h"

namespace nevus {
namespace {

torch::Tensor reversed(const torch::Tensor& x, Turn turn) {
  if (turn.rows && turn.columns) return x.flip({2, 3});
  if (turn.rows) return x.flip({2});
  return turn.columns ? x.flip({3}) : x;
}

torch::Tensor transposed(const torch::Tensor& x, Turn turn) {
  return turn.transpose ? x.transpose(2, 3) : x;
}

}  // namespace

torch::Tensor turned(const torch::Tensor& x, Turn turn) {
  return reversed(transposed(x, turn), turn).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor turned_back(const torch::Tensor& x, Turn turn) {
  return transposed(reversed(x, turn), turn).contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace nevus
