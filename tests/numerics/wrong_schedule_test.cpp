// Schedules that are wrong on purpose: what plan_bits_test compares must see each of them.
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/schedule/order.h"

#include "plan_run.h"

namespace longhaul {
namespace {

using test::is_same;
using test::resident;
using test::run;
using test::Setting;

const Setting kControl{"llama_tied", Precision::kBF16, 2, false};
const Setting kTiledControl{"qwen3", Precision::kBF16, 2, false, false, test::kHeadTileRows};

// The same ops with some of them changed.
Schedule changed(const Schedule& schedule, const std::function<void(OpId, Op&)>& change) {
  Schedule copy;
  for (const Buffer& buffer : schedule.buffers()) copy.add_buffer(buffer);
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    Op op = schedule.ops()[i];
    change(make_id<OpId>(i), op);
    copy.add(op, schedule.after(make_id<OpId>(i)));
  }
  return copy;
}

OpId find_op(const Schedule& schedule, const std::function<bool(const Op&)>& is_it) {
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    if (is_it(schedule.ops()[i])) return make_id<OpId>(i);
  }
  throw InvalidArgument("no such op");
}

// Weights fetched from the host, the states too, everything else recomputed.
Plan streaming_plan() {
  Plan plan = zero_infinity_plan();
  plan.blocks.weights = {Tier::kHost};
  plan.blocks.states = {Tier::kDisk};
  plan.order = UpdateOrder::kOptimized;
  plan.chunk = 65536;
  plan.weight_window = 0;
  return plan;
}

bool is_caught(const std::function<void(LoweredPass&)>& tamper,
               const std::array<LaneSpeed, kLaneCount>& speeds = {},
               const Setting& setting = kControl) {
  try {
    return !is_same(run(setting, streaming_plan(), tamper, speeds), resident(setting));
  } catch (const DeviceError&) {
    return true;  // a checksum of the disk store may see it before the numbers do
  }
}

TEST(WrongSchedule, OfNothingChangedIsNotCaught) {
  EXPECT_FALSE(is_caught(
      [](LoweredPass& pass) { pass.schedule = changed(pass.schedule, [](OpId, Op&) {}); }));
}

TEST(WrongSchedule, WithAMissingDependencyIsCaught) {
  // The first norm of the first layer computes before its gain, the last of the layer's weights,
  // has come over a slow link. What it depends on else was there before the layer began.
  std::array<LaneSpeed, kLaneCount> slow{};
  slow[static_cast<std::size_t>(Lane::kH2d)].latency = Seconds{0.005};
  EXPECT_TRUE(is_caught(
      [](LoweredPass& pass) {
        const OpId use = find_op(pass.schedule, [](const Op& op) {
          return op.kind == OpKind::kForward && op.block == BlockId{1};
        });
        const auto after = pass.schedule.after(use);
        for (const OpId before : std::vector<OpId>(after.begin(), after.end())) {
          if (pass.schedule[before].lane != Lane::kH2d) continue;
          pass.schedule = pass.schedule.without_dependency(use, before);
        }
      },
      slow));
}

TEST(WrongSchedule, WithAStagingSlotReusedTooEarlyIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    std::vector<BufferId> slots;
    for (std::size_t b = 0; b < pass.schedule.buffers().size(); ++b) {
      const std::string& name = pass.schedule.buffers()[b].name;
      if (name.find("staging of momentum on host, slot") == 0)
        slots.push_back(make_id<BufferId>(b));
    }
    ASSERT_GE(slots.size(), 2U);
    // The second chunk of the states lands where the first one is being updated.
    pass.schedule = changed(pass.schedule, [&](OpId, Op& op) {
      if (op.lane != Lane::kDiskRead) return;
      for (Operand& write : op.writes) {
        if (write.buffer == slots[1]) write.buffer = slots[0];
      }
    });
  }));
}

