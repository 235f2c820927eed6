#include "longhaul/planner/judge.h"

#include <algorithm>
#include <utility>

#include "longhaul/plan/lower.h"
#include "longhaul/sim/simulate.h"

#include "step_rates.h"

namespace longhaul {
namespace {

class Ledger {
 public:
  Ledger(const LoweredPass& pass, const StateFormat& format) : pass_(pass) {
    for (std::size_t s = 0; s < format.streams.size(); ++s) {
      for (const auto& streams : pass.states.streams) {
        for (const StatePiece& piece : streams[s]) {
          note(s == 0 ? "weights" : "optimizer states", piece.buffer);
          note("second slots of states", piece.second);
        }
      }
    }
    for (const BufferId copy : pass.states.weight_copies) note("copies of weights", copy);
    for (const StatePiece& held : pass.states.pending_gradients) {
      note("held gradients", held.buffer);
    }
  }

  std::vector<LedgerLine> lines(const PlacedSchedule& placed) && {
    for (std::size_t t = 0; t < kTierCount; ++t) {
      Bytes named;
      for (const LedgerLine& line : lines_) {
        if (line.tier == static_cast<Tier>(t)) named += line.size;
      }
      const auto add = [&](const char* name, Bytes size) {
        if (size.count > 0) lines_.push_back({static_cast<Tier>(t), name, size});
      };
      add("inputs, tables, padding", placed.persistent[t] - named);
      add("within a step", placed.peak[t] - placed.persistent[t]);
    }
    return std::move(lines_);
  }

 private:
  void note(const std::string& name, BufferId id) {
    if (!id.exists()) return;
    const Buffer& buffer = pass_.schedule[id];
    const auto found = std::find_if(lines_.begin(), lines_.end(), [&](const LedgerLine& line) {
      return line.tier == buffer.tier && line.name == name;
    });
    if (found != lines_.end()) {
      found->size += buffer.size;
    } else {
      lines_.push_back({buffer.tier, name, buffer.size});
    }
  }

  const LoweredPass& pass_;
  std::vector<LedgerLine> lines_;
};

}  // namespace

double cost_of(const Problem& problem, const Judgement& judgement) {
  constexpr double kGiga = 1e9;
  const auto written = static_cast<double>(judgement.written().count);
  return judgement.step.value + problem.write_price * written / kGiga;
}

Judgement judge(const Problem& problem, const Plan& plan) {
  LoweredPass pass =
      lower(problem.graph, problem.format, plan, problem.shape, Pass::kTrain, workers(problem));
  const OpCosts costs = op_costs(pass.schedule, cost_model(problem));
  Ledger ledger(pass, problem.format);
  const PlacedSchedule placed = place(std::move(pass.schedule));
  Simulation simulation = simulate(placed, costs);
  return {.plan = plan,
          .step = simulation.step,
          .busy = simulation.busy,
          .moved = simulation.moved,
          .peak = placed.peak,
          .persistent = placed.persistent,
          .ledger = std::move(ledger).lines(placed),
          .ops = placed.schedule.ops().size()};
}

}  // namespace longhaul
