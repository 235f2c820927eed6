#include "sharing.h"

#include <algorithm>

#include "longhaul/core/error.h"
#include "longhaul/graph/alike.h"
#include "longhaul/sim/simulate.h"

#include "node_times.h"
#include "probe.h"

namespace longhaul {
namespace {

// Layers as small models have them, where copies and updates are a large part of a step.
constexpr Probe kStreamed{576, 9, 3, 1536, 8192, 1024};
constexpr int kLayers = 6;

// Weights, states and saved tensors wait on the host; updates run on its lane beside the forward.
Plan streaming_plan() {
  Plan plan;
  plan.update = UpdateTime::kInNextForward;
  plan.blocks = {.weights = {Tier::kHost},
                 .states = {Tier::kHost},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  plan.block_inputs = SavedAction::kHost;
  plan.saved = {{"*.rstd", {}, SavedAction::kKeep},
                {"*.log_sum_exp", {}, SavedAction::kKeep},
                {"*", {}, SavedAction::kHost}};
  return plan;
}

ModelProfile profile_of(const ModelGraph& graph, const NodeSamplesByWork& works) {
  ModelProfile profile{.nodes = {}, .tokens = kStreamed.tokens, .sequence = kStreamed.tokens};
  for (const Node& node : graph.nodes) {
    const NodeSamples& samples = works.at(work_of(node));
    const double backward = samples.backward.empty() ? 0.0 : samples.backward.median();
    profile.nodes.emplace_back(NodeSeconds{{samples.forward.median()}, {backward}});
  }
  return profile;
}

// The share with which the simulated step is as long as the measured one; 1 where it is not shorter
// without any loss.
double share_that_explains(const Schedule& schedule, OpCosts costs, double seconds) {
  double& share = costs.shared[static_cast<std::size_t>(Resource::kCores)];
  double low = 0.3;
  double high = 1.0;
  for (int i = 0; i < 20; ++i) {
    share = (low + high) / 2.0;
    (simulate(schedule, costs).step.value > seconds ? low : high) = share;
  }
  return high;
}

}  // namespace

Figure<double> measure_sharing(const Machine& machine,
                               const HardwareProfile& known,
                               double seconds,
                               const OnShare& on_share) {
  const Model model = make_probe(kStreamed, Precision::kBF16, kLayers);
  const NodeTrial trial{.graph = model.graph, .shape = shape_of(kStreamed)};
  // In turn: what else the machine does changes by the second.
  constexpr int kRounds = 4;
  const Effort effort{.seconds = seconds / (2.0 * kRounds), .least = 2, .most = 20};
  Samples shares;
  for (int round = 0; round < kRounds; ++round) {
    const NodeSamplesByWork alone = by_work(model.graph, time_nodes(machine, trial, effort));
    const StepSamples step = time_step(machine, trial, streaming_plan(), effort);
    const CostModel costs(known,
                          model.graph,
                          trial.shape,
                          {.compute_threads = machine.threads, .update_threads = machine.threads},
                          profile_of(model.graph, alone));
    shares.add(
        share_that_explains(step.schedule, op_costs(step.schedule, costs), step.seconds.median()));
    on_share(static_cast<double>(round + 1) / kRounds);
  }
  return measured_figure<double>(
      shares, concat("a decoder of ", kLayers, " layers that streams, against its ops alone"));
}

}  // namespace longhaul