// Tiles of the head come before the tile in their slot was used: the copies wait for no op.
TEST(WrongSchedule, WithATileOfTheHeadFetchedTooEarlyIsCaught) {
  EXPECT_FALSE(is_caught({}, {}, kTiledControl));
  const auto fetch_too_early = [](LoweredPass& pass) {
    Schedule& schedule = pass.schedule;
    int removed = 0;
    for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
      const OpId id = make_id<OpId>(i);
      const Op& op = schedule[id];
      if (op.lane != Lane::kH2d) continue;
      if (schedule[op.writes[0].buffer].name.find("tile of the head's weight") != 0) continue;
      const auto after = schedule.after(id);
      for (const OpId before : std::vector<OpId>(after.begin(), after.end())) {
        if (schedule[before].lane != Lane::kCompute) continue;
        schedule = schedule.without_dependency(id, before);
        ++removed;
      }
    }
    EXPECT_GT(removed, 0);
    EXPECT_FALSE(find_races(schedule).empty());
  };
  EXPECT_TRUE(is_caught(fetch_too_early, {}, kTiledControl));
}

TEST(WrongSchedule, WithAStaleWeightIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    const BufferId unused = pass.schedule.add_buffer({"unused", Tier::kHost, 16_MiB, false});
    const OpId update =
        find_op(pass.schedule, [](const Op& op) { return op.kind == OpKind::kUpdate; });
    pass.schedule = changed(pass.schedule, [&](OpId id, Op& op) {
      if (id == update) op.writes[0] = {unused, {}, op.writes[0].size};
    });
  }));
}

TEST(WrongSchedule, WithADroppedMicroBatchIsCaught) {
  EXPECT_TRUE(is_caught([](LoweredPass& pass) {
    const OpId round =
        find_op(pass.schedule, [](const Op& op) { return op.kind == OpKind::kRound; });
    pass.schedule = changed(pass.schedule, [&](OpId id, Op& op) {
      if (id == round) op.reads[1] = {};
    });
  }));
}

// --- speculative updates: the run of the setting clips, holds and skips

const Setting kClipping{"llama_tied", Precision::kBF16, 2, true};

Plan speculative_plan() {
  Plan plan = streaming_plan();
  plan.update = UpdateTime::kSpeculative;
  return plan;
}

bool is_speculation_caught(const std::function<void(LoweredPass&)>& tamper) {
  return !is_same(run(kClipping, speculative_plan(), tamper), resident(kClipping));
}

// The buffers of the two slots, each with the other.
std::map<BufferId, BufferId> other_slot(const LoweredPass& pass) {
  std::map<BufferId, BufferId> others;
  for (const auto& block : pass.states.streams) {
    for (const auto& pieces : block) {
      for (const StatePiece& piece : pieces) {
        if (!piece.second.exists()) continue;
        others[piece.buffer] = piece.second;
        others[piece.second] = piece.buffer;
      }
    }
  }
  return others;
}

TEST(WrongSpeculation, OfNothingChangedIsNotCaught) {
  EXPECT_FALSE(is_speculation_caught(
      [](LoweredPass& pass) { pass.schedule = changed(pass.schedule, [](OpId, Op&) {}); }));
}

TEST(WrongSpeculation, ThatNeverExchangesTheSlotsIsCaught) {
  EXPECT_TRUE(is_speculation_caught([](LoweredPass& pass) {
    if (pass.start.found.slot == 0) return;
    const std::map<BufferId, BufferId> others = other_slot(pass);
    ASSERT_FALSE(others.empty());
    const auto exchange = [&](Operands& operands) {
      for (Operand& operand : operands) {
        const auto found = others.find(operand.buffer);
        if (found != others.end()) operand.buffer = found->second;
      }
    };
    pass.schedule = changed(pass.schedule, [&](OpId, Op& op) {
      exchange(op.reads);
      exchange(op.writes);
    });
  }));
}

TEST(WrongSpeculation, ThatIsNotDoneAgainAfterAClippedStepIsCaught) {
  int redone = 0;
  EXPECT_TRUE(is_speculation_caught([&](LoweredPass& pass) {
    if (pass.start.found.pending != Pending::kRedo) return;
    const BufferId unused = pass.schedule.add_buffer({"unused", Tier::kHost, 16_MiB, false});
    pass.schedule = changed(pass.schedule, [&](OpId, Op& op) {
      if (op.kind != OpKind::kUpdate || op.reads[1].buffer != pass.states.pending_scalars) return;
      ++redone;
      for (Operand& write : op.writes) write = {unused, {}, write.size};
    });
  }));
  EXPECT_GT(redone, 0);
}

}  // namespace
}  // namespace longhaul
