#include "moves.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace longhaul {
namespace {

constexpr std::array kShareSteps{0.25, -0.25, 0.1, -0.1, 0.03, -0.03};
constexpr int kLeastStaging = 2;

using Indices = std::vector<std::size_t>;

// A home with `step` more of it in RAM.
StateHome with_more_ram(const StateHome& home, double step) {
  const double share = (home.tier == Tier::kDisk ? home.ram_share : 1.0) + step;
  if (share >= 1.0) return {Tier::kHost};
  return {Tier::kDisk, std::max(0.0, share)};
}

class MoveList {
 public:
  MoveList(const Problem& problem, const Workload& work, const Decisions& here, Reach reach)
      : problem_(problem),
        work_(work),
        here_(here),
        reach_(reach),
        has_disk_(problem.caps.bytes[static_cast<std::size_t>(Tier::kDisk)].count > 0),
        micro_batches_(problem.shape.micro_batches),
        embedding_(embedding_block(problem.graph)),
        homes_(ways_to_keep(shares_in_ram(has_disk_))) {}

  // What is worth a move most often comes first.
  std::vector<Move> make() && {
    add_windows();
    add_block_inputs();
    if (!has_few_blocks(problem_)) add_first_blocks();
    const std::vector<Indices> groups = reach_ == Reach::kTuning ? together() : alike();
    for (const Indices& blocks : groups) add_shares(blocks);
    if (reach_ != Reach::kTuning) {
      add_swaps();
      for (const Indices& blocks : groups) add_halves(blocks);
      add_saved_of_units();
      for (const Indices& blocks : groups) add_homes(blocks);
      add_passes();
      add_times();
      add_embedding();
    }
    add_staging();
    if (reach_ == Reach::kSingle) {
      add_single_blocks();
      add_single_tensors();
    }
    return std::move(moves_);
  }

 private:
  template <class Change>
  void add(const Change& change) {
    moves_.emplace_back(change);
  }

  // --- the step

  void add_windows() {
    for (const int step : {1, -1}) {
      add([step](Decisions& d) {
        d.rest.weight_window = std::max(0, d.rest.weight_window + step);
      });
      add([step](Decisions& d) { d.rest.saved_window = std::max(0, d.rest.saved_window + step); });
      add([step](Decisions& d) {
        d.rest.weight_window = std::max(0, d.rest.weight_window + step);
        d.rest.saved_window = std::max(0, d.rest.saved_window + step);
      });
    }
  }

  void add_staging() {
    for (const UpdateOrder order : {UpdateOrder::kOptimized, UpdateOrder::kSpread}) {
      add([order](Decisions& d) { d.rest.order = order; });
    }
    for (const int step : {1, -1}) {
      add([step](Decisions& d) {
        d.rest.staging = std::max(kLeastStaging, d.rest.staging + step);
      });
    }
    add([](Decisions& d) { d.rest.chunk *= 2; });
    add([](Decisions& d) {
      if (d.rest.chunk % (2 * kShareElements) == 0) d.rest.chunk /= 2;
    });
  }

  void add_passes() {
    for (int group = 1; group <= micro_batches_; ++group) {
      if (micro_batches_ % group != 0) continue;
      add([group, all = micro_batches_](Decisions& d) { d.rest.group = group == all ? 0 : group; });
    }
    if (micro_batches_ == 1) return;
    add([](Decisions& d) {
      d.rest.accumulators = Tier::kDevice;
      d.rest.embeds_on_host = false;
    });
    add([&problem = problem_](Decisions& d) {
      d.rest.accumulators = Tier::kHost;
      for (BlockPlan& how : d.blocks) {
        if (how.gradients == Tier::kDevice) how.gradients = Tier::kHost;
      }
      place_embedding(problem, d);
    });
  }

  void add_times() {
    const auto become = [this](UpdateTime time) {
      add([time](Decisions& d) {
        d.rest.update = time;
        if (d.rest.updates_in_backward()) return;
        for (BlockPlan& how : d.blocks) how.next_forward_share = 0.0;
      });
    };
    become(UpdateTime::kAfterBackward);
    become(UpdateTime::kInNextForward);
    if (!problem_.clips) become(UpdateTime::kInBackward);
    if (problem_.clips && problem_.may_speculate) become(UpdateTime::kSpeculative);
  }

  void add_embedding() {
    add([](Decisions& d) { d.rest.embeds_on_host = !d.rest.embeds_on_host; });
    add([&problem = problem_](Decisions& d) { place_embedding(problem, d); });
  }

  void add_block_inputs() {
    for (const SavedAction action : {SavedAction::kKeep, SavedAction::kHost, SavedAction::kDisk}) {
      if (action == SavedAction::kDisk && !has_disk_) continue;
      add([action](Decisions& d) { d.rest.block_inputs = action; });
    }
  }

