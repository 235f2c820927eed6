// Where every tensor of a pass is, and the only place in lowering that emits transfers.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "longhaul/plan/lower.h"

namespace longhaul {

class Residency {
 public:
  Residency(const ModelGraph& graph, const BatchShape& shape, LoweredPass& pass);

  // The device range of a constant, an input or a produced tensor of a micro-batch. An input comes
  // from the host the first time it is asked for. Throws InvalidArgument for an activation that
  // nothing produced.
  Operand require(TensorId tensor, int micro_batch);

  // A fresh device buffer for what a node is about to write.
  Operand produce(TensorId tensor, int micro_batch);

  // The device copy of a record that the trainer writes on the host before the pass.
  Operand require_record(BufferId host);

  // The transfer after which `buffer` may be read; none for what the compute lane wrote.
  OpId arrival(BufferId buffer) const;

 private:
  Operand upload(BufferId host, int micro_batch);

  const ModelGraph& graph_;
  const BatchShape& shape_;
  LoweredPass& pass_;
  std::map<std::pair<TensorId, int>, Operand> tensors_;
  std::map<BufferId, Operand> records_;
  std::map<BufferId, OpId> arrivals_;
};

}  // namespace longhaul
