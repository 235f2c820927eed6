// Weights that come to the device for their use: how far ahead, and tile by tile for the head.
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/plan/lower.h"
#include "longhaul/schedule/order.h"

#include "support/small_graph.h"

namespace longhaul {
namespace {

BatchShape shape_of(Pass pass, int micro_batches) {
  if (pass == Pass::kDecode) return {.tokens = 1, .positions = 64};
  return {.tokens = 64, .max_segments = 4, .positions = 64, .micro_batches = micro_batches};
}

// --- windows of weights

class WeightWindow : public testing::TestWithParam<int> {
 protected:
  static constexpr int kLayers = 5;

  WeightWindow()
      : graph_(test::small_decoder(DType::kBF16, false, kLayers)),
        pass_(lower(graph_,
                    adamw_format(Precision::kBF16),
                    plan(),
                    shape_of(Pass::kTrain, 2),
                    Pass::kTrain,
                    2)) {}

  static Plan plan() {
    Plan plan;
    plan.group = 0;
    plan.blocks.weights = {Tier::kHost};
    plan.weight_window = GetParam();
    return plan;
  }
  // The fetches of a block, in order: each writes a buffer of its own.
  std::vector<OpId> fetches(std::size_t block) const {
    const std::string name = concat("weights of ", graph_.blocks[block].name, ", fetched");
    std::vector<OpId> ids;
    for (std::size_t i = 0; i < pass_.schedule.ops().size(); ++i) {
      const Op& op = pass_.schedule.ops()[i];
      if (op.lane == Lane::kH2d && pass_.schedule[op.writes[0].buffer].name == name) {
        ids.push_back(make_id<OpId>(i));
      }
    }
    return ids;
  }
  // The last op that runs a block forward.
  OpId last_forward(std::size_t block) const {
    OpId last;
    for (std::size_t i = 0; i < pass_.schedule.ops().size(); ++i) {
      const Op& op = pass_.schedule.ops()[i];
      if (op.kind == OpKind::kForward && op.block.index() == block) last = make_id<OpId>(i);
    }
    return last;
  }

