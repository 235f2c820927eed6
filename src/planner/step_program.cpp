#include "step_program.h"

#include <algorithm>
#include <cmath>

#include "longhaul/core/error.h"

#include "linear_program.h"

namespace longhaul {
namespace {

constexpr double kGiga = 1e9;
// Seconds per GB moved, so that of equal answers the one that moves less is taken.
constexpr double kTrafficPrice = 1e-5;
// Blocks of gradients that wait on the host for an update in backward, and the one that arrives.
constexpr double kGradientsInFlight = 3.0;

// As Bound; then both directions of the link together, and the cores of a host that computes.
enum Row : std::uint8_t { kC, kH, kD, kS, kA, kM, kLink, kCores };
constexpr std::size_t kLanes = 8;
constexpr std::size_t kNamedLanes = 6;
constexpr std::size_t kPhases = 3;  // first forward, all between, last backward
enum Phase : std::uint8_t { kForwardPhase, kMiddle, kBackwardPhase };

// What one phase takes of the lanes.
struct Load {
  double compute = 0.0;  // seconds
  double to_device = 0.0;
  double to_host = 0.0;
  double disk_read = 0.0;
  double disk_write = 0.0;
  double host_work = 0.0;   // seconds
  double host_bytes = 0.0;  // of host memory, beside those of copies

  Load& operator+=(const Load& o) {
    compute += o.compute;
    to_device += o.to_device;
    to_host += o.to_host;
    disk_read += o.disk_read;
    disk_write += o.disk_write;
    host_work += o.host_work;
    host_bytes += o.host_bytes;
    return *this;
  }
  Load operator*(double n) const {
    return {compute * n,
            to_device * n,
            to_host * n,
            disk_read * n,
            disk_write * n,
            host_work * n,
            host_bytes * n};
  }
  double copied() const { return to_device + to_host + disk_read + disk_write; }
};

struct Item {
  std::array<Load, kPhases> loads{};
  std::array<double, kTierCount> bytes{};
};

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

class StepProgram {
 public:
  StepProgram(const Problem& problem,
              const Workload& work,
              const StepRates& rates,
              const ProgramChoice& choice)
      : problem_(problem), work_(work), rates_(rates), choice_(choice) {
    weight_ = static_cast<double>(size_of(problem.format.weight()));
    transport_ = static_cast<double>(size_of(problem.format.transport()));
    for (std::size_t s = 1; s < problem.format.streams.size(); ++s) {
      states_ += static_cast<double>(size_of(problem.format.streams[s].dtype));
    }
    passes_ = choice.passes;
    group_ = static_cast<double>(problem.shape.micro_batches) / passes_;
    blocks_ = static_cast<double>(problem.graph.blocks.size());
  }

  std::optional<ProgramAnswer> solve() {
    add_rows();
    add_states();
    for (const SavedUnit& unit : work_.units) add_saved(unit);
    add_inputs();
    const LinearSolution solution = longhaul::solve(program_);
    if (!solution.is_optimal) return std::nullopt;
    return read(solution);
  }

 private:
  // --- rows

  void add_rows() {
    for (std::size_t q = 0; q < kPhases; ++q) {
      time_[q] =
          choice_.is_merged && q > 0 ? time_[0] : program_.add_column(choice_.spared ? 0.0 : 1.0);
      for (std::size_t l = 0; l < kLanes; ++l) {
        rows_[q][l] = choice_.is_merged && q > 0 ? rows_[0][l]
                                                 : program_.add_row(-LinearProgram::kInfinity, 0.0);
        if (!choice_.is_merged || q == 0) program_.add_term(rows_[q][l], time_[q], -1.0);
      }
    }
    add_memory_rows();
    // What does not depend on shares goes through a column that is always 1.
    const int always = program_.add_column(0.0, 1.0, 1.0);
    Item base;
    const double all = static_cast<double>(problem_.shape.micro_batches);
    base.loads[kForwardPhase].compute = group_ * work_.forward;
    base.loads[kMiddle].compute = (all - group_) * (work_.forward + work_.backward);
    base.loads[kBackwardPhase].compute =
        group_ * work_.backward + transport_ * work_.trainable * rates_.device_memory;
    if (all > 1 && choice_.accumulators == Tier::kDevice) {
      const double sums = (transport_ + 8.0) * work_.trainable * rates_.device_memory;
      base.loads[kMiddle].compute += (all - group_) * sums;
      base.loads[kBackwardPhase].compute += group_ * sums;
    }
    add_terms(always, base);
  }

