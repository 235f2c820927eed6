// Head and loss on a GPU, in tiles of tokens or of the vocabulary as the run's rule says: the same
// order of work as bind_head.cpp and bind_tiled_head.cpp. What is summed over tiles is summed by
// the products themselves, in fp32, and rounded once.

#include <algorithm>
#include <utility>
#include <vector>

#include "longhaul/optim/step.h"

#include "bind_cuda.h"

namespace longhaul {
namespace {

constexpr std::int64_t kPartAlignment = 256;

// Parts of the op's scratch.
class Parts {
 public:
  explicit Parts(const Binding& b) : base_(b.addresses.scratch) {}
  std::byte* take(std::int64_t size) {
    std::byte* part = base_ + end_;
    end_ += round_up(size, kPartAlignment);
    return part;
  }
  std::int64_t end() const { return end_; }

 private:
  std::byte* base_;
  std::int64_t end_ = 0;
};

// Reads: hidden, weight, targets, scalars. Writes: losses [, d_hidden, d_weight].
struct Head {
  const CudaBinding& cuda;
  const Binding& b = cuda.common;
  const HeadLoss& n;
  bool is_training = b.op.writes.size() > 1;
  std::byte* d_hidden = is_training ? b.write(1) : nullptr;
  std::byte* d_weight = is_training ? b.write(2) : nullptr;
  std::int64_t element = size_of(b.dtype());
  std::vector<OpBody> bodies = {};

  const float* scale() const { return &b.read_as<StepScalars>(3)->inverse_target_tokens; }

  // The sums over tiles as the gradient: a conversion, nothing where the sums are the gradient.
  void round(std::byte* sums, std::byte* gradient, std::int64_t count) {
    if (sums == gradient) return;
    bodies.push_back(
        call(b,
             b.kernels.cast,
             kernels::Cast{
                 .x = sums, .y = gradient, .count = count, .from = DType::kF32, .to = b.dtype()}));
  }

  OpBody in_tiles_of_tokens();
  void add_tokens(std::int64_t first,
                  std::int64_t rows,
                  const CudaMatrix& logits_of_tile,
                  const CudaMatrix& weight_sums,
                  std::int64_t workspace);
};

// One tile: logits, loss and d_logits in place, the gradients of hidden and weight.
void Head::add_tokens(std::int64_t first,
                      std::int64_t rows,
                      const CudaMatrix& logits_of_tile,
                      const CudaMatrix& weight_sums,
                      std::int64_t workspace) {
  const CudaMatrix hidden = cuda.matrix(b.read(0) + first * n.width * element, rows, n.width);
  const CudaMatrix weight = cuda.matrix(b.read(1), n.rows, n.width);
  const CudaMatrix logits = cuda.matrix(logits_of_tile.data, rows, n.rows);
  bodies.push_back(cuda.product(logits, hidden, weight.transposed(), false, workspace));
  bodies.push_back(call(b,
                        b.kernels.cross_entropy,
                        kernels::CrossEntropy{.logits = logits.data,
                                              .targets = b.read_as<std::int32_t>(2) + first,
                                              .scale = scale(),
                                              .loss = b.write_as<float>(0) + first,
                                              .rows = rows,
                                              .vocabulary = n.rows,
                                              .is_forward_only = !is_training,
                                              .dtype = b.dtype()}));
  if (d_hidden != nullptr) {
    const CudaMatrix out = cuda.matrix(d_hidden + first * n.width * element, rows, n.width);
    bodies.push_back(cuda.product(out, logits, weight, false, workspace));
  }
  if (d_weight != nullptr) {
    bodies.push_back(cuda.product(weight_sums, logits.transposed(), hidden, first > 0, workspace));
  }
}

OpBody Head::in_tiles_of_tokens() {
  const std::int64_t rows = std::min(n.tile_tokens, b.shape.tokens);
  const bool has_sums = rows < b.shape.tokens && b.dtype() != DType::kF32;
  Parts parts(b);
  const CudaMatrix logits = cuda.matrix(parts.take(rows * n.rows * element), rows, n.rows);
  CudaMatrix weight_sums = cuda.matrix(d_weight, n.rows, n.width);
  if (has_sums) {
    weight_sums.data = parts.take(n.rows * n.width * 4);
    weight_sums.dtype = DType::kF32;
  }
  for (std::int64_t first = 0; first < b.shape.tokens; first += rows) {
    add_tokens(first, std::min(rows, b.shape.tokens - first), logits, weight_sums, parts.end());
  }
  if (d_weight != nullptr) round(weight_sums.data, d_weight, n.rows * n.width);
  return in_order(std::move(bodies));
}

// One tile of a head that is cut over the vocabulary.
struct VocabularyTile {
  const CudaBinding& cuda;
  const Binding& b = cuda.common;
  const HeadLoss& n = std::get<HeadLoss>(b.node().kind);
  std::int64_t tokens = b.shape.tokens;
  std::int64_t first = b.op.first_element / n.width;
  std::int64_t rows = b.op.reads[1].size.count / (n.width * size_of(b.dtype()));
  std::int64_t workspace =
      round_up(tokens * std::min(n.tile_rows, n.rows) * size_of(b.dtype()), kPartAlignment);
  CudaMatrix hidden = cuda.matrix(b.read(0), tokens, n.width);
  CudaMatrix weight = cuda.matrix(b.read(1), rows, n.width);
  CudaMatrix logits = cuda.matrix(b.addresses.scratch, tokens, rows);

