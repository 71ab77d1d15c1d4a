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

// The groups in an order that only the seed decides.
struct Groups {
  std::map<std::string, Group> by_name;  // a map: neither the samples' order nor a hash matters
  std::vector<Group*> order;
};

Groups grouped(const std::vector<Sample>& samples, std::size_t classes, std::uint64_t seed) {
  Groups groups;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    Group& group = groups.by_name[sample.group.empty() ? sample.file.string() : sample.group];
    if (group.counts.empty()) group.counts.assign(classes, 0);
    group.members.push_back(i);
    ++group.counts[static_cast<std::size_t>(sample.label)];
  }
  for (auto& [name, group] : groups.by_name) groups.order.push_back(&group);
  std::uint64_t state = seed;
  for (std::size_t i = groups.order.size(); i > 1; --i)
    std::swap(groups.order[i - 1], groups.order[static_cast<std::size_t>(splitmix(state) % i)]);
  return groups;
}

std::size_t class_count(const std::vector<Sample>& samples) {
  int classes = 0;
  for (const Sample& sample : samples) classes = std::max(classes, sample.label + 1);
  return static_cast<std::size_t>(classes);
}

}  // namespace

Split stratified_group_split(const std::vector<Sample>& samples, double val_share,
                             std::uint64_t seed) {
  val_share = std::clamp(val_share, 0.05, 0.5);
  const std::size_t c = class_count(samples);
  const Groups groups = grouped(samples, c, seed);
  const std::vector<Group*>& order = groups.order;
  std::vector<double> target(c, 0.0);
  for (const Sample& sample : samples) target[static_cast<std::size_t>(sample.label)] += val_share;

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

std::vector<int> stratified_group_folds(const std::vector<Sample>& samples, int folds,
                                        std::uint64_t seed) {
  const std::size_t c = class_count(samples);
  const auto k = static_cast<std::size_t>(std::max(folds, 1));
  Groups groups = grouped(samples, c, seed);
  std::stable_sort(groups.order.begin(), groups.order.end(), [](const Group* a, const Group* b) {
    return a->members.size() > b->members.size();
  });
  std::vector<double> total(c, 0.0);
  for (const Sample& sample : samples) total[static_cast<std::size_t>(sample.label)] += 1;
  std::vector<std::vector<double>> taken(k, std::vector<double>(c, 0.0));
  std::vector<double> size(k, 0.0);
  std::vector<int> fold(samples.size(), 0);
  for (const Group* group : groups.order) {
    std::size_t best = 0;
    double least = 0;
    for (std::size_t f = 0; f < k; ++f) {
      // How much the sum of squared shares grows; each class counts by its share, and so does the
      // fold's size.
      const auto members = static_cast<double>(group->members.size());
      double cost = members * (2 * size[f] + members) / static_cast<double>(samples.size());
      for (std::size_t i = 0; i < c; ++i) {
        if (group->counts[i] == 0) continue;
        cost += group->counts[i] * (2 * taken[f][i] + group->counts[i]) / total[i];
      }
      if (f == 0 || cost < least) {
        best = f;
        least = cost;
      }
    }
    for (std::size_t i = 0; i < c; ++i) taken[best][i] += group->counts[i];
    size[best] += static_cast<double>(group->members.size());
    for (const std::size_t member : group->members) fold[member] = static_cast<int>(best);
  }
  return fold;
}

}  // namespace nevus
