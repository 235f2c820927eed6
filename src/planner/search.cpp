#include "search.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "decisions.h"
#include "moves.h"
#include "realize.h"
#include "step_items.h"

namespace longhaul {
namespace {

// Ops that are lowered and simulated before the best so far is the answer: about a third of a
// second.
constexpr std::size_t kMostOps = 200'000;
constexpr std::size_t kRefined = 4;     // of the structures judged
constexpr double kWorthRefining = 1.1;  // over the best of all structures
constexpr double kClose = 1.01;         // a step over its program: nothing left to refine
constexpr int kCorrections = 7;         // placements of one structure
constexpr double kBinding = 0.97;       // of a cap: the program uses all of it
constexpr double kMargin = 0.002;       // of a cap: what rounding to blocks and alignment may take

struct Windows {
  int weights;
  int saved;
  double penalty;  // what the program cannot see: lanes that wait for each other
};
constexpr std::array kWindows{
    Windows{2, 1, 1.0}, Windows{1, 1, 1.005}, Windows{1, 0, 1.05}, Windows{0, 0, 1.2}};

struct Level {
  bool streams;
  bool uses_disk;
};
constexpr std::array kLevels{Level{false, false}, Level{true, false}, Level{true, true}};

// That may be kept on the device; with the embedding and without.
constexpr std::array kFirstBlocks{
    BlockRange{0, 2}, BlockRange{0, 3}, BlockRange{0, 1}, BlockRange{1, 2}, BlockRange{1, 3}};

double penalty_of(const ProgramChoice& choice) {
  if (!choice.streams) return 1.0;
  for (const Windows& windows : kWindows) {
    if (windows.weights == choice.weight_window && windows.saved == choice.saved_window) {
      return windows.penalty;
    }
  }
  return 1.0;
}

SavedAction most_of(const std::array<double, kActionCount>& shares) {
  return static_cast<SavedAction>(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

}  // namespace

std::int64_t chunk_for(const Workload& work) {
  constexpr std::int64_t kUnit = 65536;
  constexpr std::int64_t kChunksOfABlock = 8;
  constexpr std::int64_t kLeast = std::int64_t{1} << 20;
  const double largest =
      *std::max_element(work.block_trainable.begin(), work.block_trainable.end());
  const auto share = static_cast<std::int64_t>(largest) / kChunksOfABlock;
  return round_up(std::max(kLeast, share), kUnit);
}

Search::Search(const Problem& problem)
    : problem_(problem),
      judging_(problem),
      rates_(step_rates(problem)),
      work_(summarize(problem, rates_)) {}

std::optional<Search::Proposal> Search::propose(ProgramChoice choice) const {
  std::optional<ProgramAnswer> answer = solve_step(problem_, work_, rates_, choice);
  if (!answer) return std::nullopt;
  if (!choice.inputs) {  // a plan has one place for all inputs of blocks
    choice.inputs = most_of(answer->inputs);
    answer = solve_step(problem_, work_, rates_, choice);
    for (const SavedAction other : {SavedAction::kHost, SavedAction::kDisk, SavedAction::kKeep}) {
      if (answer) break;
      choice.inputs = other;
      answer = solve_step(problem_, work_, rates_, choice);
    }
    if (!answer) return std::nullopt;
  }
  return Proposal{choice, *answer};
}

std::vector<Search::Proposal> Search::proposals() const {
  std::vector<Proposal> found;
  for (const ProgramChoice& choice : structures()) {
    if (auto proposal = propose(choice)) found.push_back(*proposal);
  }
  std::stable_sort(found.begin(), found.end(), [](const Proposal& a, const Proposal& b) {
    return cost(a) < cost(b);
  });
  return found;
}

double Search::cost(const Proposal& proposal) {
  return proposal.answer.cost * penalty_of(proposal.choice);
}

// When updates may run, and what is left to the next forward.
void Search::add_times(ProgramChoice choice, std::vector<ProgramChoice>& structures) const {
  for (const bool speculates : {false, true}) {
    choice.is_speculative = speculates;
    const bool is_possible = problem_.clips ? (!speculates || problem_.may_speculate) : !speculates;
    if (!is_possible) continue;
    for (const bool defers_from_ram : {false, true}) {
      choice.defers_from_ram = defers_from_ram;
      if (defers_from_ram && problem_.clips && !speculates) continue;
      structures.push_back(choice);
    }
  }
}

std::vector<ProgramChoice> Search::structures() const {
  const int all = problem_.shape.micro_batches;
  std::vector<ProgramChoice> structures;
  ProgramChoice choice;
  choice.chunk = chunk_for(work_);
  for (choice.passes = 1; choice.passes <= all; ++choice.passes) {
    if (all % choice.passes != 0) continue;
    for (const Tier sums : {Tier::kDevice, Tier::kHost}) {
      if (sums == Tier::kHost && all == 1) continue;
      choice.accumulators = sums;
      for (const Level& level : kLevels) {
        choice.streams = level.streams;
        choice.uses_disk = level.uses_disk;
        for (const Windows& windows : kWindows) {
          choice.weight_window = windows.weights;
          choice.saved_window = windows.saved;
          add_times(choice, structures);
        }
      }
    }
  }
  return structures;
}

std::optional<double> Search::least_of(Tier tier, bool is_merged) const {
  std::optional<double> least;
  for (ProgramChoice choice : structures()) {
    choice.is_merged = is_merged;
    choice.spared = tier;
    const auto answer = solve_step(problem_, work_, rates_, choice);
    const auto t = static_cast<std::size_t>(tier);
    if (answer && (!least || answer->needed[t] < *least)) least = answer->needed[t];
  }
  return least;
}

std::optional<double> Search::merged_bound() const {
  const int all = problem_.shape.micro_batches;
  std::optional<double> least;
  ProgramChoice choice;
  choice.is_merged = true;
  for (choice.passes = 1; choice.passes <= all; ++choice.passes) {
    if (all % choice.passes != 0) continue;
    std::vector<ProgramChoice> times;
    for (const Tier sums : {Tier::kDevice, Tier::kHost}) {
      choice.accumulators = sums;
      add_times(choice, times);
    }
    for (const ProgramChoice& each : times) {
      const auto answer = solve_step(problem_, work_, rates_, each);
      if (answer && (!least || answer->seconds < *least)) least = answer->seconds;
    }
  }
  return least;
}

// What a plan showed that the program did not know, added to its needs; only where it counts. What
// it takes at least is not what it wastes.
bool Search::learn(Proposal& proposal, const Peaks& peaks, int placements) const {
  bool has_learnt = false;
  const double margin = kMargin * static_cast<double>(1 << placements);
  for (std::size_t t = 0; t < kTierCount; ++t) {
    const auto peak = static_cast<double>(peaks.bytes[t].count);
    const auto cap = static_cast<double>(problem_.caps.bytes[t].count);
    const double needed = proposal.answer.needed[t];
    const bool is_too_much = peak > cap;
    const bool is_wasted = peaks.are_placed && needed > kBinding * cap && peak < kBinding * cap;
    if (!is_too_much && !is_wasted) continue;
    proposal.choice.reserve[t] += peak - needed + (is_too_much ? margin * cap : 0.0);
    has_learnt = true;
  }
  if (!has_learnt) return false;
  std::optional<Proposal> next = propose(proposal.choice);
  if (next) proposal = std::move(*next);
  return next.has_value();
}

std::optional<Search::Found> Search::realize_within_caps(Proposal proposal, double limit) const {
  std::optional<Found> best;
  double bound = limit;
  int placements = 0;
  for (int round = 0; round < kCorrections; ++round) {
    Trial trial = judging_.simulated(
        longhaul::realize(problem_, work_, proposal.choice, proposal.answer), bound);
    judged_ops_ += trial.ops;
    Peaks peaks{trial.least, false};
    const bool may_fit = trial.may_fit(problem_.caps);
    const bool is_better = judging_.cost_of(trial) < bound;
    if (!is_better && (best || !may_fit)) break;
    if (may_fit && is_better) {
      Judgement judgement = judging_.placed(std::move(trial), problem_.caps);
      ++placements;
      peaks = {judgement.peak, true};
      if (judgement.fits(problem_.caps)) {
        best = Found{std::move(judgement), proposal};
        bound = cost_of(problem_, best->judgement);
      }
    }
    const bool has_an_answer = bound < kNoLimit;
    if ((has_an_answer && !has_time_left()) || !learn(proposal, peaks, placements)) break;
  }
  return best;
}

void Search::keep_better(std::optional<Found>& best, std::optional<Found> found) const {
  if (!found) return;
  if (!best || cost_of(problem_, found->judgement) < cost_of(problem_, best->judgement)) {
    best = std::move(found);
  }
}

// Where blocks are few their decisions are looked at one by one later, for half of the time.
bool Search::has_time_left() const {
  return judged_ops_ < (has_few_blocks(problem_) ? kMostOps / 2 : kMostOps);
}

// The same structure with lanes planned below their rates, less memory, other staging, other places
// for the inputs of blocks.
std::vector<ProgramChoice> Search::neighbours(const ProgramChoice& start) const {
  std::vector<ProgramChoice> around;
  const auto vary = [&](const auto& change) { change(around.emplace_back(start)); };
  for (const double derate : {0.96, 0.92, 0.8}) {
    vary([&](ProgramChoice& choice) { choice.derate = derate; });
  }
  for (const double derate : {1.3, 0.8}) {
    vary([&](ProgramChoice& choice) { choice.compute_derate = derate; });
  }
  if (start.uses_disk) vary([](ProgramChoice& choice) { choice.staging *= 2; });
  for (const Tier tier : {Tier::kDevice, Tier::kHost}) {
    const auto t = static_cast<std::size_t>(tier);
    const auto cap = static_cast<double>(problem_.caps.bytes[t].count);
    for (const double share : {0.05, 0.12, 0.25}) {
      vary([&](ProgramChoice& choice) { choice.reserve[t] += share * cap; });
    }
  }
  for (const SavedAction inputs : {SavedAction::kKeep, SavedAction::kHost, SavedAction::kDisk}) {
    if (start.inputs != inputs) vary([&](ProgramChoice& choice) { choice.inputs = inputs; });
  }
  return around;
}

// Goes to the best neighbour until there is none better.
Search::Found Search::refine(Found start) const {
  constexpr int kSweeps = 3;
  std::optional<Found> best = std::move(start);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const double before = cost_of(problem_, best->judgement);
    for (const ProgramChoice& choice : neighbours(best->proposal.choice)) {
      const bool is_close = best->judgement.step.value <= kClose * best->proposal.answer.seconds;
      if (!has_time_left() || is_close) return std::move(*best);
      const auto proposal = propose(choice);
      const double limit = cost_of(problem_, best->judgement);
      if (proposal) keep_better(best, realize_within_caps(*proposal, limit));
    }
    if (cost_of(problem_, best->judgement) >= before) break;
  }
  return std::move(*best);
}

double Search::bytes_on_device(const BlockRange& range) const {
  const BlockPlan elsewhere{.weights = {Tier::kHost}, .states = {Tier::kHost}};
  Decisions kept{.rest = {}, .blocks = {problem_.graph.blocks.size(), elsewhere}, .saved = {}};
  for (std::size_t b = range.first; b < range.end; ++b) kept.blocks[b] = {};
  return bytes_of_states(problem_, work_, kept)[index_of(Tier::kDevice)];
}

// With few blocks it is found by single decisions.
std::optional<Search::Found> Search::with_first_on_device(const Found& start) const {
  const ProgramChoice& streamed = start.proposal.choice;
  if (!streamed.streams || streamed.accumulators != Tier::kDevice || has_few_blocks(problem_)) {
    return std::nullopt;
  }
  std::optional<Found> best;
  double limit = cost_of(problem_, start.judgement);
  for (const BlockRange& range : kFirstBlocks) {
    ProgramChoice choice = streamed;
    choice.on_device = range;
    choice.reserve[index_of(Tier::kDevice)] += bytes_on_device(range);
    const auto proposal = propose(choice);
    if (!proposal || proposal->answer.cost >= limit) continue;
    auto found = realize_within_caps(*proposal, limit);
    if (!found) continue;
    best = std::move(found);
    limit = cost_of(problem_, best->judgement);
  }
  return best;
}

std::optional<Search::Found> Search::best() const {
  const std::vector<Proposal> all = proposals();
  std::vector<Found> found = realized(all);
  if (found.empty()) return std::nullopt;
  if (auto next = with_first_on_device(found.front())) {
    found.insert(found.begin(), std::move(*next));
  }
  for (Found& start : found) start = refine(std::move(start));
  add_policies(all.front(), found);
  return improved(std::move(found));
}

// What schedules of a kind take over their programs, as far as some were made.
class Search::Experience {
 public:
  double cost(const Proposal& proposal) const {
    const auto found = ratios_.find(kind(proposal.choice));
    return found != ratios_.end() ? found->second * proposal.answer.cost : Search::cost(proposal);
  }
  void add(const Proposal& proposal, double cost) {
    ratios_[kind(proposal.choice)] = cost / proposal.answer.cost;
  }

