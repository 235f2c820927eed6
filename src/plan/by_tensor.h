// A value for every tensor of every micro-batch, found by index: lowering asks many times per op.
#pragma once

#include <vector>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

template <class T>
class ByTensor {
 public:
  ByTensor(const ModelGraph& graph, const BatchShape& shape)
      : micro_batches_(static_cast<std::size_t>(shape.micro_batches)),
        values_(graph.tensors.size() * micro_batches_) {}

  T& operator()(TensorId tensor, int micro_batch) {
    return values_[tensor.index() * micro_batches_ + static_cast<std::size_t>(micro_batch)];
  }

 private:
  std::size_t micro_batches_;
  std::vector<T> values_;
};

}  // namespace longhaul
