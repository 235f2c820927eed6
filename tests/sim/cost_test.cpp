#include "longhaul/sim/cost.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/cost.h"
#include "longhaul/optim/state_format.h"
#include "longhaul/plan/lower.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

template <class Quantity>
Figure<Quantity> figure(Quantity value) {
  return {.value = value, .source = "the test"};
}

MoveCurve moves(double rate) {
  return {{{Bytes{}, figure(BytesPerSecond{rate})}}};
}

WorkCurve works(double rate) {
  return {{{Flops{}, figure(FlopsPerSecond{rate})}}};
}

// Rates are powers of ten, so that times are easy to write down.
HardwareProfile machine(DeviceKind kind = DeviceKind::kCuda) {
  const ComputeRates rates{works(1e12), works(0.5e12), works(0.25e12), works(0.125e12)};
  return {.name = "test",
          .device = {.kind = kind,
                     .name = "test",
                     .memory = figure(24_GiB),
                     .bandwidth = moves(1e12),
                     .launch = figure(Seconds{1e-6}),
                     .bf16 = rates,
                     .fp32 = rates},
          .link = {moves(1e10), moves(2e10), figure(0.75), figure(Seconds{1e-5})},
          .host = {.cores = figure(8),
                   .memory = figure(64_GiB),
                   .bandwidth = figure(BytesPerSecond{5e10}),
                   .optimizer = {{{2, figure(ParametersPerSecond{1e9})},
                                  {4, figure(ParametersPerSecond{2e9})}}},
                   .pin_limit = figure(64_GiB),
                   .pin_rate = figure(BytesPerSecond{1e9})},
          .storage = {.disks = {{.name = "disk",
                                 .capacity = figure(Bytes{1'000'000'000'000}),
                                 .read = {{.rate = figure(BytesPerSecond{5e9})}},
                                 .write = {{.rate = figure(BytesPerSecond{2.5e9})}}}}}};
}

constexpr BatchShape kShape{.tokens = 4096, .max_segments = 5, .positions = 1024};

float demand(const OpCost& cost, Resource resource) {
  return cost.demand[static_cast<std::size_t>(resource)];
}

class CostModelTest : public testing::Test {
 protected:
  Op copy(Lane lane, Bytes size) {
    const BufferId buffer = schedule.add_buffer({"buffer", Tier::kHost, size, true});
    Op op{.kind = OpKind::kCopy, .lane = lane};
    op.reads = {{buffer, {}, size}};
    op.writes = {{buffer, {}, size}};
    return op;
  }
  Op update(std::int64_t parameters) {
    Op op{.kind = OpKind::kUpdate, .lane = Lane::kHost};
    const BufferId buffer =
        schedule.add_buffer({"state", Tier::kHost, Bytes{parameters * 4}, true});
    op.reads = {{buffer, {}, Bytes{parameters * 2}}};
    op.writes = {{buffer, {}, Bytes{parameters * 4}}};
    op.accumulates = 1;
    return op;
  }
  const Node& node(const char* name) const {
    for (const Node& candidate : graph.nodes) {
      if (candidate.name == name) return candidate;
    }
    throw InvalidArgument(name);
  }
  Op op_of(OpKind kind, const Node& which) const {
    Op op{.kind = kind, .lane = Lane::kCompute};
    op.node = make_id<NodeId>(static_cast<std::size_t>(&which - graph.nodes.data()));
    return op;
  }

  ModelProfile nothing_measured() const {
    return {.nodes = std::vector<std::optional<NodeSeconds>>(graph.nodes.size()),
            .tokens = kShape.tokens,
            .sequence = kShape.tokens};
  }

  Schedule schedule;
  ModelGraph graph = test::small_decoder(DType::kBF16, false);
};

TEST_F(CostModelTest, CopiesTakeTheirLatencyAndTheRateOfTheirDirection) {
  const CostModel model(machine(), graph, kShape);
  EXPECT_DOUBLE_EQ(model(copy(Lane::kH2d, Bytes{1'000'000})).alone.value, 1e-5 + 1e-4);
  EXPECT_DOUBLE_EQ(model(copy(Lane::kD2h, Bytes{1'000'000})).alone.value, 1e-5 + 0.5e-4);
  EXPECT_DOUBLE_EQ(model(copy(Lane::kDiskRead, Bytes{1'000'000})).alone.value, 2e-4);
  EXPECT_DOUBLE_EQ(model(copy(Lane::kDiskWrite, Bytes{1'000'000})).alone.value, 4e-4);
}

