// Where the ops of updates stand among those of a step, and which elements wait where.
#include <algorithm>
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

#include "longhaul/plan/lower.h"
#include "longhaul/schedule/order.h"
#include "longhaul/schedule/placement.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

// Layers of a dozen chunks.
const ModelGraph& graph() {
  static const ModelGraph graph = test::small_decoder(DType::kBF16, false, 4, 8000);
  return graph;
}

Plan on_disk(UpdateTime update) {
  Plan plan;
  plan.group = 0;
  plan.update = update;
  plan.order = UpdateOrder::kSpread;
  plan.chunk = kShareElements;
  plan.blocks = {.weights = {Tier::kDisk},
                 .states = {Tier::kDisk},
                 .update_on = Tier::kHost,
                 .gradients = Tier::kHost};
  return plan;
}

LoweredPass lowered(const Plan& plan, int micro_batches, const Standing& found = {}) {
  const BatchShape shape{
      .tokens = 64, .max_segments = 4, .positions = 64, .micro_batches = micro_batches};
  LoweredPass pass = lower(
      graph(), adamw_format(Precision::kBF16), plan, shape, PassStart{Pass::kTrain, found}, 2);
  EXPECT_NO_THROW(check(pass.schedule));
  return pass;
}

// The micro-batches of other blocks between whose ops on the device `block` is updated.
std::set<int> micro_batches_meanwhile(const Schedule& schedule, std::size_t block) {
  std::set<int> meanwhile;
  int micro_batch = -1;
  for (const Op& op : schedule.ops()) {
    if (op.lane == Lane::kCompute) micro_batch = op.micro_batch;
    const bool is_of_block = op.kind == OpKind::kUpdate && op.block.index() == block;
    if (is_of_block) meanwhile.insert(micro_batch);
  }
  return meanwhile;
}

TEST(Updates, InBackwardAreSpreadOverTheVisitsOfATurn) {
  Plan plan = on_disk(UpdateTime::kInBackward);
  const LoweredPass pass = lowered(plan, 4);
  // Of the last layer, in the turn of the layer before.
  EXPECT_EQ(micro_batches_meanwhile(pass.schedule, 4).size(), 4U);
  plan.order = UpdateOrder::kOptimized;
  EXPECT_EQ(micro_batches_meanwhile(lowered(plan, 4).schedule, 4).size(), 1U);
}

TEST(Updates, LeftToTheNextForwardAreSpreadBeforeTheBlockIsFetched) {
  const Plan plan = on_disk(UpdateTime::kInNextForward);
  const Standing found = standings(plan, Pass::kTrain).front();
  const LoweredPass pass = lowered(plan, 4, found);
  EXPECT_GE(micro_batches_meanwhile(pass.schedule, 4).size(), 3U);
}

// How many chunks of `block` were updated when the states of each went home.
std::vector<int> updates_before_home(const LoweredPass& pass, std::size_t block) {
  const BufferId home = pass.states.streams[block][1].front().buffer;
  std::vector<int> before;
  int updates = 0;
  for (const Op& op : pass.schedule.ops()) {
    if (op.kind == OpKind::kUpdate && op.block.index() == block) ++updates;
    if (op.lane == Lane::kDiskWrite && op.writes[0].buffer == home) before.push_back(updates);
  }
  return before;
}

// The states of a chunk go home after the next chunk was read, so that lanes which are FIFO do not
// wait for its update.
TEST(Updates, GoHomeAfterTheNextChunkIsRead) {
  Plan plan = on_disk(UpdateTime::kInBackward);
  EXPECT_EQ(updates_before_home(lowered(plan, 1), 4).front(), 2);
  plan.order = UpdateOrder::kOptimized;
  EXPECT_EQ(updates_before_home(lowered(plan, 1), 4).front(), 1);
}

// Fetches of other blocks, in every visit, leave the chunk before where it is.
TEST(Updates, LeftToTheNextForwardGoHomeAfterTheNextChunkIsRead) {
  const Plan plan = on_disk(UpdateTime::kInNextForward);
  const Standing found = standings(plan, Pass::kTrain).front();
  const std::vector<int> before = updates_before_home(lowered(plan, 4, found), 4);
  ASSERT_GT(before.size(), 4U);
  for (std::size_t chunk = 0; chunk + 1 < before.size(); ++chunk) {
    EXPECT_EQ(before[chunk], static_cast<int>(chunk) + 2);
  }
  EXPECT_EQ(before.back(), static_cast<int>(before.size()));
}