  OpBody multiply() const {
    return cuda.product(logits, hidden, weight.transposed(), false, workspace);
  }
};

}  // namespace

OpBody bind_cuda_head_loss(const CudaBinding& cuda, const HeadLoss& n) {
  Head head{.cuda = cuda, .n = n};
  return head.in_tiles_of_tokens();
}

// Reads: hidden, weight rows, targets. Writes: statistics [3, tokens] [, losses].
OpBody bind_cuda_head_statistics(const CudaBinding& cuda) {
  const VocabularyTile tile{.cuda = cuda};
  const Binding& b = cuda.common;
  auto* maximum = b.write_as<float>(0);
  float* sum = maximum + tile.tokens;
  float* target_logit = sum + tile.tokens;
  const auto* targets = b.read_as<std::int32_t>(2);
  std::vector<OpBody> bodies{tile.multiply(),
                             call(b,
                                  b.kernels.log_sum_exp_tile,
                                  kernels::LogSumExpTile{.logits = tile.logits.data,
                                                         .targets = targets,
                                                         .maximum = maximum,
                                                         .sum = sum,
                                                         .target_logit = target_logit,
                                                         .rows = tile.tokens,
                                                         .columns = tile.rows,
                                                         .first_column = tile.first,
                                                         .dtype = b.dtype()})};
  if (b.write(1) != nullptr) {
    bodies.push_back(call(b,
                          b.kernels.cross_entropy_loss,
                          kernels::CrossEntropyLoss{.maximum = maximum,
                                                    .sum = sum,
                                                    .target_logit = target_logit,
                                                    .targets = targets,
                                                    .loss = b.write_as<float>(1),
                                                    .rows = tile.tokens}));
  }
  return in_order(std::move(bodies));
}

// Reads: hidden, weight rows, targets, scalars, statistics. Writes: d_hidden, rows of d_weight,
// fp32 sums of d_hidden.
OpBody bind_cuda_head_gradient(const CudaBinding& cuda) {
  const VocabularyTile tile{.cuda = cuda};
  const Binding& b = cuda.common;
  const std::int64_t width = tile.n.width;
  const auto* maximum = b.read_as<float>(4);
  std::vector<OpBody> bodies{tile.multiply(),
                             call(b,
                                  b.kernels.cross_entropy_gradient_tile,
                                  kernels::CrossEntropyGradientTile{
                                      .logits = tile.logits.data,
                                      .targets = b.read_as<std::int32_t>(2),
                                      .maximum = maximum,
                                      .sum = maximum + tile.tokens,
                                      .scale = &b.read_as<StepScalars>(3)->inverse_target_tokens,
                                      .rows = tile.tokens,
                                      .columns = tile.rows,
                                      .first_column = tile.first,
                                      .dtype = b.dtype()})};
  const bool has_sums = b.write(2) != nullptr;
  if (has_sums || b.write(0) != nullptr) {
    CudaMatrix out = cuda.matrix(has_sums ? b.write(2) : b.write(0), tile.tokens, width);
    if (has_sums) out.dtype = DType::kF32;
    bodies.push_back(
        cuda.product(out, tile.logits, tile.weight, has_sums && b.accumulates(2), tile.workspace));
  }
  if (has_sums && b.write(0) != nullptr) {
    bodies.push_back(call(b,
                          b.kernels.cast,
                          kernels::Cast{.x = b.write(2),
                                        .y = b.write(0),
                                        .count = tile.tokens * width,
                                        .from = DType::kF32,
                                        .to = b.dtype()}));
  }
  if (b.write(1) != nullptr) {
    bodies.push_back(cuda.product(cuda.matrix(b.write(1), tile.rows, width),
                                  tile.logits.transposed(),
                                  tile.hidden,
                                  false,
                                  tile.workspace));
  }
  return in_order(std::move(bodies));
}

// Reads: hidden, weight, segment offsets. Writes: logits after the last token of segment 0, which
// is row offsets[1] - 1: the row that number offsets[1] names in a table that begins one row
// earlier.
OpBody bind_cuda_logits(const CudaBinding& cuda, const HeadLoss& n) {
  const Binding& b = cuda.common;
  const std::int64_t row_size = n.width * size_of(b.dtype());
  const std::int64_t rows = b.op.reads[1].size.count / row_size;
  Parts parts(b);
  std::byte* row = parts.take(row_size);
  std::vector<OpBody> bodies;
  bodies.push_back(call(b,
                        b.kernels.embedding_forward,
                        kernels::EmbeddingForward{.table = b.read(0) - row_size,
                                                  .ids = b.read_as<std::int32_t>(2) + 1,
                                                  .y = row,
                                                  .tokens = 1,
                                                  .width = n.width,
                                                  .dtype = b.dtype()}));
  bodies.push_back(cuda.product(cuda.matrix(b.write(0), 1, rows),
                                cuda.matrix(row, 1, n.width),
                                cuda.matrix(b.read(1), rows, n.width).transposed(),
                                false,
                                parts.end()));
  return in_order(std::move(bodies));
}

}  // namespace longhaul