  ModelGraph graph_;
  LoweredPass pass_;
};

// A layer is used by its forward turn and 2 * (layers behind it, and the head) turns later.
TEST_P(WeightWindow, KeepsTheBlocksAroundTheTurnAndFetchesTheOthersTwice) {
  for (std::size_t layer = 0; layer < kLayers; ++layer) {
    const int turns = 2 * (kLayers - static_cast<int>(layer));
    EXPECT_EQ(fetches(1 + layer).size(), turns <= GetParam() ? 1U : 2U) << "layer " << layer;
  }
  EXPECT_EQ(fetches(kLayers + 1).size(), 1U);  // forward and backward in one turn
}

TEST_P(WeightWindow, BoundsHowFarFetchesRunAhead) {
  const HappensBefore is_before(pass_.schedule);
  const auto window = static_cast<std::size_t>(GetParam());
  for (std::size_t block = window + 2; block <= kLayers; ++block) {
    const OpId fetch = fetches(block).front();
    EXPECT_TRUE(is_before(last_forward(block - window - 1), fetch)) << "block " << block;
    EXPECT_FALSE(is_before(last_forward(block - window), fetch)) << "block " << block;
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, WeightWindow, testing::Values(0, 1, 2, 4));

// --- a head cut over the vocabulary

struct Streamed {
  Pass pass;
  int micro_batches;
  bool is_tied;
  Tier home;
};

class StreamedHead : public testing::TestWithParam<Streamed> {
 protected:
  static constexpr std::int64_t kTileRows = 32;  // of 96

  LoweredPass lower_streamed() const {
    const Streamed& c = GetParam();
    Plan plan;
    plan.blocks = {.weights = {c.home},
                   .states = {Tier::kHost},
                   .update_on = Tier::kHost,
                   .gradients = Tier::kHost};
    plan.exceptions["embedding"] = plan.blocks;
    plan.exceptions["embedding"].weights = {Tier::kHost};
    plan.accumulators = Tier::kHost;
    plan.embeds_on_host = true;
    ModelGraph graph = test::small_decoder(DType::kBF16, c.is_tied);
    tile_head(graph, kTileRows);
    return lower(
        graph, adamw_format(Precision::kBF16), plan, shape_of(c.pass, c.micro_batches), c.pass, 2);
  }
};

// Nor the gradient: both have 96 rows of 32 numbers of 2 bytes.
TEST_P(StreamedHead, NeverHasItsWeightOnTheDeviceAsAWhole) {
  const LoweredPass pass = lower_streamed();
  EXPECT_NO_THROW(check(pass.schedule));
  int tiles = 0;
  for (const Buffer& buffer : pass.schedule.buffers()) {
    const bool is_parameter = buffer.name.find("weight") != std::string::npos ||
                              buffer.name.find("gradients of") == 0 ||
                              buffer.name.find("d_table") == 0 || buffer.name.find("d_head") == 0;
    if (buffer.tier != Tier::kDevice || !is_parameter) continue;
    if (buffer.size == Bytes{kTileRows * 32 * 2}) ++tiles;
    EXPECT_TRUE(buffer.name.find("of layer") != std::string::npos ||
                buffer.size <= Bytes{kTileRows * 32 * 2})
        << buffer.name << ' ' << buffer.size.count;
  }
  EXPECT_EQ(tiles, GetParam().pass == Pass::kTrain ? 4 : 2);  // two slots in, two slots out
}

TEST_P(StreamedHead, FetchesEveryTileForEachPassOverTheVocabulary) {
  const LoweredPass pass = lower_streamed();
  std::int64_t bytes = 0;
  for (const Op& op : pass.schedule.ops()) {
    if (op.lane != Lane::kH2d) continue;
    const std::string& name = pass.schedule[op.writes[0].buffer].name;
    if (name.find("tile of the head's weight") == 0) bytes += op.writes[0].size.count;
  }
  const int passes = GetParam().pass == Pass::kTrain ? 2 : 1;
  EXPECT_EQ(bytes, std::int64_t{96} * 32 * 2 * passes * GetParam().micro_batches);
}

INSTANTIATE_TEST_SUITE_P(Passes,
                         StreamedHead,
                         testing::Values(Streamed{Pass::kTrain, 1, true, Tier::kHost},
                                         Streamed{Pass::kTrain, 1, false, Tier::kHost},
                                         Streamed{Pass::kTrain, 1, false, Tier::kDisk},
                                         Streamed{Pass::kTrain, 3, true, Tier::kHost},
                                         Streamed{Pass::kTrain, 3, false, Tier::kDisk},
                                         Streamed{Pass::kEvaluate, 1, true, Tier::kHost},
                                         Streamed{Pass::kPrefill, 1, false, Tier::kHost},
                                         Streamed{Pass::kDecode, 1, true, Tier::kHost}));

TEST(StreamedHead, IsFetchedWithoutItsWeightWhereItOwnsMore) {
  ModelGraph graph = test::small_decoder(DType::kBF16, false);
  tile_head(graph, 32);
  Plan plan;
  plan.blocks.weights = {Tier::kHost};
  const LoweredPass pass = lower(graph,
                                 adamw_format(Precision::kBF16),
                                 plan,
                                 shape_of(Pass::kEvaluate, 1),
                                 Pass::kEvaluate,
                                 2);
  std::vector<std::int64_t> sizes;
  for (const Buffer& buffer : pass.schedule.buffers()) {
    if (buffer.name == "weights of head, fetched") sizes.push_back(buffer.size.count);
  }
  EXPECT_EQ(sizes, std::vector<std::int64_t>{kSlotAlignment * 2});  // the gain of the last norm
}

}  // namespace
}  // namespace longhaul