 private:
  using Kind = std::tuple<int, int, int, bool>;
  static Kind kind(const ProgramChoice& choice) {
    return {choice.passes, choice.weight_window, choice.saved_window, choice.is_speculative};
  }
  std::map<Kind, double> ratios_;
};

// The best few of the structures that were looked at, the cheapest first.
std::vector<Search::Found> Search::realized(std::vector<Proposal> all) const {
  std::vector<Found> found;
  Experience experience;
  double least = kNoLimit;
  while (!all.empty() && (found.empty() || has_time_left())) {
    const auto next = std::min_element(all.begin(), all.end(), [&](const auto& a, const auto& b) {
      return experience.cost(a) < experience.cost(b);
    });
    const Proposal proposal = std::move(*next);
    all.erase(next);
    if (experience.cost(proposal) >= kWorthRefining * least) break;
    if (proposal.answer.cost >= least) continue;
    std::optional<Found> made = realize_within_caps(proposal, kWorthRefining * least);
    if (!made) continue;
    const double cost = cost_of(problem_, made->judgement);
    experience.add(made->proposal, cost);
    least = std::min(least, cost);
    found.push_back(std::move(*made));
  }
  sort(found);
  found.resize(std::min(found.size(), kRefined));
  return found;
}

void Search::sort(std::vector<Found>& found) const {
  std::stable_sort(found.begin(), found.end(), [this](const Found& a, const Found& b) {
    return cost_of(problem_, a.judgement) < cost_of(problem_, b.judgement);
  });
}

std::optional<Search::Found> Search::any() const {
  for (const Proposal& proposal : proposals()) {
    if (auto found = realize_within_caps(proposal)) return found;
  }
  return std::nullopt;
}

}  // namespace longhaul