  void add_memory_rows() {
    for (std::size_t t = 0; t < kTierCount; ++t) {
      base_[t] = needed_beside_shares(static_cast<Tier>(t)) + choice_.reserve[t];
      const double cap = choice_.spared == static_cast<Tier>(t)
                             ? LinearProgram::kInfinity
                             : static_cast<double>(problem_.caps.bytes[t].count);
      memory_[t] = program_.add_row(-LinearProgram::kInfinity, (cap - base_[t]) / kGiga);
    }
  }

  void add_terms(int column, const Item& item) {
    const double slower = 1.0 / choice_.derate;
    const auto add = [&](std::size_t q, Row row, double seconds) {
      program_.add_term(rows_[q][row], column, seconds);
    };
    for (std::size_t q = 0; q < kPhases; ++q) {
      const Load& load = item.loads[q];
      const double up = load.to_device * rates_.to_device * slower;
      const double down = load.to_host * rates_.to_host * slower;
      add(q, kC, load.compute / choice_.compute_derate);
      add(q, kH, up);
      add(q, kD, down);
      add(q, kS, disk_seconds(load) * slower);
      add(q, kA, load.host_work);
      add(q, kM, (load.copied() + load.host_bytes) * rates_.host_memory);
      add(q, kLink, (up + down) / rates_.link_shared);
      add(q,
          kCores,
          load.compute * rates_.compute_cores + load.host_work * rates_.update_cores +
              (up + down) * rates_.copy_cores);
    }
    for (std::size_t t = 0; t < kTierCount; ++t) {
      program_.add_term(memory_[t], column, item.bytes[t] / kGiga);
    }
  }

  double disk_seconds(const Load& load) const {
    return (load.disk_read * rates_.disk_read + load.disk_write * rates_.disk_write) /
           rates_.disk_shared;
  }

  int add_item(const Item& item, int sum, double upper = 1.0) {
    Load all;
    for (const Load& load : item.loads) all += load;
    const double write_price = choice_.is_merged ? 0.0 : problem_.write_price;
    double price = all.disk_write * write_price + all.copied() * kTrafficPrice;
    if (choice_.spared) price = item.bytes[index_of(*choice_.spared)];
    const int column = program_.add_column(price / kGiga, 0.0, upper);
    add_terms(column, item);
    program_.add_term(sum, column, 1.0);
    items_.push_back({column, item});
    return column;
  }

  // --- memory beside the shares

  // The most that `count` neighbouring blocks hold.
  static double neighbours(const std::vector<double>& sizes, std::size_t count) {
    double most = 0.0;
    for (std::size_t b = 0; b < sizes.size(); ++b) {
      double sum = 0.0;
      for (std::size_t i = b; i < std::min(sizes.size(), b + count); ++i) sum += sizes[i];
      most = std::max(most, sum);
    }
    return most;
  }

  double needed_beside_shares(Tier tier) const {
    const double block = neighbours(work_.block_trainable, 1);
    if (choice_.is_merged) return tier == Tier::kDevice ? block * transport_ : 0.0;
    switch (tier) {
      case Tier::kDevice: return needed_on_device();
      case Tier::kHost: return needed_on_host(block);
      case Tier::kDisk: return 0.0;
    }
    return 0.0;
  }

  // Of blocks [first, first + count), as many as there are.
  static double sum_of(const std::vector<double>& sizes, std::size_t first, std::size_t count) {
    double sum = 0.0;
    for (std::size_t b = first; b < std::min(sizes.size(), first + count); ++b) sum += sizes[b];
    return sum;
  }

  // Around each block: its visit, weights on their way to it, gradients on their way from it.
  double needed_on_device() const {
    const auto ahead = static_cast<std::size_t>(choice_.weight_window) + 1;
    const auto leaving = static_cast<std::size_t>(choice_.saved_window) + 1;
    double most = 0.0;
    for (std::size_t b = 0; b < work_.visit_bytes.size(); ++b) {
      const std::size_t from = b + 1 >= ahead ? b + 1 - ahead : 0;
      double here = work_.visit_bytes[b];
      if (choice_.streams) here += sum_of(work_.block_weights, from, b + 1 - from) * weight_;
      here += sum_of(work_.block_trainable, b, leaving) * transport_;
      if (sums_on(Tier::kDevice)) here += 4.0 * work_.block_trainable[b];
      most = std::max(most, here);
    }
    if (sums_on(Tier::kDevice) && passes_ > 1) most += 4.0 * work_.trainable;
    return most + (group_ + 2.0) * work_.hidden_bytes;
  }

