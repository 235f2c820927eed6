#include "step_program.h"

#include <algorithm>

#include "longhaul/core/error.h"

#include "linear_program.h"
#include "step_items.h"

namespace longhaul {
namespace {

constexpr double kGiga = 1e9;
// Seconds per GB moved, so that of equal answers the one that moves less is taken.
constexpr double kTrafficPrice = 1e-5;
// As Bound; then both directions of the link together, and the cores of a host that computes.
enum Row : std::uint8_t { kC, kH, kD, kS, kA, kM, kLink, kCores };
constexpr std::size_t kLanes = 8;
constexpr std::size_t kNamedLanes = 6;

class StepProgram {
 public:
  StepProgram(const Problem& problem,
              const Workload& work,
              const StepRates& rates,
              const ProgramChoice& choice)
      : problem_(problem),
        work_(work),
        rates_(rates),
        choice_(choice),
        items_of_(problem, work, rates, choice) {}

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
    add_terms(always, items_of_.base());
  }

  void add_memory_rows() {
    for (std::size_t t = 0; t < kTierCount; ++t) {
      base_[t] = items_of_.needed_beside_shares(static_cast<Tier>(t)) + choice_.reserve[t];
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

  // --- states

  void add_states() {
    const int sum = program_.add_row(1.0, 1.0);
    for (const StateClass& kind : items_of_.classes()) {
      classes_.push_back(kind);
      state_columns_.push_back(add_item(items_of_.states(kind), sum));
    }
  }

  // --- saved tensors

  void add_saved(const SavedUnit& unit) {
    const int sum = program_.add_row(1.0, 1.0);
    std::array<int, kActionCount> columns{};
    for (std::size_t a = 0; a < kActionCount; ++a) {
      const auto action = static_cast<SavedAction>(a);
      columns[a] =
          add_item(items_of_.saved(unit, action), sum, items_of_.has_tier(action) ? 1.0 : 0.0);
    }
    saved_columns_.push_back(columns);
  }

  void add_inputs() {
    const int sum = program_.add_row(1.0, 1.0);
    for (std::size_t a = 0; a < kActionCount; ++a) {
      const auto action = static_cast<SavedAction>(a);
      const bool is_chosen = !choice_.inputs || *choice_.inputs == action;
      const bool may_be =
          action != SavedAction::kRecompute && items_of_.has_tier(action) && is_chosen;
      input_columns_[a] = add_item(items_of_.inputs(action), sum, may_be ? 1.0 : 0.0);
    }
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
  StepItems items_of_;

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
