#include "residency.h"

#include "longhaul/core/error.h"

namespace longhaul {

Residency::Residency(const ModelGraph& graph, const BatchShape& shape, LoweredPass& pass)
    : graph_(graph), shape_(shape), pass_(pass) {
  for (const auto& [tensor, buffer] : pass.states.constants) {
    for (int m = 0; m < shape.micro_batches; ++m) {
      tensors_[{tensor, m}] = {buffer, {}, byte_count(graph[tensor], shape)};
    }
  }
}

Operand Residency::require(TensorId tensor, int micro_batch) {
  const auto found = tensors_.find({tensor, micro_batch});
  if (found != tensors_.end()) return found->second;
  const Tensor& what = graph_[tensor];
  longhaul::require(what.kind == TensorKind::kInput, what.name, ": used before it was produced");
  const std::string name = concat(what.name, "[", micro_batch, "] on the host");
  const BufferId host =
      pass_.schedule.add_buffer({name, Tier::kHost, byte_count(what, shape_), true});
  pass_.inputs.push_back({tensor, micro_batch, host});
  return tensors_[{tensor, micro_batch}] = upload(host, micro_batch);
}

Operand Residency::produce(TensorId tensor, int micro_batch) {
  const Tensor& what = graph_[tensor];
  const Bytes size = byte_count(what, shape_);
  const std::string name = concat(what.name, "[", micro_batch, "]");
  const BufferId buffer = pass_.schedule.add_buffer({name, Tier::kDevice, size, false});
  return tensors_[{tensor, micro_batch}] = {buffer, {}, size};
}

Operand Residency::require_record(BufferId host) {
  const auto found = records_.find(host);
  if (found != records_.end()) return found->second;
  return records_[host] = upload(host, -1);
}

OpId Residency::arrival(BufferId buffer) const {
  const auto found = arrivals_.find(buffer);
  return found == arrivals_.end() ? OpId{} : found->second;
}

Operand Residency::upload(BufferId host, int micro_batch) {
  const Buffer source = pass_.schedule[host];
  const BufferId device =
      pass_.schedule.add_buffer({source.name + ", uploaded", Tier::kDevice, source.size, false});
  const Operand to{device, {}, source.size};
  Op copy{.kind = OpKind::kCopy, .lane = Lane::kH2d, .micro_batch = micro_batch};
  copy.reads = {{host, {}, source.size}};
  copy.writes = {to};
  arrivals_[device] = pass_.schedule.add(std::move(copy));
  return to;
}

}  // namespace longhaul