  double needed_on_host(double block) const {
    double sum = 0.0;
    if (choice_.streams || choice_.uses_disk) sum += kGradientsInFlight * transport_ * block;
    if (sums_on(Tier::kHost)) {
      sum += (passes_ > 1 ? 4.0 * work_.trainable : 8.0 * block) +
             (choice_.saved_window + 2) * transport_ * block;
    }
    if (choice_.uses_disk) {
      const double chunk = static_cast<double>(choice_.chunk) * choice_.staging;
      sum += chunk * (states_ + 2.0 * weight_ + transport_);
      const auto waiting = static_cast<std::size_t>(choice_.weight_window) + 2;
      sum += neighbours(work_.block_weights, waiting) * weight_;
    }
    return sum;
  }

  bool sums_on(Tier tier) const {
    return problem_.shape.micro_batches > 1 && choice_.accumulators == tier;
  }

  // --- states

  void add_states() {
    const int sum = program_.add_row(1.0, 1.0);
    for (const StateClass& kind : classes()) {
      classes_.push_back(kind);
      state_columns_.push_back(add_item(state_item(kind), sum));
    }
  }

  std::vector<StateClass> classes() const {
    std::vector<StateClass> homes{{}};  // all on the device
    for (const Tier states : {Tier::kHost, Tier::kDisk}) {
      homes.push_back({Tier::kDevice, states, false, Tier::kDevice});
      for (const Tier weights : {Tier::kHost, Tier::kDisk}) {
        if (weights == Tier::kDisk && states == Tier::kHost) continue;
        homes.push_back({weights, states, true, Tier::kHost, Tier::kHost});
        homes.push_back({weights, states, false, Tier::kHost, Tier::kHost});
        homes.push_back({weights, states, false, Tier::kDevice, Tier::kDevice});
      }
    }
    std::vector<StateClass> all;
    for (const StateClass& home : homes) {
      const bool uses_disk = home.weights == Tier::kDisk || home.states == Tier::kDisk;
      if (uses_disk && !choice_.uses_disk) continue;
      if (!home.is_resident() && !choice_.streams) continue;
      add_times(home, all);
    }
    return all;
  }

  void add_times(StateClass kind, std::vector<StateClass>& all) const {
    const bool runs_in_backward = !problem_.clips || choice_.is_speculative;
    const bool in_ram = kind.states != Tier::kDisk;
    const bool may_stay = in_ram || !choice_.defers_from_ram;
    const bool may_wait = !runs_in_backward || !in_ram || choice_.defers_from_ram;
    if (sums_on(Tier::kHost) && kind.gradients == Tier::kDevice) kind.gradients = Tier::kHost;
    if (runs_in_backward && may_stay) all.push_back(kind);
    if (!may_wait) return;
    kind.is_deferred = true;
    all.push_back(kind);
    if (kind.gradients == Tier::kHost && choice_.uses_disk) {
      kind.gradients = Tier::kDisk;
      all.push_back(kind);
    }
  }

  Item state_item(const StateClass& kind) const {
    Item item;
    add_fetches(kind, item);
    add_gradient(kind, item);
    add_update(kind, item);
    const double n = work_.trainable;
    item.bytes[index_of(kind.weights)] += weight_ * work_.weights;
    item.bytes[index_of(kind.states)] += states_ * n;
    if (kind.keeps_weights_on_device) {
      item.bytes[index_of(Tier::kDevice)] += weight_ * work_.weights;
    }
    const bool keeps_gradient = kind.is_deferred || choice_.is_speculative;
    if (keeps_gradient) item.bytes[index_of(kind.gradients)] += transport_ * n;
    if (choice_.is_speculative && !kind.is_deferred) {
      item.bytes[index_of(kind.weights)] += weight_ * n;
      item.bytes[index_of(kind.states)] += states_ * n;
    }
    return item;
  }

  void add_fetches(const StateClass& kind, Item& item) const {
    if (kind.is_resident()) return;
    const double staying = std::min(1.0, choice_.weight_window / blocks_);
    const double forward = weight_ * work_.forward_fetch;
    const double backward = weight_ * work_.backward_fetch * (1.0 - staying);
    const std::array<double, kPhases> bytes{
        forward, (passes_ - 1) * (forward + backward), backward};
    for (std::size_t q = 0; q < kPhases; ++q) {
      item.loads[q].to_device += bytes[q];
      if (kind.weights == Tier::kDisk) item.loads[q].disk_read += bytes[q];
    }
  }

