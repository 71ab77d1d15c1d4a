// Seeds derived from seeds: the same on every machine, whatever the standard library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

namespace nevus {

/// One round of SplitMix64 (Steele, Lea & Flood, 2014).
constexpr std::uint64_t splitmix64(std::uint64_t state) {
  state += 0x9e3779b97f4a7c15u;
  state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9u;
  state = (state ^ (state >> 27)) * 0x94d049bb133111ebu;
  return state ^ (state >> 31);
}

/// A seed for one purpose out of several numbers: mix({seed, epoch, index}).
constexpr std::uint64_t mix(std::initializer_list<std::uint64_t> parts) {
  std::uint64_t state = 0;
  for (const std::uint64_t part : parts) {
    state = splitmix64(state ^ part);
  }
  return state;
}

/// Fisher and Yates; the modulo's bias is below 1e-12 for any list that fits into memory.
template <class T>
void shuffle(std::vector<T>& items, std::uint64_t seed) {
  std::uint64_t state = seed;
  for (std::size_t i = items.size(); i > 1; --i) {
    state = splitmix64(state);
    std::swap(items[i - 1], items[state % i]);
  }
}

}  // namespace nevus
