// `longhaul bench` with the real program: cells are runs in processes of their own.
#include <thread>

#include "longhaul/core/json.h"

#include "report/html_check.h"
#include "small_run.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

class Bench : public test::SmallRun {
 protected:
  void write_sweep(const std::string& grid, const std::string& rules = "repeats: 2\n") const {
    test::write_bytes(sweep(),
                      "output: " + results().string() + "\nsteps: 3\nwarmup: 1\n" + rules +
                          "base:\n  model: " + model() + "\n  data: {train: " + data() +
                          ", eval: none, max_length: 32}\n"
                          "  training: {precision: fp32}\n  device: {threads: 1}\ngrid:\n" +
                          grid);
  }
  std::string sweep() const { return folder_ / "sweep.yaml"; }
  std::filesystem::path results() const { return folder_ / "bench"; }
  std::int64_t lines() const {
    const std::string text = test::read_bytes(results() / "results.jsonl");
    return std::count(text.begin(), text.end(), '\n');
  }
};

constexpr const char* kGrid = "  batch.tokens_per_step: [64]\n  plan: [resident, recompute]\n";

TEST_F(Bench, MeasuresEveryCellAndReportDrawsIt) {
  write_sweep(kGrid);
  const test::Outcome outcome = run({"bench", sweep()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(lines(), 4);
  // Interleaved: the second repeat of the first cell comes after all others.
  EXPECT_THAT(outcome.out, HasSubstr("\n3/4  batch.tokens_per_step 64  plan resident  "));
  const Json table = Json::parse(test::read_bytes(results() / "results.json"), "results.json");
  ASSERT_EQ(table.at("cells").size(), 2U);
  for (const Json& cell : table.at("cells").elements()) {
    EXPECT_EQ(cell.as_string("status"), "ok") << cell.dump();
    EXPECT_EQ(cell.as_int("repeats"), 2);
    EXPECT_GT(cell.as_double("tokens_per_second"), 0.0);
    EXPECT_GT(cell.at("busy_seconds").as_double("compute"), 0.0);
    EXPECT_GT(cell.at("peak_bytes").as_int("device"), 0);
  }
  const std::string page = folder_ / "page.html";
  ASSERT_EQ(run({"report", results().string(), "-o", page}).exit_code, 0);
  EXPECT_EQ(test::what_is_wrong(test::read_bytes(page)), "");
  EXPECT_THAT(test::read_bytes(page), HasSubstr("<td>recompute</td>"));
  for (const auto& entry : std::filesystem::directory_iterator(results() / "cells")) {
    EXPECT_FALSE(std::filesystem::exists(entry.path() / "model"));
    EXPECT_FALSE(std::filesystem::exists(entry.path() / "checkpoints"));
  }
}

TEST_F(Bench, RecordsWhatDoesNotFitAndWhatFails) {
  write_sweep("  device.memory: [1KiB, 1GiB]\n  plan: [resident, lohan]\n", "");
  const test::Outcome outcome = run({"bench", sweep()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string csv = test::read_bytes(results() / "results.csv");
  EXPECT_THAT(csv, HasSubstr("\n1KiB,resident,oom,1,"));
  EXPECT_THAT(csv, HasSubstr("\n1GiB,resident,ok,1,"));
  EXPECT_THAT(csv, HasSubstr("\n1GiB,lohan,failed,1,"));
  EXPECT_THAT(csv, HasSubstr("training.max_grad_norm asks for clipping"));
}

TEST_F(Bench, GoesOnAfterAnInterruption) {
  write_sweep("  training.seed: [1, 2]\n");
  test::Process process(LONGHAUL_PROGRAM, {"bench", sweep()});
  process.wait_for("2/4");
  process.signal(SIGINT);
  const test::Outcome stopped = process.wait();
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  const std::string before = test::read_bytes(results() / "results.jsonl");
  EXPECT_GE(lines(), 2);
  EXPECT_LT(lines(), 4);

  const test::Outcome resumed = run({"bench", sweep()});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(lines(), 4);
  EXPECT_THAT(test::read_bytes(results() / "results.jsonl"), testing::StartsWith(before));
}

TEST_F(Bench, GoesOnAfterAKill) {
  write_sweep("  training.seed: [1, 2]\n");
  test::Process process(LONGHAUL_PROGRAM, {"bench", sweep()});
  process.wait_for("1/4");
  process.signal(SIGKILL);
  process.wait();
  const test::Outcome resumed = run({"bench", sweep()});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(lines(), 4);
}

TEST_F(Bench, NamesWhatIsWrong) {
  write_sweep("  plna: [resident]\n");
  expect_refusal({"bench", sweep()}, "plna: unknown key (did you mean plan?)");
}

}  // namespace
}  // namespace longhaul
