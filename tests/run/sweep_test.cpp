#include "longhaul/run/sweep.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/run/bench.h"
#include "longhaul/run/sweep_results.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

class QuietLog final : public LogSink {
 public:
  void write(LogLevel /*level*/, std::string_view /*message*/) override {}
};

// 13B on LoHan's server, simulated.
std::string text_of(const std::string& output, const std::string& grid) {
  return "output: " + output +
         "\nsimulate: true\nbase:\n  model: configs/models/gpt-13b.json\n"
         "  hardware: configs/hardware/lohan_rtx4090.yaml\n  data: {max_length: 1024}\n"
         "  training: {precision: bf16, max_grad_norm: none}\ngrid:\n" +
         grid;
}

Sweep parse(const std::string& text) {
  return parse_sweep(parse_document(text, "sweep.yaml"));
}

std::string complaint_about(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(Sweep, HasACellForEveryCombination) {
  const Sweep sweep =
      parse(text_of("out", "  batch.tokens_per_step: [8192, 16384]\n  plan: [lohan, recompute]\n"));
  ASSERT_THAT(sweep.cells, SizeIs(4));
  EXPECT_THAT(sweep.cells[1].settings,
              ElementsAre(Pair("batch.tokens_per_step", "8192"), Pair("plan", "recompute")));
  EXPECT_EQ(sweep.cells[1].config.batch.tokens_per_step, 8192);
  EXPECT_EQ(sweep.cells[1].config.plan, "recompute");
  EXPECT_EQ(sweep.cells[2].config.batch.tokens_per_step, 16384);
  std::set<std::string> ids;
  for (const SweepCell& cell : sweep.cells) ids.insert(cell.id);
  EXPECT_THAT(ids, SizeIs(4));
}

TEST(Sweep, CutsTheStepIntoMicroBatches) {
  const Sweep sweep =
      parse(text_of("out", "  micro_batches: [1, 4]\n  batch.tokens_per_step: [16384]\n"));
  EXPECT_EQ(sweep.cells[0].config.batch.tokens_per_micro_batch, 16384);
  EXPECT_EQ(sweep.cells[1].config.batch.tokens_per_micro_batch, 4096);
}

TEST(Sweep, HasKeysThatNoRunHas) {
  const Sweep sweep = parse(text_of("out",
                                    "  plan: [lohan]\n  drives: [3]\n  swap_bytes: [1GiB]\n"
                                    "  system: [longhaul, zero_infinity]\n"));
  ASSERT_THAT(sweep.cells, SizeIs(2));
  EXPECT_FALSE(sweep.cells[0].system);
  EXPECT_EQ(sweep.cells[1].system, PublishedSystem::kZeroInfinity);
  EXPECT_EQ(sweep.cells[1].drives, 3);
  EXPECT_EQ(sweep.cells[1].swap_bytes, Bytes{1 << 30});
}

TEST(Sweep, NamesFileLineAndKeyOfWhatIsWrong) {
  const std::string good = text_of("out", "  plan: [lohan]\n");
  EXPECT_EQ(complaint_about(good), "none");
  const std::vector<std::pair<std::string, std::string>> cases{
      {text_of("out", "  plna: [lohan]\n"), "sweep.yaml:9: plna: unknown key (did you mean plan?)"},
      {text_of("out", "  seed: [1]\n"),
       "sweep.yaml:9: seed: unknown key (did you mean training.seed?)"},
      {text_of("out", "  training.seed: [1, x]\n"),
       "sweep.yaml:9: training.seed: got x, expected an integer"},
      {text_of("out", "  plan: lohan\n"), "sweep.yaml:9: grid.plan: got lohan, expected a list"},
      {text_of("out", "  plan: []\n"), "grid.plan: got a list of 0, expected a list of values"},
      {text_of("out", "  drives: [0]\n"), "sweep.yaml:9: grid.drives: got 0, expected"},
      {text_of("out", "  system: [x]\n"), "sweep.yaml:9: grid.system: got x, expected longhaul"},
      {text_of("out", "  swap_bytes: [1GiB]\n"), "swap_bytes goes with plan: lohan"},
      {text_of("out", "  micro_batches: [3]\n"), "micro_batches: got 3, which does not cut 8192"},
      {text_of("out", "  micro_batches: [16]\n"), "micro_batches: got 16, which does not cut 8192"},
      {good + "repeats: 2\n", "repeats: got more than 1, but a simulation has one answer"},
      {good + "stepz: 2\n", "sweep.yaml:10: stepz: unknown key (did you mean steps?)"},
      {"output: o\nbase: {model: m, output: x, data: {train: t}}\n",
       "sweep.yaml:2: base.output: got a folder"},
      {"output: o\nbase: {model: m, data: {train: t}}\ngrid: {drives: [1]}\n",
       "sweep.yaml:3: grid.drives: is for simulate: true only"},
      {"output: o\nsimulate: true\nbase: {model: m}\n", "base.hardware: missing"},
      {"output: o\nbase: {model: m}\n", "data.train: missing"},
      {"output: o\n", "base: missing"}};
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(complaint_about(text), HasSubstr(message)) << text;
  }
}

CellResult result_of(const SweepCell& cell, std::int64_t repeat, double seconds) {
  return {.id = cell.id,
          .repeat = repeat,
          .settings = cell.settings,
          .step = {seconds},
          .tokens = 100.0,
          .busy = {Seconds{seconds / 2}},
          .peak = {Bytes{7}}};
}