// Every element of every stream is updated once and written home once.
TEST(Updates, LeaveNoElementOut) {
  for (const int micro_batches : {1, 3}) {
    const LoweredPass pass = lowered(on_disk(UpdateTime::kInBackward), micro_batches);
    std::vector<std::int64_t> written(pass.schedule.buffers().size());
    for (const Op& op : pass.schedule.ops()) {
      if (op.lane == Lane::kDiskWrite) {
        written[op.writes[0].buffer.index()] += op.writes[0].size.count;
      }
    }
    for (const auto& streams : pass.states.streams) {
      for (const auto& pieces : streams) {
        for (const StatePiece& piece : pieces) {
          EXPECT_EQ(written[piece.buffer.index()], pass.schedule[piece.buffer].size.count);
        }
      }
    }
  }
}

// A block's input that leaves for the disk before the next block reads it comes back from the host.
TEST(BlockInputs, OnDiskAreReadOnceForBackward) {
  Plan plan;
  plan.group = 0;
  plan.saved_window = 0;
  plan.block_inputs = SavedAction::kDisk;
  const LoweredPass pass = lowered(plan, 3);
  std::int64_t read = 0;
  std::int64_t written = 0;
  for (const Op& op : pass.schedule.ops()) {
    if (op.lane == Lane::kDiskRead) read += op.writes[0].size.count;
    if (op.lane == Lane::kDiskWrite) written += op.writes[0].size.count;
  }
  EXPECT_GT(written, 0);
  EXPECT_LE(read, written);
}

// [0, states in RAM) and the end of a block: where states are on disk and updates wait for the next
// forward, they find the weights in RAM.
TEST(StatesInRam, AreTheFirstAndTheRestOfTheWeightsTheLast) {
  Plan plan = on_disk(UpdateTime::kInBackward);
  plan.blocks.weights.ram_share = 0.5;
  plan.blocks.states.ram_share = 0.25;
  plan.blocks.next_forward_share = 0.2;
  const LoweredPass pass = lowered(plan, 1, standings(plan, Pass::kTrain).front());
  const auto& streams = pass.states.streams[2];
  const std::int64_t elements = pass.states.layouts[2].elements;
  ASSERT_EQ(streams[0].size(), 3U);
  ASSERT_EQ(streams[1].size(), 2U);
  const auto tier = [&](const StatePiece& piece) { return pass.schedule[piece.buffer].tier; };
  EXPECT_EQ(tier(streams[0][0]), Tier::kHost);
  EXPECT_EQ(tier(streams[0][1]), Tier::kDisk);
  EXPECT_EQ(tier(streams[0][2]), Tier::kHost);
  EXPECT_EQ(streams[0][0].count, streams[1][0].count);
  EXPECT_EQ(tier(streams[1][0]), Tier::kHost);
  std::int64_t next = 0;
  for (const StatePiece& piece : streams[0]) {
    EXPECT_EQ(piece.first, next);
    EXPECT_EQ(piece.first % kShareElements, 0);
    next = piece.first + piece.count;
  }
  EXPECT_EQ(next, elements);
  EXPECT_LE(std::abs(2 * streams[0][1].count - elements), 2 * kShareElements);
  EXPECT_LE(streams[0][2].first, pass.states.pending_gradients[2].front().first);
}

// With speculation every gradient is kept: on disk only what is read again where a step clips.
TEST(Updates, ThatSpeculateKeepGradientsOfTheNextForwardOnTheHost) {
  Plan plan = on_disk(UpdateTime::kSpeculative);
  plan.blocks.gradients = Tier::kDisk;
  plan.blocks.next_forward_share = 0.25;
  for (const Standing& found : standings(plan, Pass::kTrain)) {
    LoweredPass pass = lowered(plan, 2, found);
    for (std::size_t b = 0; b < graph().blocks.size(); ++b) {
      const auto& kept = pass.states.pending_gradients[b];
      const std::int64_t trainable = pass.states.layouts[b].trainable;
      std::int64_t all = 0;
      for (const StatePiece& piece : kept) all += piece.count;
      EXPECT_EQ(all, trainable);
      EXPECT_EQ(pass.schedule[kept.back().buffer].tier, Tier::kHost);
      const Tier first = kept.size() == 2 ? Tier::kDisk : Tier::kHost;
      EXPECT_EQ(pass.schedule[kept.front().buffer].tier, first);
    }
    EXPECT_EQ(pass.states.pending_gradients[2].size(), 2U);
    EXPECT_NO_THROW(check(place(std::move(pass.schedule))));
  }
}

}  // namespace
}  // namespace longhaul
