// What the baseline policies move per step, lane by lane and to the byte, against formulas written
// here: M micro-batches of T tokens through an embedding, L layers of width W and a head.
#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/lower.h"
#include "longhaul/planner/baselines.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

constexpr std::int64_t kTokens = 64;
constexpr std::int64_t kSegments = 4;
constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kBf16 = 2;
// Of a parameter: weight, remainder, two moments.
constexpr std::int64_t kStates = 2 + 2 + 4 + 4;

// Ids, their sorted order, positions and targets of 4 bytes, the offsets of segments.
constexpr std::int64_t kInputs = kTokens * 4 * 4 + (kSegments + 1) * 4;
constexpr auto kScalars = static_cast<std::int64_t>(sizeof(StepScalars));
constexpr auto kResults = static_cast<std::int64_t>(sizeof(StepResults));

struct Traffic {
  std::int64_t up = 0;
  std::int64_t down = 0;
  std::int64_t read = 0;
  std::int64_t written = 0;
};

class PolicyTraffic : public testing::TestWithParam<std::array<int, 2>> {
 protected:
  int layers() const { return GetParam()[0]; }
  int micro_batches() const { return GetParam()[1]; }

  void lower_plan(const Plan& plan) {
    const ModelGraph graph = test::small_decoder(DType::kBF16, /*is_tied=*/false, layers());
    const BatchShape shape{.tokens = kTokens,
                           .max_segments = kSegments,
                           .positions = kTokens,
                           .micro_batches = micro_batches()};
    pass_ = lower(graph, adamw_format(Precision::kBF16), plan, shape, Pass::kTrain, 2);
  }
  // Parameters of a block: 0 the embedding, 1 ... L the layers, L + 1 the head.
  std::int64_t parameters(int block) const {
    return pass_.states.layouts[static_cast<std::size_t>(block)].elements;
  }
  std::int64_t parameters() const {
    std::int64_t all = 0;
    for (int block = 0; block <= layers() + 1; ++block) all += parameters(block);
    return all;
  }
  // Bytes of weights that come in a step, one micro-batch going forward and back before the next
  // begins. Embedding and head are used once per micro-batch. A layer is used twice, and its
  // weights stay in between where the way to the head and back is no longer than the window.
  std::int64_t fetched(int window) const {
    std::int64_t once = 0;
    for (int block = 0; block <= layers() + 1; ++block) {
      const bool is_layer = block >= 1 && block <= layers();
      const int way = 2 * (layers() + 1 - block);
      once += parameters(block) * kBf16 * (is_layer && way > window ? 2 : 1);
    }
    return micro_batches() * once;
  }
  // The input of every layer of every micro-batch, one way. The head's is used at once.
  std::int64_t block_inputs() const {
    return micro_batches() * layers() * kTokens * kWidth * kBf16;
  }
  std::int64_t inputs() const { return micro_batches() * kInputs; }
  // What the step has to say, and of every parameter a sum of squares and a count: they all have
  // one chunk. Nine parameters a layer, the table, the head and its gain.
  std::int64_t results() const { return kResults + (9 * layers() + 3) * 16; }

  void expect(const Traffic& expected) const {
    const auto moved = bytes_moved(pass_.schedule);
    const auto of = [&](Lane lane) { return moved[static_cast<std::size_t>(lane)].count; };
    EXPECT_EQ(of(Lane::kH2d), expected.up);
    EXPECT_EQ(of(Lane::kD2h), expected.down);
    EXPECT_EQ(of(Lane::kDiskRead), expected.read);
    EXPECT_EQ(of(Lane::kDiskWrite), expected.written);
  }

  LoweredPass pass_;
};

TEST_P(PolicyTraffic, OfResidentAndRecomputeIsInputsAndRecords) {
  for (const Plan& plan : {resident_plan(), recompute_plan()}) {
    lower_plan(plan);
    expect({.up = inputs() + kScalars + kUpdateScalarsSize, .down = results()});
  }
}

TEST_P(PolicyTraffic, OfZeroOffloadIsGradientsDownAndWeightsUp) {
  lower_plan(zero_offload_plan());
  expect(
      {.up = inputs() + kScalars + parameters() * kBf16, .down = results() + parameters() * kBf16});
}

TEST_P(PolicyTraffic, OfZeroInfinityReadsWeightsForEveryUseAndAllStatesForTheUpdate) {
  lower_plan(zero_infinity_plan());
  const std::int64_t weights = fetched(/*window=*/1);
  expect({.up = inputs() + kScalars + weights + block_inputs(),
          .down = results() + parameters() * kBf16 + block_inputs(),
          .read = weights + parameters() * kStates,
          .written = parameters() * kStates});
}

TEST_P(PolicyTraffic, OfLohanSerialKeepsTheWeightsOfTheLastLayerAtTheTurn) {
  lower_plan(lohan_plan(UpdateOrder::kSerial));
  const std::int64_t weights = fetched(/*window=*/2);
  expect({.up = inputs() + kScalars + weights + block_inputs(),
          .down = results() + parameters() * kBf16 + block_inputs(),
          .read = weights + parameters() * kStates,
          .written = parameters() * kStates});
}

// The weights that the last backward reads serve the update too. The embedding's backward reads
// none, and the last layer's stayed on the device. Of one micro-batch the update itself measures
// the gradients; of several, the op that rounds their sum does, on the device.
TEST_P(PolicyTraffic, OfLohanReadsFewWeightsForUpdatesInBackward) {
  for (const UpdateOrder order : {UpdateOrder::kNaive, UpdateOrder::kOptimized}) {
    lower_plan(lohan_plan(order));
    const std::int64_t weights = fetched(/*window=*/2);
    expect({.up = inputs() + kScalars + weights + block_inputs(),
            .down = (micro_batches() == 1 ? kResults : results()) + parameters() * kBf16 +
                    block_inputs(),
            .read = weights + parameters() * (kStates - kBf16) +
                    (parameters(0) + parameters(layers())) * kBf16,
            .written = parameters() * kStates});
  }
}

INSTANTIATE_TEST_SUITE_P(LayersAndMicroBatches,
                         PolicyTraffic,
                         testing::Values(std::array{2, 1}, std::array{2, 3}, std::array{5, 2}),
                         [](const auto& test) {
                           return concat(test.param[0], "Layers", test.param[1], "MicroBatches");
                         });

}  // namespace
}  // namespace longhaul
