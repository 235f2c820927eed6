#include "realize.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "decisions.h"
#include "moves.h"

namespace longhaul {
namespace {

constexpr double kNothing = 1e-6;  // shares below are rounding of the solver

// Hands out things of different sizes so that at every moment each kind has had its share. A kind
// that is scarce never gets more than that.
class Dealer {
 public:
  struct Kind {
    double share = 0.0;
    bool is_scarce = false;
    double had = 0.0;
  };
  explicit Dealer(std::vector<Kind> kinds) : kinds_(std::move(kinds)) {}

  std::size_t next(double size) {
    total_ += size;
    std::size_t best = kinds_.size();
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const bool may_have = !kinds_[k].is_scarce || owed(k) >= size * (1.0 - kNothing);
      if (!may_have) continue;
      if (best == kinds_.size() || owed(k) > owed(best) + kNothing * total_) best = k;
    }
    if (best == kinds_.size()) best = largest();
    kinds_[best].had += size;
    return best;
  }

 private:
  double owed(std::size_t k) const { return kinds_[k].share * total_ - kinds_[k].had; }
  std::size_t largest() const {
    std::size_t best = 0;
    for (std::size_t k = 1; k < kinds_.size(); ++k) {
      if (kinds_[k].share > kinds_[best].share) best = k;
    }
    return best;
  }

  std::vector<Kind> kinds_;
  double total_ = 0.0;
};

// By action. What takes memory is scarce; what is left over is computed again, or else goes to
// disk.
Dealer dealer_of(const std::array<double, kActionCount>& shares) {
  const auto share = [&](SavedAction action) { return shares[static_cast<std::size_t>(action)]; };
  SavedAction rest = SavedAction::kKeep;
  for (const SavedAction action :
       {SavedAction::kHost, SavedAction::kDisk, SavedAction::kRecompute}) {
    if (share(action) > kNothing) rest = action;
  }
  std::vector<Dealer::Kind> kinds;
  for (std::size_t a = 0; a < kActionCount; ++a) {
    kinds.push_back({shares[a], static_cast<SavedAction>(a) != rest});
  }
  return Dealer(std::move(kinds));
}

// --- states

// Blocks that differ in shares only.
struct Kind {
  BlockPlan plan;
  double share = 0.0;
};

class StateKinds {
 public:
  StateKinds(const ProgramAnswer& answer, bool is_speculative) {
    for (std::size_t c = 0; c < answer.classes.size(); ++c) {
      if (answer.shares[c] <= kNothing) continue;
      sums_[key(answer.classes[c])].add(answer.classes[c], answer.shares[c], is_speculative);
    }
  }

  std::vector<Kind> kinds(UpdateTime update) const {
    std::vector<Kind> kinds;
    for (const auto& [unused, sum] : sums_) {
      Kind kind{sum.plan(), sum.all};
      const double on_disk = sum.held_on_disk / std::max(kNothing, sum.held);
      const double deferred = std::min(1.0, sum.deferred / sum.all);
      if (update != UpdateTime::kInNextForward) kind.plan.next_forward_share = deferred;
      const bool is_whole =
          update == UpdateTime::kSpeculative && kind.plan.weights.tier == Tier::kDevice;
      if (is_whole) {  // weights there change slots as a whole: blocks of both kinds
        Kind at_once = kind;
        at_once.plan.next_forward_share = 0.0;
        at_once.share *= 1.0 - deferred;
        if (at_once.share > kNothing) kinds.push_back(at_once);
        kind.plan.next_forward_share = 1.0;
        kind.share *= deferred;
      }
      Kind held = kind;
      held.plan.gradients = Tier::kDisk;
      held.share *= on_disk;
      kind.share -= held.share;
      add(kind, update, kinds);
      add(held, update, kinds);
    }
    return kinds;
  }

 private:
  // Speculative updates exchange weights on the device as a whole: a share of every block becomes
  // whole blocks.
  static void add(Kind kind, UpdateTime update, std::vector<Kind>& kinds) {
    if (kind.share <= kNothing) return;
    const double deferred = kind.plan.next_forward_share;
    const bool is_whole = update != UpdateTime::kSpeculative ||
                          kind.plan.weights.tier != Tier::kDevice || deferred == 0.0 ||
                          deferred == 1.0;
    if (is_whole) {
      kinds.push_back(kind);
      return;
    }
    Kind later = kind;
    later.share *= deferred;
    later.plan.next_forward_share = 1.0;
    kind.share -= later.share;
    kind.plan.next_forward_share = 0.0;
    kinds.push_back(kind);
    kinds.push_back(later);
  }

  using Key = std::tuple<bool, bool, bool, bool>;
  static Key key(const StateClass& c) {
    return {c.weights == Tier::kDevice,
            c.keeps_weights_on_device,
            c.states == Tier::kDevice,
            c.update_on == Tier::kDevice};
  }

  struct Sum {
    StateClass first;
    double all = 0.0;
    double weights_in_ram = 0.0;
    double states_in_ram = 0.0;
    double deferred = 0.0;
    double held = 0.0;  // the gradient may wait on disk
    double held_on_disk = 0.0;

