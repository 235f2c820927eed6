// A whole training step: micro-batches, the global norm, the update.

#include "longhaul/optim/step.h"

#include "lowering.h"

namespace longhaul {

LoweredPass Lowering::train() {
  pass_.scalars = add_persistent("step scalars", Bytes{sizeof(StepScalars)}, Tier::kHost);
  pass_.results = add_persistent("step results", Bytes{sizeof(StepResults)}, Tier::kHost);
  results_ = add_buffer("step results on the device", Bytes{sizeof(StepResults)});
  Op clear{.kind = OpKind::kFill, .lane = Lane::kCompute};
  clear.writes = {whole(results_)};
  add(std::move(clear));
  add_gradients();
  for (int m = 0; m < shape_.micro_batches; ++m) {
    for (std::size_t b = 0; b < graph_.blocks.size(); ++b) forward_block(make_id<BlockId>(b), m);
    backward(m);
  }
  round_gradients();
  update();
  download(results_, pass_.results);
  return std::move(pass_);
}

void Lowering::update() {
  const Operand scalars = residency_.require_record(pass_.scalars);
  Op clip{.kind = OpKind::kClip, .lane = Lane::kCompute};
  clip.reads = {scalars};
  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    if (pass_.states.layouts[b].trainable == 0) continue;
    const Bytes size = Bytes{norm_partials(pass_.states.layouts[b]).chunks * 16};
    const Operand partials = whole(add_buffer("norm of " + graph_.blocks[b].name, size));
    Op norm{.kind = OpKind::kGradientNorm, .lane = Lane::kCompute, .block = block};
    norm.reads = {trainable(block, gradients_[b], format_.transport())};
    norm.writes = {partials};
    add(std::move(norm));
    clip.reads.push_back(partials);
  }
  const Operand factors = whole(add_buffer("update scalars", Bytes{kUpdateScalarsSize}));
  clip.writes = {whole(results_), factors};
  clip.accumulates = 1;  // the loss is there
  add(std::move(clip));

  for (std::size_t b = 0; b < graph_.blocks.size(); ++b) {
    const BlockId block = make_id<BlockId>(b);
    if (pass_.states.layouts[b].trainable == 0) continue;
    Op op{.kind = OpKind::kUpdate, .lane = Lane::kCompute, .block = block};
    op.reads = {trainable(block, gradients_[b], format_.transport()), factors};
    for (std::size_t s = 0; s < format_.streams.size(); ++s) {
      op.writes.push_back(trainable(block, pass_.states.streams[b][s], format_.streams[s].dtype));
      op.accumulates |= 1U << s;
    }
    add(std::move(op));
  }
}

}  // namespace longhaul
