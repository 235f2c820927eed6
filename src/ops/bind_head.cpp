// Head and loss in tiles of tokens: logits, cross-entropy and its gradient in place, then the
// gradients of hidden and weight from the same tile, so that logits never exist as a whole. With
// several tiles the weight's gradient is summed over them in fp32, in order, and rounded once.

#include <algorithm>
#include <array>
#include <cstring>

#include "longhaul/graph/run_rules.h"
#include "longhaul/ops/torch_memory.h"
#include "longhaul/optim/step.h"

#include "binding.h"

namespace longhaul {
namespace {

constexpr std::int64_t kPartAlignment = 256;

// The scratch of a head, in parts.
struct HeadScratch {
  std::byte* logits;
  std::byte* sums;       // fp32 [rows, width]; only with several token tiles
  std::byte* tiles;      // per worker [kHeadTileRows, width]; ditto
  std::int64_t library;  // offset of the library's part
};

struct HeadTile {
  Product logits;
  Product d_hidden;
  std::vector<Product>
      d_weight;  // per kHeadTileRows rows of the vocabulary and worker, or per rows
};

HeadScratch split_scratch(const Binding& b, const HeadLoss& n, std::int64_t rows, bool is_split) {
  const std::int64_t element = size_of(b.dtype());
  std::int64_t end = 0;
  const auto take = [&](std::int64_t size) {
    std::byte* part = b.addresses.scratch + end;
    end += round_up(size, kPartAlignment);
    return part;
  };
  HeadScratch scratch{};
  scratch.logits = take(rows * n.rows * element);
  if (is_split) {
    scratch.sums = take(n.rows * n.width * 4);
    scratch.tiles = take(b.pool().size() * kHeadTileRows * n.width * element);
  }
  scratch.library = end;
  return scratch;
}

class HeadLossBody {
 public:
  HeadLossBody(const Binding& b, const HeadLoss& n)
      : kernels_(b.kernels), pool_(b.pool()), launch_(b.launch()), dtype_(b.dtype()), head_(n) {
    const std::int64_t rows = std::min(n.tile_tokens, b.shape.tokens);
    is_split_ = rows < b.shape.tokens;
    scratch_ = split_scratch(b, n, rows, is_split_);
    library_ = b.worker_scratch(scratch_.library);
    is_training_ = b.op.writes.size() > 1;
    d_hidden_ = is_training_ ? b.write(1) : nullptr;
    d_weight_ = is_training_ ? b.write(2) : nullptr;
    for (std::int64_t first = 0; first < b.shape.tokens; first += rows) {
      add_tile(b, first, std::min(rows, b.shape.tokens - first));
    }
  }

  void operator()() const {
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      const HeadTile& tile = tiles_[i];
      run(tile.logits);
      kernels_.cross_entropy(losses_[i], launch_);
      if (!is_training_) continue;
      if (d_hidden_ != nullptr) run(tile.d_hidden);
      if (d_weight_ != nullptr) weight_gradient(tile, i == 0, i + 1 == tiles_.size());
    }
  }

 private:
  void add_tile(const Binding& b, std::int64_t first, std::int64_t rows) {
    const std::int64_t element = size_of(dtype_);
    const std::int64_t width = head_.width;
    const at::Tensor hidden =
        matrix(b.read(0) + first * width * element, dtype_, rows, width, width);
    const at::Tensor logits = matrix(scratch_.logits, dtype_, rows, head_.rows, head_.rows);
    const at::Tensor weight = matrix(b.read(1), dtype_, head_.rows, width, width);
    HeadTile tile{.logits = Product(logits, hidden, weight.t(), false)};
    losses_.push_back({.logits = scratch_.logits,
                       .targets = b.read_as<std::int32_t>(2) + first,
                       .scale = &b.read_as<StepScalars>(3)->inverse_target_tokens,
                       .loss = b.write_as<float>(0) + first,
                       .rows = rows,
                       .vocabulary = head_.rows,
                       .is_forward_only = !is_training_,
                       .dtype = dtype_});
    check(losses_.back());
    if (d_hidden_ != nullptr) {
      const at::Tensor d_hidden =
          matrix(d_hidden_ + first * width * element, dtype_, rows, width, width);
      tile.d_hidden = Product(d_hidden, logits, weight, false);
    }
    if (d_weight_ != nullptr) add_weight_products(tile, logits, hidden);
    tiles_.push_back(std::move(tile));
  }

