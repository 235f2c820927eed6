#include "longhaul/plan/lower.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/schedule/order.h"
#include "longhaul/schedule/placement.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

BatchShape shape_of(Pass pass, int micro_batches) {
  if (pass == Pass::kDecode) return {.tokens = 1, .positions = 64};
  return {.tokens = 64, .max_segments = 4, .positions = 64, .micro_batches = micro_batches};
}

LoweredPass lower_small(Pass pass, int micro_batches, bool is_tied = true) {
  return lower(test::small_decoder(DType::kBF16, is_tied),
               adamw_format(Precision::kBF16),
               Plan{},
               shape_of(pass, micro_batches),
               pass,
               2);
}

int count(const Schedule& schedule, OpKind kind) {
  return static_cast<int>(std::count_if(
      schedule.ops().begin(), schedule.ops().end(), [&](const Op& op) { return op.kind == kind; }));
}

struct Case {
  Pass pass;
  int micro_batches;
  bool is_tied;
};

class LowerPass : public testing::TestWithParam<Case> {};

TEST_P(LowerPass, OrdersEveryUseOfABuffer) {
  const Case c = GetParam();
  EXPECT_NO_THROW(check(lower_small(c.pass, c.micro_batches, c.is_tied).schedule));
}

TEST_P(LowerPass, IsPlacedWithoutOverlapCloseToTheLowerBound) {
  const Case c = GetParam();
  LoweredPass pass = lower_small(c.pass, c.micro_batches, c.is_tied);
  const Bytes bound = lower_bound(pass.schedule, Tier::kDevice);
  const PlacedSchedule placed = place(std::move(pass.schedule));
  EXPECT_NO_THROW(check(placed));
  EXPECT_LE(static_cast<double>(placed.peak[0].count), 1.1 * static_cast<double>(bound.count));
}

TEST_P(LowerPass, LosesARaceFreeOrderWithAnyDependency) {
  const Case c = GetParam();
  const Schedule schedule = lower_small(c.pass, c.micro_batches, c.is_tied).schedule;
  const HappensBefore is_before(schedule);
  int removed = 0;
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const OpId op = make_id<OpId>(i);
    for (const OpId before : schedule.after(op)) {
      const Schedule without = schedule.without_dependency(op, before);
      if (HappensBefore(without)(before, op)) continue;  // others imply it
      EXPECT_FALSE(find_races(without).empty()) << describe(schedule[op]);
      ++removed;
    }
  }
  EXPECT_GT(removed, 0);
}

INSTANTIATE_TEST_SUITE_P(Passes,
                         LowerPass,
                         testing::Values(Case{Pass::kTrain, 1, true},
                                         Case{Pass::kTrain, 1, false},
                                         Case{Pass::kTrain, 3, true},
                                         Case{Pass::kTrain, 3, false},
                                         Case{Pass::kEvaluate, 1, true},
                                         Case{Pass::kPrefill, 1, true},
                                         Case{Pass::kDecode, 1, true}));

TEST(Lower, GivesEveryPassTheSameOffsetsOfStates) {
  LoweredPass train = lower_small(Pass::kTrain, 2);
  LoweredPass evaluate = lower_small(Pass::kEvaluate, 1);
  const auto streams = train.states.streams;
  const auto others = evaluate.states.streams;
  const PlacedSchedule a = place(std::move(train.schedule));
  const PlacedSchedule b = place(std::move(evaluate.schedule));
  for (std::size_t block = 0; block < streams.size(); ++block) {
    for (std::size_t s = 0; s < streams[block].size(); ++s) {
      ASSERT_EQ(streams[block][s].size(), 1U);
      const BufferId buffer = streams[block][s].front().buffer;
      ASSERT_EQ(buffer, others[block][s].front().buffer);
      EXPECT_EQ(a.offsets[buffer.index()], b.offsets[buffer.index()]);
    }
  }
}

