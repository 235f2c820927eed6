#include "longhaul/planner/lohan.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "longhaul/graph/cost.h"
#include "longhaul/planner/published.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;

// Two layers on a machine of round rates: P = 1e9, FLOP_f = 1e12, floor 1 GB.
LohanWork work() {
  return {.parameters = 1e9,
          .forward = {1e12},
          .again = {1e12},
          .block_inputs = Bytes{1'000'000'000},
          .layers = {{{0}, Bytes{2'000'000'000}, {0.4e12}}, {{1}, Bytes{1'000'000'000}, {0.6e12}}}};
}

LohanProfile profile(double flops, double link, double disk) {
  return {{flops}, {flops}, {link}, {disk}, {disk}, Bytes{std::int64_t{1} << 60}};
}

// GPU of 1 TFLOP/s: T_f = 1 s, T_b = 2 s + FLOP_r / 1e12 = 3 s; the disk's 28 GB at 28 GB/s take
// 1 s and bind nowhere.
TEST(LohanStep, TakesTheSlowestOfEachStage) {
  const SwapDecision slow_gpu =
      lohan_step(work(), profile(1e12, 1e11, 28e9), Bytes{1'000'000'000}, Flops{1e12});
  EXPECT_DOUBLE_EQ(slow_gpu.forward.value, 1.0);
  EXPECT_DOUBLE_EQ(slow_gpu.backward.value, 3.0);
  // Disk of 1 GB/s: 2 GB of weights in the forward, 14 + 14 GB of states in the backward.
  const SwapDecision slow_disk =
      lohan_step(work(), profile(1e15, 1e11, 1e9), Bytes{1'000'000'000}, Flops{1e12});
  EXPECT_DOUBLE_EQ(slow_disk.forward.value, 2.0);
  EXPECT_DOUBLE_EQ(slow_disk.backward.value, 28.0);
  // Link of 1 GB/s: 4 GB out, 2 + 4 GB in.
  const SwapDecision slow_link =
      lohan_step(work(), profile(1e15, 1e9, 1e12), Bytes{4'000'000'000}, Flops{});
  EXPECT_DOUBLE_EQ(slow_link.forward.value, 4.0);
  EXPECT_DOUBLE_EQ(slow_link.backward.value, 6.0);
}

// 3 GB of 4 fit the host: 1 GB goes on to disk, after 2 GB of weights, at 1 GB/s.
TEST(LohanStep, SendsToDiskWhatTheHostHasNoRoomFor) {
  LohanProfile machine = profile(1e15, 1e12, 1e9);
  machine.host_free = Bytes{3'000'000'000};
  const SwapDecision step = lohan_step(work(), machine, Bytes{4'000'000'000}, Flops{});
  EXPECT_EQ(step.on_disk, Bytes{1'000'000'000});
  EXPECT_DOUBLE_EQ(step.forward.value, 3.0);
  EXPECT_DOUBLE_EQ(step.backward.value, 29.0);
}

TEST(ChooseSwap, KeepsToTheFloorWhereBytesBind) {
  const SwapDecision decision = choose_swap(work(), profile(1e15, 1e9, 1e9));
  EXPECT_EQ(decision.which, SwapCase::kFloor);
  EXPECT_EQ(decision.swapped, Bytes{1'000'000'000});
  EXPECT_TRUE(decision.tensors.empty());
}

TEST(ChooseSwap, SwapsEverythingWhereTheGpuBinds) {
  const SwapDecision decision = choose_swap(work(), profile(1e11, 1e12, 1e12));
  EXPECT_EQ(decision.which, SwapCase::kAll);
  EXPECT_EQ(decision.swapped, Bytes{4'000'000'000});
  EXPECT_EQ(decision.recomputed, Flops{});
}

// The second layer saves more per byte and goes first. With it the backward takes 2.4 s and the
// forward 1 s (2 GB in 1 s); the first layer would save 0.4 s of GPU and cost 1 s of link.
TEST(ChooseSwap, StopsWhereTheStepWouldGrow) {
  const SwapDecision decision = choose_swap(work(), profile(1e12, 2e9, 1e12));
  EXPECT_EQ(decision.which, SwapCase::kInterior);
  EXPECT_EQ(decision.tensors, (std::vector<TensorId>{{1}}));
  EXPECT_DOUBLE_EQ(decision.forward.value, 1.0);
  EXPECT_DOUBLE_EQ(decision.backward.value, 2.4);
}

// The step is convex in the bytes swapped (equations 7 and 8), so the first prefix after which it
// grows is the best of all prefixes.
TEST(ChooseSwap, FindsTheBestOfAllPrefixes) {
  std::mt19937 random(3);
  const auto draw = [&] { return 0.05 + static_cast<double>(random() % 1000) / 100.0; };
  for (int round = 0; round < 200; ++round) {
    LohanWork some{.parameters = 1e9 * draw(), .block_inputs = Bytes{1'000'000}};
    for (int layer = 0; layer < 12; ++layer) {
      some.layers.push_back(
          {{layer}, Bytes{static_cast<std::int64_t>(1e9 * draw())}, Flops{1e12 * draw()}});
      some.forward += some.layers.back().flops;
    }
    some.again = some.forward;
    LohanProfile machine = profile(3e12 * draw(), 3e9 * draw(), 3e10 * draw());
    machine.host_free = Bytes{static_cast<std::int64_t>(5e9 * draw())};
    const SwapDecision found = choose_swap(some, machine);
    std::sort(some.layers.begin(), some.layers.end(), [](const auto& a, const auto& b) {
      return a.flops.count / static_cast<double>(a.bytes.count) >
             b.flops.count / static_cast<double>(b.bytes.count);
    });
    Bytes swapped = some.block_inputs;
    Flops again = some.again;
    double best = INFINITY;
    for (std::size_t taken = 0;; ++taken) {
      const SwapDecision step = lohan_step(some, machine, swapped, again);
      best = std::min(best, (step.forward + step.backward).value);
      if (taken == some.layers.size()) break;
      swapped += some.layers[taken].bytes;
      again = {std::max(0.0, again.count - some.layers[taken].flops.count)};
    }
    EXPECT_NEAR((found.forward + found.backward).value, best, best * 1e-9) << "round " << round;
  }
}

// The amounts that the paper says its planner chose for 13B (about 9, 42, 160 and 246 GB).
TEST(ChooseSwap, ChoosesThePublishedAmounts) {
  constexpr GptShape kModel{.layers = 40, .width = 5120};
  const auto chosen = [&](int batch) {
    return static_cast<double>(
               choose_swap(lohan_work(kModel, batch), lohan_published_profile()).swapped.count) /
           kGiB;
  };
  EXPECT_NEAR(chosen(24), 9.0, 0.15 * 9.0);
  EXPECT_NEAR(chosen(36), 42.0, 0.15 * 42.0);
  EXPECT_NEAR(chosen(48), 160.0, 0.15 * 160.0);
  EXPECT_NEAR(chosen(60), 246.0, 0.15 * 246.0);
}

TEST(LohanWork, CountsWhatABlockCanComputeAgain) {
  const ModelGraph graph = test::small_decoder(DType::kBF16, false);
  const BatchShape shape{.tokens = 64, .max_segments = 2, .positions = 64};
  const LohanWork work = lohan_work(graph, shape);
  EXPECT_DOUBLE_EQ(work.parameters, static_cast<double>(parameter_count(graph)));
  EXPECT_EQ(work.block_inputs, Bytes{3 * 64 * 32 * 2});  // of two layers and the head
  Flops layers;
  for (const SwapLayer& layer : work.layers) {
    EXPECT_EQ(layer.bytes, byte_count(graph[layer.tensor], shape));
    layers += layer.flops;
  }
  EXPECT_GT(work.again.count, 0.0);
  EXPECT_LE(layers.count, work.again.count);
  EXPECT_LT(work.again.count, work.forward.count);
  // Twice the micro-batches, twice the work and the bytes.
  BatchShape two = shape;
  two.micro_batches = 2;
  EXPECT_EQ(lohan_work(graph, two).block_inputs, work.block_inputs * 2);
  EXPECT_DOUBLE_EQ(lohan_work(graph, two).forward.count, 2.0 * work.forward.count);
}

}  // namespace
}  // namespace longhaul
