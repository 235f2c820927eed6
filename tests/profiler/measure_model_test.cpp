// A real measurement of a small model: that every kind of node is there, not how fast it is.
#include "longhaul/profiler/measure_model.h"

#include <atomic>

#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/graph/alike.h"
#include "longhaul/run/environment.h"

#include "support/planner_problems.h"
#include "support/small_graph.h"

namespace longhaul {
namespace {

class Silence final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view /*message*/) override {}
};

class MeasureModel : public testing::Test {
 protected:
  Problem problem(Precision precision) const {
    const DType dtype = precision == Precision::kF32 ? DType::kF32 : DType::kBF16;
    Problem problem = test::lohan_problem(test::small_decoder(dtype, true, 6), 1, 1, 64, 1);
    problem.machine.device.kind = DeviceKind::kHost;
    problem.format = adamw_format(precision);
    problem.shape = {.tokens = 256, .max_segments = 2, .positions = 256};
    problem.rules.sequence = 48;
    problem.rules.compute_threads = 2;
    return problem;
  }
  ModelTimes measure(const Problem& problem, Bytes memory) {
    return measure_model(
        problem, *model_times_key(problem, probe_environment()), {memory}, {log_, stop_});
  }

  Silence log_;
  std::atomic<bool> stop_ = false;
};

TEST_F(MeasureModel, HasSecondsOfEveryKindOfNode) {
  for (const Precision precision : {Precision::kBF16, Precision::kF32}) {
    const Problem some = problem(precision);
    const ModelTimes times = measure(some, 256_MiB);
    EXPECT_EQ(times.key(), model_times_key(some, probe_environment()));
    EXPECT_EQ(times.sequence, 48);
    EXPECT_EQ(parse_model_times(to_text(times), "written"), times);
    for (const Node& node : some.graph.nodes) {
      const NodeTimes& taken = times.nodes.at(work_of(node));
      EXPECT_GT(taken.forward.value, 0.0) << node.name;
      EXPECT_EQ(taken.backward.value > 0.0, !is<Add>(node)) << node.name;
      EXPECT_LT(taken.forward.value + taken.backward.value, 1.0) << node.name;
    }
  }
}

// A head in tiles of the vocabulary runs as two passes over them.
TEST_F(MeasureModel, MeasuresAHeadAsTheRunCutsIt) {
  Problem some = problem(Precision::kBF16);
  tile_head(some.graph, 32);
  const ModelTimes times = measure(some, 256_MiB);
  const NodeTimes& head = times.nodes.at("head_loss 96 x 32, tiles of 32 rows");
  EXPECT_GT(head.forward.value, 0.0);
  EXPECT_GT(head.backward.value, 0.0);
}

TEST_F(MeasureModel, TakesNoMoreMemoryThanItMay) {
  EXPECT_THROW(measure(problem(Precision::kBF16), Bytes{1 << 14}), DoesNotFit);
}

TEST_F(MeasureModel, StopsWhenItIsAsked) {
  stop_ = true;
  EXPECT_THROW(measure(problem(Precision::kBF16), 256_MiB), Error);
}

}  // namespace
}  // namespace longhaul