// By hand: of 1, 2 and 4 seconds the median is 2, the quartiles 1.5 and 3.
TEST(SweepTable, HoldsTheMedianOfTheRepeats) {
  const Sweep sweep = parse(text_of("out", "  training.seed: [1, 2, 3]\n"));
  std::vector<CellResult> results;
  for (const double seconds : {4.0, 1.0, 2.0}) {
    results.push_back(result_of(sweep.cells[0], 1, seconds));
  }
  results.push_back(result_of(sweep.cells[1], 1, 0.0));
  results.back().status = CellStatus::kOom;
  results.back().reason = "needs 3 GiB, \"has\" 2";
  results.push_back({.id = "of another sweep"});
  const SweepTable table = make_table(sweep, results);
  ASSERT_THAT(table.rows, SizeIs(3));
  EXPECT_EQ(table.rows[0].seconds.median, 2.0);
  EXPECT_EQ(table.rows[0].seconds.low, 1.5);
  EXPECT_EQ(table.rows[0].seconds.high, 3.0);
  EXPECT_EQ(table.rows[0].tokens_per_second(), 50.0);
  EXPECT_EQ(table.rows[1].status, CellStatus::kOom);
  EXPECT_EQ(table.rows[2].repeats, 0);
  EXPECT_EQ(to_csv(table),
            "training.seed,status,repeats,seconds,seconds_low,seconds_high,tokens_per_second,"
            "device_bytes,host_bytes,disk_bytes,reason\n"
            "1,ok,3,2,1.5,3,50,7,0,0,\n"
            "2,oom,1,,,,,,,,\"needs 3 GiB, \"\"has\"\" 2\"\n"
            "3,open,0,,,,,,,,\n");
  EXPECT_EQ(to_json(parse_table(to_json(table))), to_json(table));
}

class SimulatedSweep : public testing::Test {
 protected:
  std::string output() const { return folder_ / "out"; }
  // How many cells were simulated now.
  std::size_t run(const std::string& grid) {
    std::size_t count = 0;
    table_ = run_sweep(
        parse(text_of(output(), grid)),
        [&](const BenchProgress&) {
          ++count;
          if (count == stop_after_) stop_ = true;
        },
        log_,
        stop_);
    return count;
  }
  std::string results() const { return test::read_bytes(output() + "/results.jsonl"); }

  test::TemporaryFolder folder_;
  QuietLog log_;
  SweepTable table_;
  std::atomic<bool> stop_{false};
  std::size_t stop_after_ = 0;
};

constexpr const char* kSystems =
    "  batch.tokens_per_step: [8192, 16384]\n  system: [lohan, zero_offload, zero_infinity]\n";

TEST_F(SimulatedSweep, PredictsThePublishedSystems) {
  EXPECT_EQ(run(kSystems), 6U);
  // tests/data/lohan_13b.csv, batch 8: ZeRO-Infinity 202 tokens/s.
  EXPECT_NEAR(table_.rows[2].tokens_per_second(), 202.0, 0.05 * 202.0);
  EXPECT_TRUE(table_.is_simulated);
  EXPECT_EQ(test::read_bytes(output() + "/results.csv"), to_csv(table_));
}

TEST_F(SimulatedSweep, GoesOnWhereItWasStopped) {
  stop_after_ = 2;
  EXPECT_EQ(run(kSystems), 2U);
  const std::string before = results();
  // As a killed process leaves it.
  test::write_bytes(output() + "/results.jsonl", before + "{\"cell\":\"to");
  stop_ = false;
  stop_after_ = 0;
  EXPECT_EQ(run(kSystems), 4U);
  EXPECT_THAT(results(), StartsWith(before));
  EXPECT_EQ(run(kSystems), 0U);
  EXPECT_EQ(table_.rows[5].repeats, 1);
}

TEST_F(SimulatedSweep, DoesAgainWhatHasChanged) {
  EXPECT_EQ(run("  system: [lohan]\n  drives: [1]\n"), 1U);
  EXPECT_EQ(run("  system: [lohan]\n  drives: [1, 2]\n"), 1U);
  EXPECT_EQ(run("  system: [lohan]\n  drives: [1]\n  training.seed: [7]\n"), 1U);
}

TEST_F(SimulatedSweep, RecordsWhatDoesNotFit) {
  EXPECT_EQ(run("  plan: [resident, zero_infinity]\n  batch.tokens_per_step: [1024]\n"), 2U);
  EXPECT_EQ(table_.rows[0].status, CellStatus::kOom);
  EXPECT_THAT(table_.rows[0].reason, HasSubstr("device memory: needs "));
  EXPECT_EQ(table_.rows[1].status, CellStatus::kOk) << table_.rows[1].reason;
  EXPECT_GT(table_.rows[1].busy[0], Seconds{});
}

TEST_F(SimulatedSweep, RecordsWhatCannotRun) {
  EXPECT_EQ(run("  plan: [lohan]\n  training.max_grad_norm: [1.0]\n"), 1U);
  EXPECT_EQ(table_.rows[0].status, CellStatus::kFailed);
  EXPECT_THAT(table_.rows[0].reason, HasSubstr("max_grad_norm"));
}

TEST_F(SimulatedSweep, NamesTheLineOfADamagedResult) {
  run("  system: [lohan]\n");
  test::write_bytes(output() + "/results.jsonl", results() + "{}\n");
  try {
    run("  system: [lohan]\n");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_THAT(error.what(), HasSubstr("results.jsonl:2: cell: missing"));
  }
}

TEST(Sweep, OfLohansEvaluationAreReadable) {
  for (const char* name : {"throughput", "orders", "drives", "largest_model", "swaps"}) {
    const Sweep sweep = parse_sweep(
        load_document(std::string(LONGHAUL_SOURCE_DIR "/configs/bench/lohan_") + name + ".yaml"));
    EXPECT_TRUE(sweep.simulate) << name;
    EXPECT_GE(sweep.cells.size(), 12U) << name;
  }
}

}  // namespace
}  // namespace longhaul