  // One product per kHeadTileRows rows of the vocabulary; with several token tiles, one for each
  // worker that may compute it, into that worker's tile.
  void add_weight_products(HeadTile& tile,
                           const at::Tensor& logits,
                           const at::Tensor& hidden) const {
    const std::int64_t width = head_.width;
    const std::int64_t element = size_of(dtype_);
    for (std::int64_t row = 0; row < head_.rows; row += kHeadTileRows) {
      const std::int64_t count = std::min(kHeadTileRows, head_.rows - row);
      const at::Tensor d_logits = logits.narrow(1, row, count).t();
      if (!is_split_) {
        const at::Tensor out =
            matrix(d_weight_ + row * width * element, dtype_, count, width, width);
        tile.d_weight.emplace_back(out, d_logits, hidden, false);
        continue;
      }
      for (int worker = 0; worker < pool_.size(); ++worker) {
        std::byte* part = scratch_.tiles + worker * kHeadTileRows * width * element;
        tile.d_weight.emplace_back(
            matrix(part, dtype_, count, width, width), d_logits, hidden, false);
      }
    }
  }

  void weight_gradient(const HeadTile& tile, bool is_first, bool is_last) const {
    const std::int64_t blocks = (head_.rows + kHeadTileRows - 1) / kHeadTileRows;
    pool_.parallel_for(blocks, [&](std::int64_t block, int worker) {
      const ScratchScope scope(library_.base + worker * library_.per_worker.count,
                               library_.per_worker);
      const std::int64_t index = is_split_ ? block * pool_.size() + worker : block;
      const Product& product = tile.d_weight[static_cast<std::size_t>(index)];
      for (std::int64_t t = 0; t < product.tiles(); ++t) product.run_tile(t);
      if (is_split_) add_to_sums(block, worker, is_first, is_last);
    });
  }

  void add_to_sums(std::int64_t block, int worker, bool is_first, bool is_last) const {
    const std::int64_t row = block * kHeadTileRows;
    const std::int64_t count = std::min(kHeadTileRows, head_.rows - row) * head_.width;
    const std::int64_t element = size_of(dtype_);
    auto* sums = reinterpret_cast<float*>(scratch_.sums) + row * head_.width;
    const std::byte* part = scratch_.tiles + worker * kHeadTileRows * head_.width * element;
    ThreadPool alone(1);
    const kernels::Launch here{&alone, nullptr};
    if (!is_last) {
      kernels_.accumulate({.accumulator = sums,
                           .gradient = part,
                           .count = count,
                           .is_first = is_first,
                           .dtype = dtype_},
                          here);
      return;
    }
    kernels_.finish_accumulation({.accumulator = sums,
                                  .gradient = part,
                                  .tied = nullptr,
                                  .transport = d_weight_ + row * head_.width * element,
                                  .count = count,
                                  .dtype = dtype_},
                                 here);
  }

  void run(const Product& product) const {
    const Product* const one = &product;
    run_products({&one, 1}, pool_, library_);
  }

  const kernels::KernelTable& kernels_;
  ThreadPool& pool_;
  kernels::Launch launch_;
  DType dtype_;
  HeadLoss head_;
  bool is_split_ = false;
  bool is_training_ = false;
  std::byte* d_hidden_ = nullptr;
  std::byte* d_weight_ = nullptr;
  HeadScratch scratch_{};
  WorkerScratch library_;
  std::vector<HeadTile> tiles_;
  std::vector<kernels::CrossEntropy> losses_;
};

}  // namespace

OpBody bind_head_loss(const Binding& b) {
  if (std::get<HeadLoss>(b.node().kind).tile_rows > 0) return bind_tiled_head(b);
  return HeadLossBody(b, std::get<HeadLoss>(b.node().kind));
}

OpBody bind_sum_losses(const Binding& b) {
  auto* scratch = b.scratch_as<double>();
  auto* sum = scratch;  // the first number; partial sums follow
  const kernels::Sum arguments{
      .x = b.read_as<float>(0), .scratch = scratch + 1, .sum = sum, .count = b.shape.tokens};
  check(arguments);
  return [arguments,
          kernel = b.kernels.sum,
          launch = b.launch(),
          sum,
          results = b.write_as<StepResults>(0)] {
    kernel(arguments, launch);
    results->loss_sum += *sum;
  };
}

OpBody bind_logits(const Binding& b) {
  const auto& n = std::get<HeadLoss>(b.node().kind);
  const std::int64_t row_bytes = n.width * size_of(b.dtype());
  const Product product(matrix(b.write(0), b.dtype(), 1, n.rows, n.rows),
                        matrix(b.addresses.scratch, b.dtype(), 1, n.width, n.width),
                        matrix(b.read(1), b.dtype(), n.width, n.rows, 1, n.width),
                        false);
  const WorkerScratch library = b.worker_scratch(round_up(row_bytes, kPartAlignment));
  return [product,
          library,
          &pool = b.pool(),
          row = b.addresses.scratch,
          hidden = b.read(0),
          offsets = b.read_as<std::int32_t>(2),
          row_bytes] {
    const std::int64_t last = offsets[1] - 1;  // of segment 0
    std::memcpy(row, hidden + last * row_bytes, static_cast<std::size_t>(row_bytes));
    const Product* const one = &product;
    run_products({&one, 1}, pool, library);
  };
}

}  // namespace longhaul
