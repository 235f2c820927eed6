// Builds a ModelGraph block by block. Each method appends one node and returns what it produces;
// sizes and dtypes of results follow from the operands.
#pragma once

#include <cstdint>
#include <string>

#include "longhaul/graph/model_graph.h"

namespace longhaul {

class GraphBuilder {
 public:
  // `dtype`: of parameters and activations (fp32 or bf16).
  explicit GraphBuilder(DType dtype);

  void begin_block(const std::string& name);

  // Owned by the current block. Matrices are decayed by default, vectors are not.
  TensorId parameter(const std::string& name, std::int64_t rows, std::int64_t columns);
  TensorId parameter(const std::string& name, std::int64_t width);
  // fp32 [positions, width]
  TensorId position_table(const std::string& name, std::int64_t width);

  TensorId embedding(const std::string& name, TensorId table);
  TensorId position_embedding(const std::string& name, TensorId table);
  TensorId add(const std::string& name, TensorId a, TensorId b);
  TensorId rms_norm(const std::string& name, TensorId x, TensorId gain, float epsilon);
  TensorId layer_norm(
      const std::string& name, TensorId x, TensorId gain, TensorId bias, float epsilon);
  // `bias` may be none.
  TensorId linear(const std::string& name, TensorId x, TensorId weight, TensorId bias = {});
  TensorId rotary(
      const std::string& name, TensorId x, TensorId cosines, TensorId sines, const Rotary& kind);
  TensorId attention(
      const std::string& name, TensorId q, TensorId k, TensorId v, const Attention& kind);
  TensorId swiglu(const std::string& name, TensorId gate, TensorId up);
  TensorId gelu(const std::string& name, TensorId x, bool is_tanh);
  void head_loss(const std::string& name, TensorId hidden, TensorId weight, std::int64_t tile);

  const BatchInputs& inputs() const { return graph_.inputs; }

  // Checks and returns the graph; the builder is empty afterwards.
  ModelGraph finish();

 private:
  TensorId add_tensor(Tensor tensor);
  TensorId activation(const std::string& name, std::int64_t width);
  TensorId statistic(const std::string& name, std::vector<Dim> shape);
  void add_node(const std::string& name,
                NodeKind kind,
                std::vector<TensorId> inputs,
                std::vector<TensorId> outputs);
  std::int64_t width_of(TensorId id) const;

  ModelGraph graph_;
  DType dtype_;
  BlockId block_;
};

}  // namespace longhaul
