#include "summary.h"

#include "longhaul/report/plan_page.h"

#include "torch_libraries.h"

namespace longhaul {
namespace {

std::int64_t trainable_count(const ModelGraph& graph) {
  std::int64_t count = 0;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.is_trainable) count += element_count(tensor, {});
  }
  return count;
}

double first_fill_rate(const LoadedData& data, const LoaderRules& rules) {
  const std::vector<std::int64_t> lengths = lengths_of(data.train);
  const auto order = shuffled_order(data.train.size(), rules.seed, 0);
  return fill_rate(pack(order, lengths, rules.packing), lengths, rules.packing);
}

// How it was made, what lives where, and what a step is predicted to take.
std::vector<std::string> words_of(const RunConfig& config, const RunPlan& plan) {
  std::vector<std::string> lines{config.plan};
  if (!plan.judgement) return lines;
  for (const std::string& line : plan_in_words(plan.problem, *plan.judgement)) {
    lines.push_back(line);
  }
  if (plan.machine.empty()) return lines;
  lines.push_back("predicted: " + step_in_words(plan.problem, *plan.judgement));
  lines.push_back("machine: " + plan.machine);
  if (!plan.problem.measured.nodes.empty()) {
    lines.emplace_back("seconds of the model's nodes: measured on this device");
  }
  return lines;
}

}  // namespace

RunSummary summarize(const SummaryInputs& inputs) {
  const Model& model = inputs.engine.model();
  const StateFormat& format = inputs.engine.states().format();
  RunSummary summary;
  summary.family = model.family;
  summary.parameters = parameter_count(model.graph);
  summary.trainable_parameters = trainable_count(model.graph);
  summary.training_samples = inputs.data.train.size();
  summary.held_out_samples = inputs.data.held_out.size();
  for (const FileReport& file : inputs.data.files) {
    summary.dropped_samples += file.bad + file.dropped;
  }
  summary.fill_rate = first_fill_rate(inputs.data, inputs.rules);
  summary.total_steps = inputs.total_steps;
  summary.resumed_from = inputs.steps_done;
  summary.device = device_in_words(inputs.config);
  summary.plan = words_of(inputs.config, inputs.plan);
  summary.config = inputs.config;

  for (std::size_t s = 0; s < format.streams.size(); ++s) {
    const StateStream& stream = format.streams[s];
    const std::int64_t count = s == 0 ? summary.parameters : summary.trainable_parameters;
    const Bytes size{count * size_of(stream.dtype)};
    summary.states.push_back({stream.name, std::string(name_of(stream.dtype)), size});
  }
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const TierUse use = inputs.engine.use_of(tier);
    if (use.whole.count == 0) continue;
    const std::string name = name_of(tier);
    summary.memory.push_back({name + ": across steps", use.across_steps});
    summary.memory.push_back({name + ": within a step", use.whole - use.across_steps});
  }
  return summary;
}

}  // namespace longhaul
