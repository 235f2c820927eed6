// One tile of a head that is cut over the vocabulary: the online log-sum-exp of Milakov &
// Gimelshein 2018 over all tiles first, then each tile's logits once more for its gradients. A
// tile's rows of the weight's gradient are one product, rounded once; the gradient of hidden is
// summed over tiles in fp32, in order, and rounded once.

#include "longhaul/graph/run_rules.h"
#include "longhaul/optim/step.h"

#include "binding.h"

namespace longhaul {
namespace {

constexpr std::int64_t kPartAlignment = 256;

// What both ops of a tile do first.
struct TileLogits {
  explicit TileLogits(const Binding& b)
      : head(std::get<HeadLoss>(b.node().kind)),
        tokens(b.shape.tokens),
        first(b.op.first_element / head.width),
        rows(b.op.reads[1].size.count / (head.width * size_of(b.dtype()))) {
    const std::int64_t element = size_of(b.dtype());
    bytes = round_up(tokens * std::min(head.tile_rows, head.rows) * element, kPartAlignment);
    hidden = matrix(b.read(0), b.dtype(), tokens, head.width, head.width);
    weight = matrix(b.read(1), b.dtype(), rows, head.width, head.width);
    logits = matrix(b.addresses.scratch, b.dtype(), tokens, rows, rows);
    product = Product(logits, hidden, weight.t(), false);
  }

  const HeadLoss& head;
  std::int64_t tokens;
  std::int64_t first;      // row of the vocabulary
  std::int64_t rows;       // of the vocabulary
  std::int64_t bytes = 0;  // of the logits, at the start of the scratch
  at::Tensor hidden;       // [tokens, width]
  at::Tensor weight;       // [rows, width]
  at::Tensor logits;       // [tokens, rows]
  Product product;
};

// The statistics of a pass over the tiles, [3, tokens].
struct Statistics {
  float* maximum;
  float* sum;
  float* target_logit;

  Statistics(std::byte* data, std::int64_t tokens)
      : maximum(reinterpret_cast<float*>(data)),
        sum(maximum + tokens),
        target_logit(sum + tokens) {}
};

}  // namespace

OpBody bind_head_statistics(const Binding& b) {
  const TileLogits tile(b);
  const Statistics statistics(b.write(0), tile.tokens);
  const auto* targets = b.read_as<std::int32_t>(2);
  OpBody fold = call(b,
                     b.kernels.log_sum_exp_tile,
                     kernels::LogSumExpTile{.logits = b.addresses.scratch,
                                            .targets = targets,
                                            .maximum = statistics.maximum,
                                            .sum = statistics.sum,
                                            .target_logit = statistics.target_logit,
                                            .rows = tile.tokens,
                                            .columns = tile.rows,
                                            .first_column = tile.first,
                                            .dtype = b.dtype()});
  OpBody losses;
  if (b.write(1) != nullptr) {
    losses = call(b,
                  b.kernels.cross_entropy_loss,
                  kernels::CrossEntropyLoss{.maximum = statistics.maximum,
                                            .sum = statistics.sum,
                                            .target_logit = statistics.target_logit,
                                            .targets = targets,
                                            .loss = b.write_as<float>(1),
                                            .rows = tile.tokens});
  }
  return [product = tile.product,
          fold = std::move(fold),
          losses = std::move(losses),
          &pool = b.pool(),
          library = b.worker_scratch(tile.bytes)] {
    const Product* const one = &product;
    run_products({&one, 1}, pool, library);
    fold();
    if (losses) losses();
  };
}

namespace {

// Adds the tile's part of the gradient of hidden to the sums; the last tile rounds them.
OpBody add_hidden(const Binding& b, const std::byte* part, std::int64_t count) {
  if (b.write(0) == nullptr) {
    return call(b,
                b.kernels.accumulate,
                kernels::Accumulate{.accumulator = b.write_as<float>(2),
                                    .gradient = part,
                                    .count = count,
                                    .is_first = !b.accumulates(2),
                                    .dtype = b.dtype()});
  }
  return call(b,
              b.kernels.finish_accumulation,
              kernels::FinishAccumulation{.accumulator = b.write_as<float>(2),
                                          .gradient = part,
                                          .tied = nullptr,
                                          .transport = b.write(0),
                                          .count = count,
                                          .dtype = b.dtype()});
}

}  // namespace

OpBody bind_head_gradient(const Binding& b) {
  const TileLogits tile(b);
  const std::int64_t width = tile.head.width;
  const std::int64_t element = size_of(b.dtype());
  const Statistics statistics(b.read(4), tile.tokens);
  OpBody differentiate = call(
      b,
      b.kernels.cross_entropy_gradient_tile,
      kernels::CrossEntropyGradientTile{.logits = b.addresses.scratch,
                                        .targets = b.read_as<std::int32_t>(2),
                                        .maximum = statistics.maximum,
                                        .sum = statistics.sum,
                                        .scale = &b.read_as<StepScalars>(3)->inverse_target_tokens,
                                        .rows = tile.tokens,
                                        .columns = tile.rows,
                                        .first_column = tile.first,
                                        .dtype = b.dtype()});
  std::vector<Product> products;
  OpBody add;
  std::int64_t library = tile.bytes;
  if (b.write(0) != nullptr || b.write(2) != nullptr) {
    std::byte* out = b.write(0);
    if (b.write(2) != nullptr) {
      out = b.addresses.scratch + tile.bytes;
      library += round_up(tile.tokens * width * element, kPartAlignment);
      add = add_hidden(b, out, tile.tokens * width);
    }
    products.emplace_back(
        matrix(out, b.dtype(), tile.tokens, width, width), tile.logits, tile.weight, false);
  }
  for (std::int64_t row = 0; b.write(1) != nullptr && row < tile.rows; row += kHeadTileRows) {
    const std::int64_t count = std::min(kHeadTileRows, tile.rows - row);
    products.emplace_back(
        matrix(b.write(1) + row * width * element, b.dtype(), count, width, width),
        tile.logits.narrow(1, row, count).t(),
        tile.hidden,
        false);
  }
  return [logits = tile.product,
          differentiate = std::move(differentiate),
          products = std::move(products),
          add = std::move(add),
          &pool = b.pool(),
          library = b.worker_scratch(library)] {
    const Product* const one = &logits;
    run_products({&one, 1}, pool, library);
    differentiate();
    std::vector<const Product*> all;
    for (const Product& product : products) all.push_back(&product);
    run_products(all, pool, library);
    if (add) add();
  };
}

}  // namespace longhaul
