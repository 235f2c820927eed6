#include "longhaul/planner/judge.h"

#include <algorithm>
#include <utility>

#include "longhaul/plan/lower.h"
#include "longhaul/sim/simulate.h"

#include "judging.h"
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
    for (const auto& pieces : pass.states.pending_gradients) {
      for (const StatePiece& held : pieces) note("held gradients", held.buffer);
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

Seconds mean(const Problem& problem, Seconds step, Seconds after_clip) {
  return step * (1.0 - problem.clip_share) + after_clip * problem.clip_share;
}

double cost_of_step(const Problem& problem, Seconds step, Bytes written) {
  constexpr double kGiga = 1e9;
  return step.value + problem.write_price * static_cast<double>(written.count) / kGiga;
}

}  // namespace

Seconds mean_step(const Problem& problem, const Judgement& judgement) {
  return mean(problem, judgement.step, judgement.after_clip);
}

double cost_of(const Problem& problem, const Judgement& judgement) {
  return cost_of_step(problem, mean_step(problem, judgement), judgement.written());
}

bool Trial::may_fit(const Caps& caps) const {
  for (std::size_t t = 0; t < kTierCount; ++t) {
    if (least[t] > caps.bytes[t]) return false;
  }
  return true;
}

Judging::Judging(const Problem& problem) : problem_(problem), costs_(cost_model(problem)) {}

LoweredPass Judging::lowered(const Plan& plan, const Standing& found) const {
  const PassStart start{.pass = Pass::kTrain, .found = found, .has_names = false};
  return lower(
      problem_.graph, problem_.format, plan, problem_.shape, start, compute_lane(problem_));
}

Trial Judging::simulated(const Plan& plan, double limit) const {
  Trial trial{.plan = plan, .pass = lowered(plan, standings(plan, Pass::kTrain).front())};
  const Schedule& schedule = trial.pass.schedule;
  const Simulation simulation = simulate(schedule, op_costs(schedule, costs_));
  trial.step = simulation.step;
  trial.after_clip = simulation.step;
  trial.busy = simulation.busy;
  trial.moved = simulation.moved;
  trial.least = least_peak(schedule);
  trial.ops = schedule.ops().size();
  const bool may_fail = plan.update == UpdateTime::kSpeculative && problem_.clip_share > 0.0;
  if (may_fail && cost_of(trial) < limit) {
    const LoweredPass again = lowered(plan, {Pending::kRedo, 0});
    trial.after_clip = simulate(again.schedule, op_costs(again.schedule, costs_)).step;
  }
  return trial;
}

Judgement Judging::placed(Trial trial, const Caps& enough) const {
  Ledger ledger(trial.pass, problem_.format);
  const PlacedSchedule placed = place(std::move(trial.pass.schedule), {}, enough);
  return {.plan = std::move(trial.plan),
          .step = trial.step,
          .after_clip = trial.after_clip,
          .busy = trial.busy,
          .moved = trial.moved,
          .peak = placed.peak,
          .persistent = placed.persistent,
          .ledger = std::move(ledger).lines(placed),
          .ops = placed.schedule.ops().size()};
}

double Judging::cost_of(const Trial& trial) const {
  return cost_of_step(problem_,
                      mean(problem_, trial.step, trial.after_clip),
                      trial.moved[static_cast<std::size_t>(Lane::kDiskWrite)]);
}

Judgement judge(const Problem& problem, const Plan& plan) {
  const Judging judging(problem);
  return judging.placed(judging.simulated(plan), kNoBytes);
}

}  // namespace longhaul