TEST_F(CostModelTest, CopiesTakeTheirPartOfTheHostsMemory) {
  const CostModel model(machine(), graph, kShape);
  const OpCost read = model(copy(Lane::kDiskRead, Bytes{1'000'000}));
  EXPECT_FLOAT_EQ(demand(read, Resource::kHostMemory), 0.1F);  // 5 of 50 GB/s
  EXPECT_FLOAT_EQ(demand(read, Resource::kDisk), 1.0F);
  EXPECT_FLOAT_EQ(demand(read, Resource::kCores), 0.0F);
  EXPECT_DOUBLE_EQ(model.shared()[static_cast<std::size_t>(Resource::kLink)], 1.5);
}

TEST_F(CostModelTest, UpdatesRunAtTheRateOfTheirThreads) {
  EXPECT_DOUBLE_EQ(
      CostModel(machine(), graph, kShape, {.update_threads = 2})(update(1'000'000)).alone.value,
      1e-3);
  const OpCost cost = CostModel(machine(), graph, kShape, {.update_threads = 4})(update(1'000'000));
  EXPECT_DOUBLE_EQ(cost.alone.value, 0.5e-3);
  EXPECT_FLOAT_EQ(demand(cost, Resource::kHostMemory), 0.4F);  // (2 + 2 * 4) MB in 0.5 ms
}

// On a GPU bytes at the rate of its memory; on a processor the same threads do the same work.
TEST_F(CostModelTest, UpdatesOnTheDeviceAreWhatTheDeviceIs) {
  Op op = update(1'000'000);
  op.lane = Lane::kCompute;
  EXPECT_DOUBLE_EQ(CostModel(machine(), graph, kShape)(op).alone.value, 1e-6 + 10e6 / 1e12);
  const CostRules rules{.compute_threads = 4, .update_threads = 2};
  const OpCost cost = CostModel(machine(DeviceKind::kHost), graph, kShape, rules)(op);
  EXPECT_DOUBLE_EQ(cost.alone.value, 0.5e-3);
  EXPECT_FLOAT_EQ(demand(cost, Resource::kCores), 0.5F);
}

TEST_F(CostModelTest, ProductsTakeTheirFlopsOrTheirBytesWhicheverIsLonger) {
  const CostModel model(machine(), graph, kShape);
  // 2 * 4096 * 32 * 48 FLOP at 1 TFLOP/s; its 0.66 MB take 0.66 us at 1 TB/s.
  const Node& gate = node("gate");
  EXPECT_DOUBLE_EQ(model(op_of(OpKind::kForward, gate)).alone.value,
                   1e-6 + 2.0 * 4096 * 32 * 48 / 1e12);
  const Node& swiglu = node("swiglu");
  const Bytes bytes = forward_cost(graph, swiglu, kShape).bytes;
  EXPECT_DOUBLE_EQ(model(op_of(OpKind::kForward, swiglu)).alone.value,
                   1e-6 + static_cast<double>(bytes.count) / 1e12);
}

TEST_F(CostModelTest, BackwardOfAFrozenWeightIsOneProduct) {
  const CostModel model(machine(), graph, kShape);
  const BufferId buffer = schedule.add_buffer({"gradient", Tier::kDevice, Bytes{64}, false});
  Op both = op_of(OpKind::kBackward, node("gate"));
  both.writes = {{buffer, {}, Bytes{64}}, {buffer, {}, Bytes{64}}};
  Op one = both;
  one.writes[1] = {};
  EXPECT_DOUBLE_EQ(model(both).alone.value, 1e-6 + 4.0 * 4096 * 32 * 48 / 0.5e12);
  EXPECT_DOUBLE_EQ(model(one).alone.value, model(both).alone.value / 2);
}

// The second pass over the vocabulary computes the logits once more.
TEST_F(CostModelTest, TilesOfAHeadCostTheWholeOneAndItsForwardAgain) {
  const CostModel model(machine(), graph, kShape);
  const auto head_seconds = [&](std::int64_t tile_rows) {
    ModelGraph cut = graph;
    tile_head(cut, tile_rows);
    const LoweredPass pass =
        lower(cut, adamw_format(Precision::kBF16), {}, kShape, Pass::kTrain, 2);
    double seconds = 0.0;
    for (const Op& op : pass.schedule.ops()) {
      const bool is_head = op.kind == OpKind::kHeadLoss || op.kind == OpKind::kHeadStatistics ||
                           op.kind == OpKind::kHeadGradient;
      if (is_head) seconds += model(op).alone.value;
    }
    return seconds;
  };
  const double forward = model(op_of(OpKind::kForward, node("head"))).alone.value;
  const double whole = head_seconds(0);
  EXPECT_NEAR(head_seconds(32), whole + forward, 1e-3 * whole);
}