  void add_gradient(const StateClass& kind, Item& item) const {
    if (kind.gradients == Tier::kDevice) return;
    const double once = transport_ * work_.trainable;
    Load& last = item.loads[kBackwardPhase];
    if (sums_on(Tier::kHost)) {
      const double all = static_cast<double>(problem_.shape.micro_batches);
      Load each;
      each.to_host = once;
      each.host_bytes = once + 8.0 * work_.trainable;
      each.host_work = each.host_bytes * rates_.accumulate;
      item.loads[kMiddle] += each * (all - group_);
      last += each * group_;
    } else {
      last.to_host += once;
    }
    const bool keeps = kind.is_deferred || choice_.is_speculative;
    if (kind.gradients == Tier::kDisk && keeps) last.disk_write += once;
  }

  void add_update(const StateClass& kind, Item& item) const {
    const double n = work_.trainable;
    Load& load = item.loads[kind.is_deferred ? kForwardPhase : kBackwardPhase];
    const bool fetched = !kind.is_resident() && !kind.is_deferred && kind.update_on == Tier::kHost;
    if (kind.states == Tier::kDisk) {
      load.disk_read += states_ * n;
      load.disk_write += states_ * n;
    }
    if (kind.weights == Tier::kDisk) {
      if (!fetched) load.disk_read += weight_ * n;
      load.disk_write += weight_ * n;
    }
    if (kind.is_deferred && kind.gradients == Tier::kDisk) load.disk_read += transport_ * n;
    const double touched = 2.0 * (weight_ + states_) + transport_;
    if (kind.update_on == Tier::kHost) {
      load.host_work += rates_.update * n;
      load.host_bytes += touched * n;
      if (kind.keeps_weights_on_device) load.to_device += weight_ * n;
      return;
    }
    load.compute += touched * n * rates_.device_memory;
    double moved = kind.states == Tier::kDevice ? 0.0 : states_ * n;
    if (kind.weights != Tier::kDevice) moved += weight_ * n;
    load.to_device += moved;
    load.to_host += moved;
    if (kind.gradients != Tier::kDevice) load.to_device += transport_ * n;
  }

  // --- saved tensors

  // A tensor of `bytes` a micro-batch that goes to `action` in forward and comes back in backward.
  Item swap_item(SavedAction action, double bytes, double sites) const {
    Item item;
    const double rest = (passes_ - 1) * group_;
    if (action == SavedAction::kKeep) {
      item.bytes[index_of(Tier::kDevice)] += group_ * bytes;
      return item;
    }
    const bool to_disk = action == SavedAction::kDisk;
    Load out;
    out.to_host = bytes;
    Load back;
    back.to_device = bytes;
    if (to_disk) {
      out.disk_write = bytes;
      back.disk_read = bytes;
    }
    item.loads[kForwardPhase] = out * group_;
    item.loads[kBackwardPhase] = back * group_;
    item.loads[kMiddle] = out * rest;
    item.loads[kMiddle] += back * rest;
    const double under_way = bytes / sites * (choice_.is_merged ? 0 : choice_.saved_window + 1);
    item.bytes[index_of(Tier::kDevice)] += under_way;
    if (to_disk) item.bytes[index_of(Tier::kHost)] += 2.0 * under_way + 2.0 * bytes / sites;
    item.bytes[index_of(to_disk ? Tier::kDisk : Tier::kHost)] += group_ * bytes;
    return item;
  }

  void add_saved(const SavedUnit& unit) {
    const int sum = program_.add_row(1.0, 1.0);
    std::array<int, kActionCount> columns{};
    for (std::size_t a = 0; a < kActionCount; ++a) {
      const auto action = static_cast<SavedAction>(a);
      Item item;
      if (action == SavedAction::kRecompute) {
        item.loads[kMiddle].compute = (passes_ - 1) * group_ * unit.seconds;
        item.loads[kBackwardPhase].compute = group_ * unit.seconds;
      } else {
        item = swap_item(action, unit.bytes, static_cast<double>(unit.sites.size()));
      }
      columns[a] = add_item(item, sum, has_tier(action) ? 1.0 : 0.0);
    }
    saved_columns_.push_back(columns);
  }

  void add_inputs() {
    const int sum = program_.add_row(1.0, 1.0);
    for (std::size_t a = 0; a < kActionCount; ++a) {
      const auto action = static_cast<SavedAction>(a);
      Item item;
      if (action != SavedAction::kRecompute) {
        item = swap_item(action, work_.input_bytes, std::max(1.0, blocks_ - 2.0));
        // With several micro-batches in a group it has left before the next block reads it.
        if (action != SavedAction::kKeep && group_ > choice_.saved_window + 1) {
          Load again;
          again.to_device = work_.input_bytes;
          if (action == SavedAction::kDisk) again.disk_read = work_.input_bytes;
          item.loads[kForwardPhase] += again * group_;
          item.loads[kMiddle] += again * ((passes_ - 1) * group_);
        }
      }
      const bool is_chosen = !choice_.inputs || *choice_.inputs == action;
      const bool may_be = action != SavedAction::kRecompute && has_tier(action) && is_chosen;
      input_columns_[a] = add_item(item, sum, may_be ? 1.0 : 0.0);
    }
  }

