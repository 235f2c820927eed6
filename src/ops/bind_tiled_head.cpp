// Head and loss in tiles of the vocabulary, for heads that are large against the device: the online
// log-sum-exp of Milakov & Gimelshein 2018 over all tiles first, then each tile's logits once more
// for its gradients. A tile's rows of the weight's gradient are one product, rounded once; the
// gradient of hidden is summed over tiles in fp32, in order, and rounded once.

#include <algorithm>

#include "longhaul/graph/run_rules.h"
#include "longhaul/optim/step.h"

#include "binding.h"

namespace longhaul {
namespace {

constexpr std::int64_t kPartAlignment = 256;

struct VocabularyTile {
  Product logits;
  Product d_hidden;
  std::vector<Product> d_weight;  // kHeadTileRows rows each
  kernels::LogSumExpTile statistics;
  kernels::CrossEntropyGradientTile gradient;
};

class TiledHeadBody {
 public:
  TiledHeadBody(const Binding& b, const HeadLoss& n)
      : kernels_(b.kernels),
        pool_(b.pool()),
        launch_(b.launch()),
        dtype_(b.dtype()),
        head_(n),
        tokens_(b.shape.tokens) {
    take_scratch(b);
    if (b.op.writes.size() > 1) {
      d_hidden_ = b.write(1);
      d_weight_ = b.write(2);
    }
    for (std::int64_t row = 0; row < head_.rows; row += head_.tile_rows) add_tile(b, row);
    loss_ = {.maximum = maximum_,
             .sum = sum_,
             .target_logit = target_logit_,
             .targets = b.read_as<std::int32_t>(2),
             .loss = b.write_as<float>(0),
             .rows = tokens_};
    check(loss_);
  }

  void operator()() const {
    for (const VocabularyTile& tile : tiles_) {
      run({&tile.logits});
      kernels_.log_sum_exp_tile(tile.statistics, launch_);
    }
    kernels_.cross_entropy_loss(loss_, launch_);
    if (d_hidden_ == nullptr && d_weight_ == nullptr) return;
    for (const VocabularyTile& tile : tiles_) {
      run({&tile.logits});
      kernels_.cross_entropy_gradient_tile(tile.gradient, launch_);
      std::vector<const Product*> products;
      if (d_hidden_ != nullptr) products.push_back(&tile.d_hidden);
      for (const Product& product : tile.d_weight) products.push_back(&product);
      run(products);
      if (d_hidden_ != nullptr && tiles_.size() > 1) add_hidden(tile);
    }
  }

 private:
  void take_scratch(const Binding& b) {
    const std::int64_t element = size_of(dtype_);
    std::int64_t end = 0;
    const auto take = [&](std::int64_t size) {
      std::byte* part = b.addresses.scratch + end;
      end += round_up(size, kPartAlignment);
      return part;
    };
    logits_ = take(tokens_ * std::min(head_.tile_rows, head_.rows) * element);
    maximum_ = reinterpret_cast<float*>(take(tokens_ * 4));
    sum_ = reinterpret_cast<float*>(take(tokens_ * 4));
    target_logit_ = reinterpret_cast<float*>(take(tokens_ * 4));
    partial_ = take(tokens_ * head_.width * element);
    hidden_sums_ = reinterpret_cast<float*>(take(tokens_ * head_.width * 4));
    library_ = b.worker_scratch(end);
  }

  void add_tile(const Binding& b, std::int64_t row) {
    const std::int64_t element = size_of(dtype_);
    const std::int64_t width = head_.width;
    const std::int64_t tile_rows = std::min(head_.tile_rows, head_.rows - row);
    const bool is_alone = tile_rows == head_.rows;
    const at::Tensor hidden = matrix(b.read(0), dtype_, tokens_, width, width);
    const at::Tensor logits = matrix(logits_, dtype_, tokens_, tile_rows, tile_rows);
    const at::Tensor weight =
        matrix(b.read(1) + row * width * element, dtype_, tile_rows, width, width);
    VocabularyTile tile{.logits = Product(logits, hidden, weight.t(), false)};
    tile.statistics = {.logits = logits_,
                       .targets = b.read_as<std::int32_t>(2),
                       .maximum = maximum_,
                       .sum = sum_,
                       .target_logit = target_logit_,
                       .rows = tokens_,
                       .columns = tile_rows,
                       .first_column = row,
                       .dtype = dtype_};
    check(tile.statistics);
    tile.gradient = {.logits = logits_,
                     .targets = b.read_as<std::int32_t>(2),
                     .maximum = maximum_,
                     .sum = sum_,
                     .scale = &b.read_as<StepScalars>(3)->inverse_target_tokens,
                     .rows = tokens_,
                     .columns = tile_rows,
                     .first_column = row,
                     .dtype = dtype_};
    check(tile.gradient);
    if (d_hidden_ != nullptr) {
      std::byte* const out = is_alone ? d_hidden_ : partial_;
      tile.d_hidden = Product(matrix(out, dtype_, tokens_, width, width), logits, weight, false);
    }
    for (std::int64_t at = 0; d_weight_ != nullptr && at < tile_rows; at += kHeadTileRows) {
      const std::int64_t count = std::min(kHeadTileRows, tile_rows - at);
      std::byte* const out = d_weight_ + (row + at) * width * element;
      tile.d_weight.emplace_back(
          matrix(out, dtype_, count, width, width), logits.narrow(1, at, count).t(), hidden, false);
    }
    tiles_.push_back(std::move(tile));
  }

  void add_hidden(const VocabularyTile& tile) const {
    const std::int64_t count = tokens_ * head_.width;
    if (&tile == &tiles_.back()) {
      kernels_.finish_accumulation({.accumulator = hidden_sums_,
                                    .gradient = partial_,
                                    .tied = nullptr,
                                    .transport = d_hidden_,
                                    .count = count,
                                    .dtype = dtype_},
                                   launch_);
      return;
    }
    kernels_.accumulate({.accumulator = hidden_sums_,
                         .gradient = partial_,
                         .count = count,
                         .is_first = &tile == &tiles_.front(),
                         .dtype = dtype_},
                        launch_);
  }

  void run(const std::vector<const Product*>& products) const {
    run_products(products, pool_, library_);
  }

  const kernels::KernelTable& kernels_;
  ThreadPool& pool_;
  kernels::Launch launch_;
  DType dtype_;
  HeadLoss head_;
  std::int64_t tokens_;
  std::byte* logits_ = nullptr;  // [tokens, tile_rows]
  float* maximum_ = nullptr;     // [tokens], likewise the next two
  float* sum_ = nullptr;
  float* target_logit_ = nullptr;
  std::byte* partial_ = nullptr;  // [tokens, width]
  float* hidden_sums_ = nullptr;  // [tokens, width]
  std::byte* d_hidden_ = nullptr;
  std::byte* d_weight_ = nullptr;
  WorkerScratch library_;
  std::vector<VocabularyTile> tiles_;
  kernels::CrossEntropyLoss loss_{};
};

}  // namespace

OpBody bind_tiled_head(const Binding& b) {
  return TiledHeadBody(b, std::get<HeadLoss>(b.node().kind));
}

}  // namespace longhaul