TEST_F(CostModelTest, AttentionCostsTheSequencesNotTheMicroBatch) {
  const HardwareProfile hardware = machine();
  HardwareProfile endless = hardware;  // so that bytes never bind
  endless.device.bandwidth = moves(1e15);
  const Op attention = op_of(OpKind::kForward, node("attention"));
  const double whole = CostModel(endless, graph, kShape)(attention).alone.value - 1e-6;
  const double four = CostModel(endless, graph, kShape, {.sequence = 1024})(attention).alone.value;
  EXPECT_NEAR(four - 1e-6, whole / 4, whole * 1e-9);
}

TEST_F(CostModelTest, MeasuredNodesReplaceFormulas) {
  ModelProfile measured = nothing_measured();
  const Node& gate = node("gate");
  measured.nodes[static_cast<std::size_t>(&gate - graph.nodes.data())] = {{0.25}, {0.75}};
  const CostModel model(machine(), graph, kShape, {}, measured);
  EXPECT_EQ(model(op_of(OpKind::kForward, gate)).alone, Seconds{0.25});
  EXPECT_NE(model(op_of(OpKind::kForward, node("up"))).alone, Seconds{0.25});
  measured.nodes.resize(3);
  EXPECT_THROW(CostModel(machine(), graph, kShape, {}, measured), InvalidArgument);
}

// What was measured of 2,048 tokens in sequences of 512 says something of other shapes too.
TEST_F(CostModelTest, WhatWasMeasuredFollowsTheFormulasToAnotherShape) {
  HardwareProfile machine_without_starts = machine();
  machine_without_starts.device.launch.value = {};
  machine_without_starts.device.bandwidth = moves(1e15);
  ModelProfile measured = nothing_measured();
  measured.tokens = kShape.tokens / 2;
  measured.sequence = 512;
  for (auto& seconds : measured.nodes) seconds = {{0.25}, {0.75}};
  const CostModel model(machine_without_starts, graph, kShape, {.sequence = 1024}, measured);
  EXPECT_NEAR(model(op_of(OpKind::kForward, node("gate"))).alone.value, 0.5, 1e-9);
  EXPECT_NEAR(model(op_of(OpKind::kForward, node("attention"))).alone.value, 1.0, 1e-9);
}

TEST_F(CostModelTest, AHostDeviceComputesOnTheCoresThatTheOptimizerUses) {
  const CostModel model(
      machine(DeviceKind::kHost), graph, kShape, {.compute_threads = 6, .update_threads = 2});
  EXPECT_FLOAT_EQ(demand(model(op_of(OpKind::kForward, node("gate"))), Resource::kCores), 0.75F);
  EXPECT_FLOAT_EQ(demand(model(update(1'000'000)), Resource::kCores), 0.25F);
  EXPECT_FLOAT_EQ(demand(model(copy(Lane::kH2d, Bytes{1'000'000})), Resource::kCores), 0.125F);
}

TEST_F(CostModelTest, SharedCoresYieldWhatTheMachineSays) {
  const auto cores = static_cast<std::size_t>(Resource::kCores);
  HardwareProfile processor = machine(DeviceKind::kHost);
  EXPECT_EQ(CostModel(processor, graph, kShape).shared()[cores], 1.0);
  processor.host.sharing = figure(0.75);
  EXPECT_EQ(CostModel(processor, graph, kShape).shared()[cores], 0.75);
}

// On a device that computes on them.
TEST_F(CostModelTest, DisksTakeTheirPartOfTheCores) {
  HardwareProfile processor = machine(DeviceKind::kHost);
  const Op read = copy(Lane::kDiskRead, Bytes{1'000'000});
  EXPECT_FLOAT_EQ(demand(CostModel(processor, graph, kShape)(read), Resource::kCores), 0.0F);
  processor.storage.core = figure(0.4);
  EXPECT_FLOAT_EQ(demand(CostModel(processor, graph, kShape)(read), Resource::kCores), 0.05F);
  processor.device.kind = DeviceKind::kCuda;
  EXPECT_FLOAT_EQ(demand(CostModel(processor, graph, kShape)(read), Resource::kCores), 0.0F);
}

TEST_F(CostModelTest, RefusesADiskThatIsNotThere) {
  HardwareProfile diskless = machine();
  diskless.storage.disks.clear();
  const CostModel model(diskless, graph, kShape);
  EXPECT_THROW(model(copy(Lane::kDiskRead, Bytes{4096})), InvalidArgument);
}

// Every op of a lowered step has a cost.
TEST_F(CostModelTest, CostsEveryOpOfAStep) {
  const LoweredPass pass =
      lower(graph, adamw_format(Precision::kBF16), Plan{}, kShape, Pass::kTrain, 1);
  for (const OpCost& cost : op_costs(pass.schedule, CostModel(machine(), graph, kShape)).ops) {
    EXPECT_GT(cost.alone.value, 0.0);
    EXPECT_LT(cost.alone.value, 1.0);
  }
}

}  // namespace
}  // namespace longhaul
