// Head and loss in tiles of tokens: logits, cross-entropy and its gradient in place, then the
// gradients of hidden and weight from the same tile, so that logits never exist as a whole. With
// several tiles the weight's gradient is summed over them in fp32, in order, and rounded once: by
// the library in fp32, by HeadGradient in bf16.

#include <algorithm>
#include <cstring>

#include "longhaul/graph/run_rules.h"
#include "longhaul/ops/torch_memory.h"
#include "longhaul/optim/step.h"

#include "binding.h"
#include "head_gradient.h"

namespace longhaul {
namespace {

constexpr std::int64_t kPartAlignment = 256;

struct HeadTile {
  Product logits;
  Product d_hidden;
  Product d_weight;
  HeadGradient::Tile summed{};  // instead of d_weight where several bf16 tiles are summed
};

class HeadLossBody {
 public:
  HeadLossBody(const Binding& b, const HeadLoss& n)
      : kernels_(b.kernels),
        pool_(b.pool()),
        launch_(b.launch()),
        dtype_(b.dtype()),
        head_(n),
        tokens_(b.shape.tokens) {
    const std::int64_t rows = std::min(n.tile_tokens, tokens_);
    is_summed_ = rows < tokens_ && dtype_ == DType::kBF16;
    std::int64_t used = round_up(rows * n.rows * size_of(dtype_), kPartAlignment);
    if (is_summed_) {
      const HeadGradient::Shape shape{n.rows, n.width, rows};
      summed_ = HeadGradient(shape, b.addresses.scratch + used, pool_.size());
      used += round_up(HeadGradient::scratch_bytes(shape, pool_.size()), kPartAlignment);
    }
    logits_ = b.addresses.scratch;
    library_ = b.worker_scratch(used);
    is_training_ = b.op.writes.size() > 1;
    d_hidden_ = is_training_ ? b.write(1) : nullptr;
    d_weight_ = is_training_ ? b.write(2) : nullptr;
    for (std::int64_t first = 0; first < tokens_; first += rows) {
      add_tile(b, first, std::min(rows, tokens_ - first));
    }
  }

  void operator()() const {
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      const HeadTile& tile = tiles_[i];
      run(tile.logits);
      kernels_.cross_entropy(losses_[i], launch_);
      if (!is_training_) continue;
      if (d_hidden_ != nullptr) run(tile.d_hidden);
      if (d_weight_ == nullptr) continue;
      if (is_summed_) {
        summed_.add(tile.summed, pool_);
      } else {
        run(tile.d_weight);
      }
    }
  }

 private:
  void add_tile(const Binding& b, std::int64_t first, std::int64_t rows) {
    const std::int64_t element = size_of(dtype_);
    const std::int64_t width = head_.width;
    const at::Tensor hidden =
        matrix(b.read(0) + first * width * element, dtype_, rows, width, width);
    const at::Tensor logits = matrix(logits_, dtype_, rows, head_.rows, head_.rows);
    const at::Tensor weight = matrix(b.read(1), dtype_, head_.rows, width, width);
    HeadTile tile{.logits = Product(logits, hidden, weight.t(), false)};
    losses_.push_back({.logits = logits_,
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
    if (d_weight_ != nullptr) add_weight_gradient(tile, first, logits, hidden);
    tiles_.push_back(std::move(tile));
  }

  void add_weight_gradient(HeadTile& tile,
                           std::int64_t first,
                           const at::Tensor& logits,
                           const at::Tensor& hidden) const {
    const std::int64_t rows = logits.size(0);
    if (!is_summed_) {
      const at::Tensor out = matrix(d_weight_, dtype_, head_.rows, head_.width, head_.width);
      tile.d_weight = Product(out, logits.t(), hidden, first > 0);
      return;
    }
    const bool is_last = first + rows == tokens_;
    tile.summed = {.d_logits = reinterpret_cast<const std::uint16_t*>(logits_),
                   .hidden = static_cast<const std::uint16_t*>(hidden.const_data_ptr()),
                   .tokens = rows,
                   .is_first = first == 0,
                   .d_weight = is_last ? reinterpret_cast<std::uint16_t*>(d_weight_) : nullptr};
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
  std::int64_t tokens_;
  bool is_summed_ = false;
  bool is_training_ = false;
  std::byte* d_hidden_ = nullptr;
  std::byte* d_weight_ = nullptr;
  std::byte* logits_ = nullptr;
  HeadGradient summed_;
  WorkerScratch library_;
  std::vector<HeadTile> tiles_;
  std::vector<kernels::CrossEntropy> losses_;
};

}  // namespace

OpBody bind_head_loss(const Binding& b) {
  return HeadLossBody(b, std::get<HeadLoss>(b.node().kind));
}

OpBody bind_sum_losses(const Binding& b) {
  return call(b,
              b.kernels.sum,
              kernels::Sum{.x = b.read_as<float>(0),
                           .scratch = b.scratch_as<double>(),
                           .sum = &b.write_as<StepResults>(0)->loss_sum,
                           .count = b.shape.tokens,
                           .accumulates = true});
}

OpBody bind_logits(const Binding& b) {
  const auto& n = std::get<HeadLoss>(b.node().kind);
  const std::int64_t row_bytes = n.width * size_of(b.dtype());
  const std::int64_t rows = b.op.writes[0].size.count / size_of(b.dtype());
  const Product product(matrix(b.write(0), b.dtype(), 1, rows, rows),
                        matrix(b.addresses.scratch, b.dtype(), 1, n.width, n.width),
                        matrix(b.read(1), b.dtype(), n.width, rows, 1, n.width),
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
