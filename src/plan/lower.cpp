#include "longhaul/plan/lower.h"

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/scratch.h"

#include "lowering.h"

namespace longhaul {

namespace {

// A pass that holds the states and constants and nothing else: what every pass begins with.
LoweredPass begin_pass(const ModelGraph& graph,
                       const StateFormat& format,
                       const BatchShape& shape) {
  LoweredPass pass;
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    pass.states.layouts.push_back(make_layout(graph, make_id<BlockId>(b)));
    const BlockLayout& layout = pass.states.layouts.back();
    std::vector<BufferId>& streams = pass.states.streams.emplace_back();
    for (std::size_t s = 0; s < format.streams.size(); ++s) {
      const StateStream& stream = format.streams[s];
      const std::int64_t elements = s == 0 ? layout.elements : layout.trainable;
      const Bytes size{elements * size_of(stream.dtype)};
      const std::string name = concat(stream.name, " of ", graph.blocks[b].name);
      streams.push_back(pass.schedule.add_buffer({name, Tier::kDevice, size, true}));
    }
  }
  for (std::size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.kind != TensorKind::kConstant) continue;
    const Bytes size = byte_count(tensor, shape);
    pass.states.constants.emplace_back(
        make_id<TensorId>(t), pass.schedule.add_buffer({tensor.name, Tier::kDevice, size, true}));
  }
  return pass;
}

}  // namespace

Lowering::Lowering(const ModelGraph& graph,
                   const StateFormat& format,
                   const BatchShape& shape,
                   Pass pass,
                   int workers)
    : graph_(graph),
      format_(format),
      shape_(shape),
      kind_(pass),
      workers_(workers),
      pass_(begin_pass(graph, format, shape)),
      residency_(graph, shape, pass_) {}

BufferId Lowering::add_buffer(const std::string& name, Bytes size, Tier tier) {
  return pass_.schedule.add_buffer({name, tier, size, false});
}

BufferId Lowering::add_persistent(const std::string& name, Bytes size, Tier tier) {
  return pass_.schedule.add_buffer({name, tier, size, true});
}

Operand Lowering::slot(TensorId parameter, BufferId array, DType dtype) const {
  const ParameterSlot& slot = pass_.states.layouts[graph_[parameter].block.index()].slot(parameter);
  return {array, Bytes{slot.offset * size_of(dtype)}, Bytes{slot.count * size_of(dtype)}};
}

Operand Lowering::trainable(BlockId block, BufferId array, DType dtype) const {
  return {array, {}, Bytes{pass_.states.layouts[block.index()].trainable * size_of(dtype)}};
}

Operand Lowering::whole(BufferId buffer) const {
  return {buffer, {}, pass_.schedule[buffer].size};
}

Operand Lowering::weight(TensorId parameter) const {
  const BufferId array = pass_.states.streams[graph_[parameter].block.index()].front();
  return slot(parameter, array, format_.weight());
}

Operand Lowering::input(TensorId tensor, int micro_batch) {
  if (graph_[tensor].kind == TensorKind::kParameter) return weight(tensor);
  return residency_.require(tensor, micro_batch);
}

OpId Lowering::add(Op op) {
  std::vector<OpId> after;
  for (const Operand& read : op.reads) {
    if (read.exists()) after.push_back(residency_.arrival(read.buffer));
  }
  return pass_.schedule.add(std::move(op), after);
}

void Lowering::add_scratch(Op& op) {
  const Bytes size = scratch_bytes(graph_, graph_[op.node], op.kind, shape_, workers_);
  if (size.count == 0) return;
  op.scratch = whole(add_buffer("scratch of " + graph_[op.node].name, size));
}

Op Lowering::node_op(OpKind kind, const Node& node, int micro_batch) const {
  Op op{.kind = kind, .lane = Lane::kCompute, .block = node.block, .micro_batch = micro_batch};
  op.node = make_id<NodeId>(static_cast<std::size_t>(&node - graph_.nodes.data()));
  return op;
}

void Lowering::download(BufferId device, BufferId host) {
  Op copy{.kind = OpKind::kCopy, .lane = Lane::kD2h};
  copy.reads = {whole(device)};
  copy.writes = {whole(host)};
  const std::vector<OpId> after{make_id<OpId>(pass_.schedule.ops().size() - 1)};
  pass_.schedule.add(std::move(copy), after);
}

LoweredPass lower(const ModelGraph& graph,
                  const StateFormat& format,
                  const Plan& plan,
                  const BatchShape& shape,
                  Pass pass,
                  int workers) {
  require(plan.policy == "resident", "lower: no lowering for policy ", plan.policy);
  require(shape.tokens > 0 && shape.max_segments > 0 && shape.positions > 0,
          "lower: got ",
          shape.tokens,
          " tokens, ",
          shape.max_segments,
          " segments, ",
          shape.positions,
          " positions, expected all above 0");
  require(shape.micro_batches >= 1, "lower: got ", shape.micro_batches, " micro-batches");
  Lowering lowering(graph, format, shape, pass, workers);
  switch (pass) {
    case Pass::kTrain: return lowering.train();
    case Pass::kEvaluate: return lowering.evaluate();
    case Pass::kPrefill:
    case Pass::kDecode: return lowering.generate();
  }
  throw InvalidArgument("lower: unknown pass");
}

}  // namespace longhaul