  // --- blocks

  // All blocks; and what repeats between the embedding and the head.
  std::vector<Indices> together() const {
    Indices all;
    for (std::size_t b = 0; b < here_.blocks.size(); ++b) all.push_back(b);
    std::vector<Indices> groups{all};
    if (all.size() > 3) groups.emplace_back(all.begin() + 1, all.end() - 1);
    return groups;
  }

  // Those, and blocks that are kept the same way.
  std::vector<Indices> alike() const {
    std::vector<Indices> groups;
    for (std::size_t b = 0; b < here_.blocks.size(); ++b) {
      const auto found = std::find_if(groups.begin(), groups.end(), [&](const Indices& group) {
        return here_.blocks[group.front()] == here_.blocks[b];
      });
      if (found != groups.end()) {
        found->push_back(b);
      } else {
        groups.push_back({b});
      }
    }
    std::vector<Indices> all = together();
    for (Indices& group : groups) {
      if (std::find(all.begin(), all.end(), group) == all.end()) all.push_back(std::move(group));
    }
    return all;
  }

  // What the embedding's table on the host asks for stays.
  Indices without_table_on_host(const Indices& blocks) const {
    Indices rest;
    for (const std::size_t b : blocks) {
      if (here_.rest.embeds_on_host && b == embedding_ && blocks.size() > 1) continue;
      rest.push_back(b);
    }
    return rest;
  }

  void become(const Indices& blocks, const BlockPlan& how) {
    add([blocks, how, table = embedding_](Decisions& d) {
      for (const std::size_t b : blocks) d.blocks[b] = how;
      const bool has_table = std::find(blocks.begin(), blocks.end(), table) != blocks.end();
      const bool stays = how.weights.tier == Tier::kHost && how.update_on == Tier::kHost &&
                         !how.keeps_weights_on_device;
      if (has_table && !stays) d.rest.embeds_on_host = false;
    });
  }

  template <class Change>
  void change_each(const Indices& blocks, const Change& change) {
    add([blocks, change](Decisions& d) {
      for (const std::size_t b : blocks) change(d.blocks[b]);
    });
  }

  void add_shares(const Indices& blocks) {
    for (const double step : kShareSteps) {
      if (has_disk_) add_ram_share(blocks, step);
      if (!here_.rest.updates_in_backward()) continue;
      change_each(blocks, [step](BlockPlan& how) {
        how.next_forward_share = std::clamp(how.next_forward_share + step, 0.0, 1.0);
      });
    }
    if (here_.rest.updates_in_backward()) {
      for (const double share : {0.0, 1.0}) {
        change_each(blocks, [share](BlockPlan& how) { how.next_forward_share = share; });
      }
    }
    if (!has_disk_) return;
    change_each(blocks, [](BlockPlan& how) {
      if (how.gradients == Tier::kDevice) return;
      how.gradients = how.gradients == Tier::kHost ? Tier::kDisk : Tier::kHost;
    });
  }

  void add_ram_share(const Indices& blocks, double step) {
    const auto more = [step](StateHome& home) {
      if (home.tier != Tier::kDevice) home = with_more_ram(home, step);
    };
    change_each(blocks, [more](BlockPlan& how) { more(how.states); });
    change_each(blocks, [more](BlockPlan& how) { more(how.weights); });
    change_each(blocks, [more](BlockPlan& how) {
      more(how.weights);
      more(how.states);
    });
  }

  void add_homes(const Indices& all) {
    const Indices blocks = without_table_on_host(all);
    for (const BlockPlan& how : homes_) {
      become(blocks, fit(how, blocks));
      if (blocks.size() < all.size()) become(all, fit(how, blocks));
    }
  }

  // Every other block of several.
  void add_halves(const Indices& blocks) {
    if (blocks.size() < 2) return;
    for (const std::size_t first : {0, 1}) {
      Indices half;
      for (std::size_t i = first; i < blocks.size(); i += 2) half.push_back(blocks[i]);
      for (const BlockPlan& how : homes_) {
        const bool has_share = how.states.ram_share > 0.0 || how.weights.ram_share > 0.0;
        if (!has_share) become(half, fit(how, half));
      }
    }
  }

  // As the step's other decisions ask.
  BlockPlan fit(BlockPlan how, const Indices& blocks) const {
    const double deferred = here_.blocks[blocks.front()].next_forward_share;
    how.next_forward_share = deferred;
    const bool sums_on_host = micro_batches_ > 1 && here_.rest.accumulators == Tier::kHost;
    if (sums_on_host && how.gradients == Tier::kDevice) how.gradients = Tier::kHost;
    const bool is_whole =
        here_.rest.update == UpdateTime::kSpeculative && how.weights.tier == Tier::kDevice;
    if (is_whole) how.next_forward_share = deferred < 0.5 ? 0.0 : 1.0;
    return how;
  }

