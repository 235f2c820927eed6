#include "longhaul/profiler/measure_model.h"

#include <algorithm>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/graph/alike.h"

#include "node_times.h"

namespace longhaul {
namespace {

// Equal layers in a row: what one of them leaves for its backward has left the near caches when
// that comes, as in training.
constexpr int kAlike = 8;

// Layers are short and count often, heads are long and count once.
constexpr Effort kOfLayers{.seconds = 3.0, .least = 3, .most = 40};
constexpr Effort kOfHead{.seconds = 2.5, .least = 2, .most = 20};

std::int64_t sequence_of(const Problem& problem) {
  const std::int64_t tokens = problem.shape.tokens;
  return problem.rules.sequence > 0 ? std::min(problem.rules.sequence, tokens) : tokens;
}

// As many sequences as fit, and what is left.
std::vector<std::int64_t> equal_lengths(const Problem& problem) {
  const std::int64_t sequence = sequence_of(problem);
  std::vector<std::int64_t> lengths;
  for (std::int64_t left = problem.shape.tokens; left > 0; left -= sequence) {
    lengths.push_back(std::min(sequence, left));
  }
  return lengths;
}

void time_blocks(const Machine& machine,
                 const NodeTrial& trial,
                 const Effort& effort,
                 NodeSamplesByWork& works) {
  for (const auto& [work, samples] : by_work(trial.graph, time_nodes(machine, trial, effort))) {
    works[work].forward.add(samples.forward);
    works[work].backward.add(samples.backward);
  }
}

NodeSamplesByWork time_model(const Machine& machine,
                             const Problem& problem,
                             const std::vector<std::int64_t>& lengths,
                             int alike) {
  const ModelGraph graph = with_few_alike(problem.graph, alike);
  const BlockId last = make_id<BlockId>(graph.blocks.size() - 1);
  NodeTrial trial{.graph = graph,
                  .precision = problem.format.precision,
                  .shape = problem.shape,
                  .lengths = lengths};
  for (BlockId block{0}; block != last; ++block.value) trial.blocks.push_back(block);
  NodeSamplesByWork works;
  time_blocks(machine, trial, kOfLayers, works);
  trial.blocks = {last};
  time_blocks(machine, trial, kOfHead, works);
  return works;
}

NodeSamplesByWork time_model(const Machine& machine,
                             const Problem& problem,
                             const ModelTrial& trial) {
  const std::vector<std::int64_t> lengths =
      trial.lengths.empty() ? equal_lengths(problem) : trial.lengths;
  try {
    return time_model(machine, problem, lengths, kAlike);
  } catch (const DoesNotFit&) {
    return time_model(machine, problem, lengths, 1);
  }
}

NodeTimes times_of(const NodeSamples& samples) {
  NodeTimes times{.forward = {rounded(samples.forward.median())},
                  .backward = {},
                  .spread = rounded(samples.forward.spread())};
  if (samples.backward.empty()) return times;  // nothing runs: the gradient passes through
  times.backward = {rounded(samples.backward.median())};
  times.spread = std::max(times.spread, rounded(samples.backward.spread()));
  return times;
}

}  // namespace

ModelTimes measure_model(const Problem& problem,
                         const ModelTimesKey& key,
                         const ModelTrial& trial,
                         const CallContext& context) {
  const Machine machine{.kind = problem.machine.device.kind,
                        .threads = key.threads,
                        .name = key.device,
                        .device_memory = trial.memory,
                        .host_memory = trial.memory,
                        .context = context};
  ModelTimes times{.version = key.version,
                   .device = key.device,
                   .threads = key.threads,
                   .precision = key.precision,
                   .tokens = key.tokens,
                   .sequence = sequence_of(problem),
                   .nodes = {}};
  const LoadWatch watch;
  for (const auto& [work, samples] : time_model(machine, problem, trial)) {
    times.nodes.emplace(work, times_of(samples));
  }
  warn_of_load(watch.load(), context.log);
  return times;
}

}  // namespace longhaul