TEST(Lower, NeedsNoAccumulatorForOneMicroBatch) {
  EXPECT_EQ(count(lower_small(Pass::kTrain, 1).schedule, OpKind::kAccumulate), 0);
  EXPECT_EQ(count(lower_small(Pass::kTrain, 1).schedule, OpKind::kRound), 0);
}

TEST(Lower, RoundsEveryGradientOnceForSeveralMicroBatches) {
  const LoweredPass pass = lower_small(Pass::kTrain, 3);
  std::size_t parameters = 0;
  for (const BlockLayout& layout : pass.states.layouts) parameters += layout.slots.size();
  EXPECT_EQ(count(pass.schedule, OpKind::kRound), static_cast<int>(parameters));
  // All but the tied table, whose head part is added every time but the last too.
  EXPECT_EQ(count(pass.schedule, OpKind::kAccumulate), 2 * static_cast<int>(parameters));
}

TEST(Lower, UploadsEachInputOfAMicroBatchOnce) {
  const LoweredPass pass = lower_small(Pass::kTrain, 3);
  // ids, sorted order, positions, targets, offsets per micro-batch; the scalars of loss and update.
  EXPECT_EQ(pass.inputs.size(), 15U);
  EXPECT_EQ(std::count_if(pass.schedule.ops().begin(),
                          pass.schedule.ops().end(),
                          [](const Op& op) { return op.lane == Lane::kH2d; }),
            17);
}

TEST(Lower, LeavesFrozenParametersWithoutGradientOrUpdate) {
  ModelGraph graph = test::small_decoder(DType::kF32, false);
  for (Tensor& tensor : graph.tensors) tensor.is_trainable = false;
  graph.tensors[graph.blocks[2].parameters[1].index()].is_trainable = true;
  const LoweredPass pass = lower(
      graph, adamw_format(Precision::kF32), Plan{}, shape_of(Pass::kTrain, 1), Pass::kTrain, 1);
  EXPECT_NO_THROW(check(pass.schedule));
  EXPECT_EQ(count(pass.schedule, OpKind::kUpdate), 1);
  for (const Op& op : pass.schedule.ops()) {
    if (op.kind != OpKind::kBackward) continue;
    EXPECT_GE(op.block, BlockId{2}) << describe(op);
  }
}

// All states on disk, updates in backward on the host, all micro-batches of a block in one turn:
// per parameter and step 2 bytes of weights are read forward and 2 backward, the latter serve the
// update, 10 bytes of states are read and 12 written: 26. The table is read for the embedding and
// for the head, and once more for its update, which comes long after the head.
TEST(Lower, MovesTwentySixBytesAParameterThroughTheDisk) {
  const ModelGraph graph = test::small_decoder(DType::kBF16, true);
  Plan plan;
  plan.group = 0;
  plan.update = UpdateTime::kInBackward;
  plan.blocks = {.weights = {Tier::kDisk},
                 .states = {Tier::kDisk},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  plan.weight_window = 0;
  const LoweredPass pass = lower(
      graph, adamw_format(Precision::kBF16), plan, shape_of(Pass::kTrain, 3), Pass::kTrain, 2);
  std::int64_t read = 0;
  std::int64_t written = 0;
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    const std::int64_t elements = pass.states.layouts[b].elements;
    const bool is_table = b == 0;
    const bool is_last = b + 1 == graph.blocks.size();  // forward and backward in one turn
    const std::int64_t turns = is_table || !is_last ? 2 : 1;
    read += elements * (2 * turns + 10 + (is_table ? 2 : 0));
    written += elements * 12;
  }
  const auto moved = bytes_moved(pass.schedule);
  EXPECT_EQ(moved[static_cast<std::size_t>(Lane::kDiskRead)], Bytes{read});
  EXPECT_EQ(moved[static_cast<std::size_t>(Lane::kDiskWrite)], Bytes{written});
}

}  // namespace
}  // namespace longhaul