  void add_single_blocks() {
    const std::size_t count = here_.blocks.size();
    if (!has_few_blocks(problem_)) return;
    for (std::size_t b = 0; b < count; ++b) {
      add_shares({b});
      add_homes({b});
    }
  }

  // Blocks change places, or one becomes as another is.
  void add_swaps() {
    const std::size_t count = here_.blocks.size();
    if (!has_few_blocks(problem_)) return;
    for (std::size_t a = 0; a < count; ++a) {
      for (std::size_t b = a + 1; b < count; ++b) {
        if (here_.blocks[a] == here_.blocks[b]) continue;
        add([a, b](Decisions& d) { std::swap(d.blocks[a], d.blocks[b]); });
        become({a}, here_.blocks[b]);
        become({b}, here_.blocks[a]);
      }
    }
  }

  // Of many blocks those for which lanes wait where steps meet: updated earlier or later, or in
  // exchange with the next block of every other kind.
  void add_first_blocks() {
    constexpr std::size_t kFirst = 3;
    for (std::size_t a = 0; a < kFirst; ++a) {
      for (const double share : {0.0, 1.0}) {
        if (!here_.rest.updates_in_backward()) break;
        add([a, share](Decisions& d) { d.blocks[a].next_forward_share = share; });
      }
      std::vector<BlockPlan> seen{here_.blocks[a]};
      for (std::size_t b = a + 1; b < here_.blocks.size(); ++b) {
        if (std::find(seen.begin(), seen.end(), here_.blocks[b]) != seen.end()) continue;
        seen.push_back(here_.blocks[b]);
        add([a, b](Decisions& d) { std::swap(d.blocks[a], d.blocks[b]); });
      }
    }
  }

  // --- saved tensors

  std::vector<SavedAction> actions() const {
    std::vector<SavedAction> all{SavedAction::kKeep, SavedAction::kHost, SavedAction::kRecompute};
    if (has_disk_) all.push_back(SavedAction::kDisk);
    return all;
  }

  static void set_unit(Decisions& d, std::size_t unit, SavedAction action) {
    for (Actions& site : d.saved[unit]) std::fill(site.begin(), site.end(), action);
  }

  // Every unit alone; and all from one on, in the order of what keeping them is worth.
  void add_saved_of_units() {
    const std::size_t count = work_.units.size();
    for (const SavedAction action : actions()) {
      for (std::size_t u = 0; u < count; ++u) {
        add([u, action](Decisions& d) { set_unit(d, u, action); });
      }
    }
    for (const SavedAction action : actions()) {
      for (std::size_t first = 0; first + 1 < count; ++first) {
        add([first, action, count](Decisions& d) {
          for (std::size_t u = first; u < count; ++u) set_unit(d, u, action);
        });
        add([first, action](Decisions& d) {
          for (std::size_t u = 0; u <= first; ++u) set_unit(d, u, action);
        });
      }
    }
  }

  void add_single_tensors() {
    if (!has_few_blocks(problem_)) return;
    for (const SavedAction action : actions()) {
      for (std::size_t u = 0; u < work_.units.size(); ++u) {
        add_sites(u, action);
        for (int m = 0; m < micro_batches_ && micro_batches_ > 1; ++m) {
          add([u, m, action](Decisions& d) {
            for (Actions& site : d.saved[u]) site[static_cast<std::size_t>(m)] = action;
          });
        }
      }
      for (std::size_t b = 0; b < here_.blocks.size(); ++b) add_block_saves(b, action);
    }
  }

  void add_sites(std::size_t unit, SavedAction action) {
    for (std::size_t s = 0; s < work_.units[unit].sites.size(); ++s) {
      add([unit, s, action](Decisions& d) {
        std::fill(d.saved[unit][s].begin(), d.saved[unit][s].end(), action);
      });
    }
  }

  // All that one block saves.
  void add_block_saves(std::size_t block, SavedAction action) {
    add([&units = work_.units, block, action](Decisions& d) {
      for (std::size_t u = 0; u < units.size(); ++u) {
        for (std::size_t s = 0; s < units[u].sites.size(); ++s) {
          if (units[u].sites[s].block.index() != block) continue;
          std::fill(d.saved[u][s].begin(), d.saved[u][s].end(), action);
        }
      }
    });
  }

  const Problem& problem_;
  const Workload& work_;
  const Decisions& here_;
  Reach reach_;
  bool has_disk_;
  int micro_batches_;
  std::optional<std::size_t> embedding_;
  std::vector<BlockPlan> homes_;
  std::vector<Move> moves_;
};

}  // namespace

std::vector<Move> moves_from(const Problem& problem,
                             const Workload& work,
                             const Decisions& here,
                             Reach reach) {
  return MoveList(problem, work, here, reach).make();
}

}  // namespace longhaul
