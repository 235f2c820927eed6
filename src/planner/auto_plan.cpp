#include "longhaul/planner/auto_plan.h"

#include <algorithm>

#include "longhaul/core/error.h"

#include "search.h"

namespace longhaul {
namespace {

// The tiers whose cap is below what every plan takes; empty where no bound says so.
std::string violated_bounds(const Problem& problem, const Search& search) {
  std::string text;
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const Bytes cap = problem.caps.bytes[static_cast<std::size_t>(tier)];
    const auto least = search.least_of(tier, true);
    if (!least || *least <= static_cast<double>(cap.count)) continue;
    text += concat(text.empty() ? "" : "; ",
                   room_on(tier),
                   ": every plan takes at least ",
                   to_string(Bytes{static_cast<std::int64_t>(*least)}),
                   ", the cap is ",
                   to_string(cap));
  }
  return text;
}

// The corrections of a search may run into a corner: a plan for smaller caps fits as well.
std::optional<Search::Found> best_under_smaller_caps(const Problem& problem) {
  for (const double share : {0.9, 0.8, 0.7}) {
    for (const Tier tier : {Tier::kHost, Tier::kDevice}) {
      Problem smaller = problem;
      Bytes& cap = smaller.caps.bytes[static_cast<std::size_t>(tier)];
      cap = Bytes{static_cast<std::int64_t>(share * static_cast<double>(cap.count))};
      if (auto found = Search(smaller).any()) return found;
    }
  }
  return std::nullopt;
}

Worth worth_of(const ProgramAnswer& answer) {
  const auto at = [&](Bound bound) { return answer.worth[static_cast<std::size_t>(bound)]; };
  return {.per_byte = {at(Bound::kDeviceBytes), at(Bound::kHostBytes), at(Bound::kDiskBytes)},
          .compute = {at(Bound::kCompute)},
          .to_device = {at(Bound::kToDevice)},
          .to_host = {at(Bound::kToHost)},
          .disk = {at(Bound::kDiskTime)},
          .updates = {at(Bound::kHostWork)},
          .host_memory = {at(Bound::kHostMemoryTime)}};
}

// Divisors of the step's tokens, as sizes of micro-batches, the largest first.
std::vector<std::int64_t> sizes(std::int64_t step, std::int64_t least) {
  constexpr std::int64_t kMostMicroBatches = 64;
  std::vector<std::int64_t> sizes;
  for (std::int64_t parts = 1; parts <= kMostMicroBatches; ++parts) {
    const bool is_divisor = step % parts == 0 && step / parts >= least;
    const bool is_round = (parts & (parts - 1)) == 0;
    if (is_divisor && is_round) sizes.push_back(step / parts);
  }
  return sizes;
}

}  // namespace

AutoPlan make_auto_plan(const Problem& problem) {
  const Search search(problem);
  AutoPlan result;
  if (const auto bound = search.merged_bound()) result.bounds.merged = {*bound};
  auto found = search.best();
  if (!found) {
    result.refusal = violated_bounds(problem, search);
    if (!result.refusal.empty()) return result;
    found = search.squeezed();
    if (!found) found = best_under_smaller_caps(problem);
    if (found) found = search.improved({std::move(*found)});
  }
  if (!found) {
    result.refusal = "no placement was found; no bound is violated by itself";
    return result;
  }
  result.bounds.phases = {found->proposal.answer.seconds};
  result.worth = worth_of(found->proposal.answer);
  result.best = judge(problem, found->judgement.plan);  // in the least room
  return result;
}

std::int64_t choose_micro_batch(Problem problem, std::int64_t least) {
  const std::int64_t step = problem.shape.tokens * problem.shape.micro_batches;
  const double share =
      static_cast<double>(problem.shape.max_segments) / static_cast<double>(problem.shape.tokens);
  std::int64_t best = 0;
  double cheapest = 0.0;
  for (const std::int64_t size : sizes(step, std::min(least, step))) {
    problem.shape.tokens = size;
    problem.shape.micro_batches = static_cast<int>(step / size);
    problem.shape.max_segments =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(share * static_cast<double>(size)));
    const std::vector<Search::Proposal> proposals = Search(problem).proposals();
    if (proposals.empty()) continue;
    const double cost = Search::cost(proposals.front());
    if (best != 0 && cost > 0.99 * cheapest) continue;
    best = size;
    cheapest = cost;
  }
  const std::vector<std::int64_t> all = sizes(step, std::min(least, step));
  return best != 0 || all.empty() ? best : all.back();
}

}  // namespace longhaul