    void add(const StateClass& kind, double share, bool is_speculative) {
      if (all == 0.0) first = kind;
      all += share;
      if (kind.weights == Tier::kHost) weights_in_ram += share;
      if (kind.states == Tier::kHost) states_in_ram += share;
      if (kind.is_deferred) deferred += share;
      if (kind.is_deferred == is_speculative) return;
      held += share;
      if (kind.gradients == Tier::kDisk) held_on_disk += share;
    }
    StateHome home(Tier tier, double in_ram) const {
      if (tier == Tier::kDevice) return {Tier::kDevice};
      if (in_ram >= all - kNothing) return {Tier::kHost};
      return {Tier::kDisk, std::max(0.0, in_ram / all)};
    }
    BlockPlan plan() const {
      return {.weights = home(first.weights, weights_in_ram),
              .states = home(first.states, states_in_ram),
              .keeps_weights_on_device = first.keeps_weights_on_device,
              .update_on = first.update_on,
              .gradients = first.gradients == Tier::kDisk ? Tier::kHost : first.gradients};
    }
  };
  std::map<Key, Sum> sums_;
};

std::vector<BlockPlan> deal_blocks(const Workload& work, const std::vector<Kind>& kinds) {
  std::vector<Dealer::Kind> shares;
  for (const Kind& kind : kinds) {
    const BlockPlan& how = kind.plan;
    const bool is_on_device = how.weights.tier == Tier::kDevice || how.keeps_weights_on_device ||
                              how.states.tier == Tier::kDevice;
    shares.push_back({kind.share, is_on_device && kinds.size() > 1});
  }
  Dealer dealer(shares);
  std::vector<BlockPlan> blocks;
  blocks.reserve(work.block_weights.size());
  for (const double size : work.block_weights) blocks.push_back(kinds[dealer.next(size)].plan);
  return blocks;
}

// --- saved tensors

// So many of each action, spread over the micro-batches.
Actions spread(const std::array<int, kActionCount>& counts, int micro_batches) {
  std::vector<Dealer::Kind> kinds;
  kinds.reserve(counts.size());
  for (const int count : counts) kinds.push_back({static_cast<double>(count) / micro_batches});
  Dealer dealer(kinds);
  Actions actions;
  for (int m = 0; m < micro_batches; ++m) {
    actions.push_back(static_cast<SavedAction>(dealer.next(1)));
  }
  return actions;
}

// Every site gets whole micro-batches, counts of neighbours differ by one at most.
std::vector<Actions> deal_saved(const SavedUnit& unit,
                                const std::array<double, kActionCount>& shares,
                                int micro_batches) {
  Dealer dealer = dealer_of(shares);
  std::vector<Actions> of_site;
  for (std::size_t s = 0; s < unit.sites.size(); ++s) {
    std::array<int, kActionCount> counts{};
    for (int m = 0; m < micro_batches; ++m) ++counts[dealer.next(1.0)];
    of_site.push_back(spread(counts, micro_batches));
  }
  return of_site;
}

UpdateTime update_of(const Problem& problem, const ProgramChoice& choice) {
  if (!problem.clips) return UpdateTime::kInBackward;
  return choice.is_speculative ? UpdateTime::kSpeculative : UpdateTime::kInNextForward;
}

SavedAction most_of(const std::array<double, kActionCount>& shares) {
  return static_cast<SavedAction>(std::max_element(shares.begin(), shares.end()) - shares.begin());
}

}  // namespace

Plan realize(const Problem& problem,
             const Workload& work,
             const ProgramChoice& choice,
             const ProgramAnswer& answer) {
  const int micro_batches = problem.shape.micro_batches;
  Decisions decisions;
  Plan& plan = decisions.rest;
  plan.policy = "auto";
  plan.group = choice.passes == 1 ? 0 : micro_batches / choice.passes;
  plan.accumulators = micro_batches > 1 ? choice.accumulators : Tier::kDevice;
  plan.weight_window = choice.weight_window;
  plan.saved_window = choice.saved_window;
  plan.chunk = choice.chunk;
  plan.staging = choice.staging;
  // With few blocks the end of the last update counts for more than what lanes wait between.
  plan.order = has_few_blocks(problem) ? UpdateOrder::kOptimized : UpdateOrder::kSpread;
  plan.block_inputs = most_of(answer.inputs);
  for (std::size_t u = 0; u < work.units.size(); ++u) {
    decisions.saved.push_back(deal_saved(work.units[u], answer.saved[u], micro_batches));
  }
  plan.update = update_of(problem, choice);
  const std::vector<Kind> kinds = StateKinds(answer, choice.is_speculative).kinds(plan.update);
  decisions.blocks = deal_blocks(work, kinds);
  for (std::size_t b = choice.on_device.first; b < choice.on_device.end; ++b) {
    decisions.blocks[b] = {};
  }
  place_embedding(problem, decisions);
  const bool moves_nothing = kinds.size() == 1 && kinds.front().plan.states.tier == Tier::kDevice;
  if (moves_nothing) {
    plan.update = UpdateTime::kAfterBackward;
    for (BlockPlan& how : decisions.blocks) how.next_forward_share = 0.0;
  }
  return plan_of(problem, work, decisions);
}

}  // namespace longhaul
