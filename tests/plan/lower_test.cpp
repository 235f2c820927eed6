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

TEST(Lower, MeasuresGradientsInThePassThatHasThem) {
  const auto blocks = static_cast<int>(test::small_decoder(DType::kBF16, true).blocks.size());
  EXPECT_EQ(count(lower_small(Pass::kTrain, 1).schedule, OpKind::kGradientNorm), blocks);
  // Several micro-batches: as their sum is rounded.
  EXPECT_EQ(count(lower_small(Pass::kTrain, 3).schedule, OpKind::kGradientNorm), 0);
  // Updates in backward on the host, which come before the norm is known: as they read it.
  Plan plan;
  plan.update = UpdateTime::kInBackward;
  plan.blocks = {.weights = {Tier::kHost},
                 .states = {Tier::kHost},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  const LoweredPass pass = lower(test::small_decoder(DType::kBF16, true),
                                 adamw_format(Precision::kBF16),
                                 plan,
                                 shape_of(Pass::kTrain, 1),
                                 Pass::kTrain,
                                 2);
  EXPECT_NO_THROW(check(pass.schedule));
  EXPECT_EQ(count(pass.schedule, OpKind::kGradientNorm), 0);
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

// --- updates that leave something to the next pass

Plan speculative_plan(double share) {
  Plan plan;
  plan.update = UpdateTime::kSpeculative;
  plan.blocks = {.weights = {Tier::kDisk, 0.5},
                 .states = {Tier::kHost},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost,
                 .next_forward_share = share};
  plan.chunk = 65536;
  return plan;
}

// Layers of three chunks.
ModelGraph wide_graph() {
  return test::small_decoder(DType::kBF16, true, 2, 2000);
}

LoweredPass lower_wide(const Plan& plan, const PassStart& start) {
  return lower(
      wide_graph(), adamw_format(Precision::kBF16), plan, shape_of(start.pass, 2), start, 2);
}

TEST(LowerSpeculation, IsSoundInEveryStanding) {
  for (const double share : {0.0, 0.5, 1.0}) {
    const Plan plan = speculative_plan(share);
    for (const Pass pass : {Pass::kTrain, Pass::kDrain, Pass::kEvaluate}) {
      for (const Standing& found : standings(plan, pass)) {
        LoweredPass lowered = lower_wide(plan, {pass, found});
        EXPECT_NO_THROW(check(lowered.schedule));
        EXPECT_NO_THROW(check(place(std::move(lowered.schedule))));
      }
    }
  }
}

TEST(LowerSpeculation, ThatHoldsMovesWhatUpdatesInBackwardMove) {
  Plan plan = speculative_plan(0.0);
  const LoweredPass held = lower_wide(plan, {Pass::kTrain, {Pending::kNothing, 1}});
  const LoweredPass redone = lower_wide(plan, {Pass::kTrain, {Pending::kRedo, 1}});
  plan.update = UpdateTime::kInBackward;
  const LoweredPass plain = lower_wide(plan, {Pass::kTrain, {}});
  EXPECT_EQ(bytes_moved(held.schedule), bytes_moved(plain.schedule));
  EXPECT_GT(count(redone.schedule, OpKind::kUpdate), count(held.schedule, OpKind::kUpdate));
}

TEST(LowerSpeculation, KeepsASecondSlotOfWhatIsUpdatedInBackward) {
  for (const double share : {0.0, 1.0}) {
    const LoweredPass pass = lower_wide(speculative_plan(share), {Pass::kEvaluate, {}});
    for (std::size_t b = 0; b < pass.states.streams.size(); ++b) {
      for (const auto& pieces : pass.states.streams[b]) {
        std::int64_t doubled = 0;
        for (const StatePiece& piece : pieces) {
          if (!piece.second.exists()) continue;
          EXPECT_EQ(pass.schedule[piece.second].size, pass.schedule[piece.buffer].size);
          EXPECT_EQ(pass.schedule[piece.second].tier, pass.schedule[piece.buffer].tier);
          doubled += piece.count;
        }
        EXPECT_EQ(doubled, share == 0.0 ? pass.states.layouts[b].trainable : 0);
      }
    }
  }
}

TEST(LowerSpeculation, ExchangesTheSlotsAfterAStepThatHolds) {
  const Plan plan = speculative_plan(0.0);
  const StepResults held;
  StepResults clipped;
  clipped.clip = 0.5F;
  StepResults skipped;
  skipped.is_skipped = 1;
  EXPECT_EQ(after_step(plan, {}, held), (Standing{Pending::kNothing, 1}));
  EXPECT_EQ(after_step(plan, {Pending::kRedo, 1}, held), (Standing{Pending::kNothing, 0}));
  EXPECT_EQ(after_step(plan, {}, clipped), (Standing{Pending::kRedo, 0}));
  EXPECT_EQ(after_step(plan, {Pending::kNothing, 1}, skipped), (Standing{Pending::kRedo, 1}));
}

// The end of a block waits for the next forward: its gradient and nothing else is kept for it.
TEST(Lower, KeepsTheGradientOfTheShareThatWaits) {
  const ModelGraph graph = wide_graph();
  Plan plan;
  plan.update = UpdateTime::kInBackward;
  plan.blocks.next_forward_share = 0.25;
  const std::vector<Standing> found = standings(plan, Pass::kTrain);
  EXPECT_EQ(found, (std::vector<Standing>{{Pending::kDeferred, 0}, {Pending::kNothing, 0}}));
  const LoweredPass pass = lower_wide(plan, {Pass::kTrain, found.front()});
  EXPECT_NO_THROW(check(pass.schedule));
  for (std::size_t b = 0; b < graph.blocks.size(); ++b) {
    ASSERT_EQ(pass.states.pending_gradients[b].size(), 1U);
    const StatePiece& kept = pass.states.pending_gradients[b].front();
    const std::int64_t trainable = pass.states.layouts[b].trainable;
    EXPECT_EQ(kept.first % kShareElements, 0);
    EXPECT_EQ(kept.first + kept.count, trainable);
    EXPECT_GE(kept.count, trainable / 4);
    EXPECT_LT(kept.count, trainable / 4 + kShareElements + 1);
    EXPECT_EQ(pass.schedule[kept.buffer].size, Bytes{2 * kept.count});
  }
}

}  // namespace
}  // namespace longhaul
