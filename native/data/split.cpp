// Greedy stratified split over whole groups, in an order that only the seed decides.
#include "data/split.h"

#include <algorithm>
#include <map>
#include <string>

namespace nevus {
namespace {

struct Group {
  std::vector<std::size_t> members;
  std::vector<int> counts;  // photos of each class
};

std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

Split stratified_group_split(const std::vector<Sample>& samples, double val_share,
                             std::uint64_t seed) {
  val_share = std::clamp(val_share, 0.05, 0.5);
  int classes = 0;
  for (const Sample& sample : samples) classes = std::max(classes, sample.label + 1);
  const auto c = static_cast<std::size_t>(classes);

  // A map: the order of groups must not depend on the order of samples or on a hash.
  std::map<std::string, Group> by_name;
  std::vector<double> target(c, 0.0);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Group& group = by_name[samples[i].group.empty() ? samples[i].file.string() : samples[i].group];
    if (group.counts.empty()) group.counts.assign(c, 0);
    group.members.push_back(i);
    ++group.counts[static_cast<std::size_t>(samples[i].label)];
    target[static_cast<std::size_t>(samples[i].label)] += val_share;
  }
  std::vector<Group*> order;
  for (auto& [name, group] : by_name) order.push_back(&group);
  std::uint64_t state = seed;
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(splitmix(state) % i)]);

  // Each class counts by its share, so that a rare one is filled as faithfully as a common one.
  std::vector<double> taken(c, 0.0);
  const auto off_target = [&](const Group* added, double sign) {
    double cost = 0;
    for (std::size_t k = 0; k < c; ++k) {
      if (target[k] <= 0) continue;
      const double now = taken[k] + (added ? sign * added->counts[k] : 0.0);
      cost += (now / target[k] - 1) * (now / target[k] - 1);
    }
    return cost;
  };
  std::vector<char> in_val(order.size(), 0);
  for (std::size_t g = 0; g < order.size(); ++g) {
    if (off_target(order[g], 1) >= off_target(nullptr, 0)) continue;
    in_val[g] = 1;
    for (std::size_t k = 0; k < c; ++k) taken[k] += order[g]->counts[k];
  }

  // A class with two groups or more stands on both sides, even where its target is below one photo.
  for (std::size_t k = 0; k < c; ++k) {
    std::size_t holders = 0, held_by_val = 0, smallest = order.size();
    for (std::size_t g = 0; g < order.size(); ++g) {
      if (order[g]->counts[k] == 0) continue;
      ++holders;
      held_by_val += in_val[g] ? 1 : 0;
      if (smallest == order.size() || order[g]->members.size() < order[smallest]->members.size())
        smallest = g;
    }
    if (holders < 2) continue;
    if (held_by_val == 0) in_val[smallest] = 1;
    if (held_by_val == holders) in_val[smallest] = 0;
  }

  Split split;
  for (std::size_t g = 0; g < order.size(); ++g) {
    auto& side = in_val[g] ? split.val : split.train;
    side.insert(side.end(), order[g]->members.begin(), order[g]->members.end());
  }
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.val.begin(), split.val.end());
  return split;
}

}  // namespace nevus
