// What would help, and what would fit: problems that differ in one thing, planned.

#include <algorithm>
#include <functional>

#include "longhaul/core/error.h"
#include "longhaul/planner/auto_plan.h"

#include "search.h"

namespace longhaul {
namespace {

constexpr std::int64_t kGibi = std::int64_t{1} << 30;
constexpr double kWorthSaying = 1.01;

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

double tokens_of(const Problem& problem) {
  return static_cast<double>(problem.shape.tokens * problem.shape.micro_batches);
}

// A change that might help, and the seconds that the program promises for it.
struct Idea {
  std::string text;
  double promise = 0.0;
  std::function<void(Problem&)> apply;
};

Idea more_memory(const Problem& problem, const Worth& worth, Tier tier) {
  const Bytes cap = problem.caps.bytes[index_of(tier)];
  const Bytes more{std::max<std::int64_t>(1, cap.count / 2 / kGibi) * kGibi};
  return {concat(to_string(more), " more ", room_on(tier)),
          worth.per_byte[index_of(tier)] * static_cast<double>(more.count),
          [tier, more](Problem& p) { p.caps.bytes[index_of(tier)] += more; }};
}

std::vector<Idea> ideas(const Problem& problem, const Worth& worth) {
  std::vector<Idea> ideas{more_memory(problem, worth, Tier::kDevice),
                          more_memory(problem, worth, Tier::kHost)};
  const HardwareProfile& machine = problem.machine;
  if (!machine.storage.disks.empty()) {
    ideas.push_back({concat("one more ", machine.storage.disks.front().name),
                     worth.disk.value / (machine.storage.disks.front().count + 1),
                     [](Problem& p) {
                       DiskProfile& disk = p.machine.storage.disks.front();
                       ++disk.count;
                       p.caps.bytes[index_of(Tier::kDisk)] += disk.capacity.value;
                     }});
  }
  ideas.push_back(
      {"a link twice as fast", (worth.to_device.value + worth.to_host.value) / 2, [](Problem& p) {
         p.machine.link.to_device = scaled(p.machine.link.to_device, 2.0);
         p.machine.link.to_host = scaled(p.machine.link.to_host, 2.0);
       }});
  ideas.push_back({"an optimizer twice as fast (more or faster cores)",
                   (worth.updates.value + worth.host_memory.value) / 2,
                   [](Problem& p) {
                     for (auto& point : p.machine.host.optimizer.points) {
                       point.rate.value.rate *= 2.0;
                     }
                     p.machine.host.bandwidth.value.rate *= 2.0;
                   }});
  return ideas;
}

void add_change(const Problem& problem,
                const Judgement& before,
                const Idea& idea,
                std::vector<Change>& changes) {
  Problem changed = problem;
  idea.apply(changed);
  AutoPlan plan = make_auto_plan(changed);
  if (!plan.best) return;
  const double speedup = tokens_of(changed) / mean_step(changed, *plan.best).value *
                         mean_step(problem, before).value / tokens_of(problem);
  if (speedup < kWorthSaying) return;
  changes.push_back({idea.text, std::move(*plan.best), speedup});
}

// The least of a tier that a plan was made for, beginning at what the structures need.
std::optional<Change> enough_of(const Problem& problem, Tier tier) {
  const auto least = Search(problem).least_of(tier, false);
  if (!least) return std::nullopt;
  const Bytes cap = problem.caps.bytes[index_of(tier)];
  double need = std::max(*least, static_cast<double>(cap.count));
  for (int attempt = 0; attempt < 8; ++attempt, need *= 1.04) {
    const auto missing = static_cast<std::int64_t>(need) - cap.count;
    const Bytes more{std::max<std::int64_t>(1, (missing + kGibi - 1) / kGibi) * kGibi};
    Problem changed = problem;
    changed.caps.bytes[index_of(tier)] = cap + more;
    auto found = Search(changed).any();
    if (!found) continue;
    return Change{concat(to_string(more), " more ", room_on(tier)), std::move(found->judgement)};
  }
  return std::nullopt;
}

std::optional<Change> fewer_tokens(const Problem& problem) {
  Problem changed = problem;
  while (changed.shape.tokens % 2 == 0 && changed.shape.tokens / 2 >= problem.rules.sequence) {
    changed.shape.tokens /= 2;
    changed.shape.micro_batches *= 2;
    changed.shape.max_segments = (changed.shape.max_segments + 1) / 2;
    auto found = Search(changed).any();
    if (!found) continue;
    return Change{concat("micro-batches of ", changed.shape.tokens, " tokens"),
                  std::move(found->judgement)};
  }
  return std::nullopt;
}

}  // namespace

std::vector<Change> what_would_help(const Problem& problem, const AutoPlan& plan) {
  constexpr std::size_t kTried = 3;
  std::vector<Change> changes;
  if (!plan.best) return changes;
  std::vector<Idea> promising = ideas(problem, plan.worth);
  std::stable_sort(promising.begin(), promising.end(), [](const Idea& a, const Idea& b) {
    return a.promise > b.promise;
  });
  promising.resize(std::min(promising.size(), kTried));
  std::erase_if(promising, [&](const Idea& idea) {
    return idea.promise < (kWorthSaying - 1.0) * plan.best->step.value;
  });
  promising.push_back(
      {"twice the tokens a step", 0.0, [](Problem& p) { p.shape.micro_batches *= 2; }});
  if (plan.best->written().count > 0 && problem.write_price > 0.0) {
    promising.push_back({"writing to disk at no price (limits.write_price: 0)",
                         0.0,
                         [](Problem& p) { p.write_price = 0.0; }});
  }
  for (const Idea& idea : promising) add_change(problem, *plan.best, idea, changes);
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return a.speedup > b.speedup;
  });
  return changes;
}

std::vector<Change> what_would_fit(const Problem& problem) {
  std::vector<Change> changes;
  const auto add = [&](std::optional<Change> change) {
    if (change) changes.push_back(std::move(*change));
  };
  add(fewer_tokens(problem));
  for (const Tier tier : {Tier::kHost, Tier::kDisk, Tier::kDevice}) add(enough_of(problem, tier));
  return changes;
}

}  // namespace longhaul
