#include "split.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "longhaul/core/philox.h"

namespace longhaul {
namespace {

constexpr std::uint64_t kSplitPurpose = 0x73706C69'00000000U;  // "spli"

// Sets of samples that are merged; the root of a set is its earliest sample.
class Groups {
 public:
  explicit Groups(std::size_t count) : parent_(count) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }

  std::size_t root(std::size_t sample) {
    while (parent_[sample] != sample) {
      parent_[sample] = parent_[parent_[sample]];
      sample = parent_[sample];
    }
    return sample;
  }

  void merge(std::size_t a, std::size_t b) {
    const auto [first, second] = std::minmax({root(a), root(b)});
    parent_[second] = first;
  }

 private:
  std::vector<std::size_t> parent_;
};

// The samples of every group, groups in the order of their earliest sample.
std::vector<std::vector<std::size_t>> group_by_question(
    const std::vector<std::vector<std::uint64_t>>& questions) {
  Groups groups(questions.size());
  std::unordered_map<std::uint64_t, std::size_t> first_with;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    for (const std::uint64_t question : questions[i]) {
      groups.merge(i, first_with.try_emplace(question, i).first->second);
    }
  }
  std::vector<std::vector<std::size_t>> members(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) members[groups.root(i)].push_back(i);
  std::erase_if(members, [](const auto& group) { return group.empty(); });
  return members;
}

}  // namespace

std::vector<bool> choose_held_out(const std::vector<std::vector<std::uint64_t>>& questions,
                                  double fraction,
                                  std::uint64_t seed) {
  std::vector<bool> is_held_out(questions.size(), false);
  if (questions.size() < 2) return is_held_out;
  const auto count = static_cast<double>(questions.size());
  auto wanted = static_cast<std::size_t>(std::clamp(std::round(fraction * count), 1.0, count - 1));

  auto groups = group_by_question(questions);
  const Philox random(seed, kSplitPurpose);
  for (std::size_t i = groups.size(); i > 0; --i) {
    std::swap(groups[i - 1], groups[static_cast<std::size_t>(random.below(i - 1, i))]);
    const auto& group = groups[i - 1];
    if (group.size() > wanted) continue;
    for (const std::size_t sample : group) is_held_out[sample] = true;
    wanted -= group.size();
  }
  return is_held_out;
}

}  // namespace longhaul