  bool has_tier(SavedAction action) const {
    return action != SavedAction::kDisk ||
           (choice_.uses_disk && problem_.caps.bytes[index_of(Tier::kDisk)].count > 0);
  }

  // --- the answer

  ProgramAnswer read(const LinearSolution& solution) const {
    ProgramAnswer answer;
    answer.cost = solution.cost;
    answer.classes = classes_;
    const auto share = [&](int column) {
      return std::clamp(solution.x[static_cast<std::size_t>(column)], 0.0, 1.0);
    };
    for (std::size_t q = 0; q < (choice_.is_merged ? 1 : kPhases); ++q) {
      answer.seconds += solution.x[static_cast<std::size_t>(time_[q])];
    }
    for (const int column : state_columns_) answer.shares.push_back(share(column));
    for (const auto& columns : saved_columns_) {
      auto& actions = answer.saved.emplace_back();
      for (std::size_t a = 0; a < kActionCount; ++a) actions[a] = share(columns[a]);
    }
    for (std::size_t a = 0; a < kActionCount; ++a) answer.inputs[a] = share(input_columns_[a]);
    answer.needed = base_;
    for (const auto& [column, item] : items_) {
      for (const Load& load : item.loads) answer.written += load.disk_write * share(column);
      for (std::size_t t = 0; t < kTierCount; ++t) {
        answer.needed[t] += item.bytes[t] * share(column);
      }
    }
    read_worth(solution, answer);
    return answer;
  }

  // A lane that were infinitely fast would save about its dual times its load; memory its dual.
  void read_worth(const LinearSolution& solution, ProgramAnswer& answer) const {
    std::vector<double> loads(program_.rows().size(), 0.0);
    for (const LinearProgram::Term& term : program_.terms()) {
      const bool is_time = std::find(time_.begin(), time_.end(), term.column) != time_.end();
      if (is_time) continue;
      loads[static_cast<std::size_t>(term.row)] +=
          term.coefficient * solution.x[static_cast<std::size_t>(term.column)];
    }
    for (std::size_t q = 0; q < (choice_.is_merged ? 1 : kPhases); ++q) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        const auto row = static_cast<std::size_t>(rows_[q][l]);
        const double blame = std::max(0.0, -solution.duals[row]) * loads[row];
        if (l < kNamedLanes) {
          answer.worth[l] += blame;
        } else if (l == kLink) {
          answer.worth[kH] += blame / 2;
          answer.worth[kD] += blame / 2;
        } else {
          answer.worth[kC] += blame;
        }
      }
    }
    for (std::size_t t = 0; t < kTierCount; ++t) {
      const double dual = solution.duals[static_cast<std::size_t>(memory_[t])];
      answer.worth[kNamedLanes + t] = std::max(0.0, -dual) / kGiga;
    }
  }

  const Problem& problem_;
  const Workload& work_;
  const StepRates& rates_;
  const ProgramChoice& choice_;
  double weight_ = 0.0;  // bytes a parameter
  double transport_ = 0.0;
  double states_ = 0.0;
  int passes_ = 1;
  double group_ = 1.0;  // micro-batches of a pass
  double blocks_ = 1.0;

  struct Column {
    int column;
    Item item;
  };
  LinearProgram program_;
  std::array<int, kPhases> time_{};
  std::array<std::array<int, kLanes>, kPhases> rows_{};
  std::array<int, kTierCount> memory_{};
  std::array<double, kTierCount> base_{};
  std::vector<Column> items_;
  std::vector<StateClass> classes_;
  std::vector<int> state_columns_;
  std::vector<std::array<int, kActionCount>> saved_columns_;
  std::array<int, kActionCount> input_columns_{};
};

}  // namespace

std::optional<ProgramAnswer> solve_step(const Problem& problem,
                                        const Workload& work,
                                        const StepRates& rates,
                                        const ProgramChoice& choice) {
  require(problem.shape.micro_batches % choice.passes == 0,
          "planner: ",
          problem.shape.micro_batches,
          " micro-batches in ",
          choice.passes,
          " passes");
  return StepProgram(problem, work, rates, choice).solve();
}

}  // namespace longhaul
