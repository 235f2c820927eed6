// `longhaul report` on runs of the real program.
#include "longhaul/core/json.h"

#include "report/html_check.h"
#include "small_run.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

class Report : public test::SmallRun {
 protected:
  std::string page() const { return folder_ / "page.html"; }
};

TEST_F(Report, ShowsARunAndComparesTwo) {
  ASSERT_EQ(train().exit_code, 0);
  const std::string second = folder_ / "second";
  ASSERT_EQ(
      run({"train", run_file(), "--set", "output=" + second, "--set", "training.seed=1"}).exit_code,
      0);

  const test::Outcome one = run({"report", output().string(), "-o", page()});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_EQ(one.out, "the report is in " + page() + "\n");
  const std::string of_one = test::read_bytes(page());
  EXPECT_EQ(test::what_is_wrong(of_one), "");
  EXPECT_THAT(of_one, HasSubstr("<title>compute: backward</title>"));
  EXPECT_THAT(of_one, HasSubstr("alive in the tier device"));

  ASSERT_EQ(run({"report", output().string(), second, "-o", page()}).exit_code, 0);
  const std::string of_two = test::read_bytes(page());
  EXPECT_EQ(test::what_is_wrong(of_two), "");
  EXPECT_THAT(of_two, HasSubstr("<tr><th>training.seed</th><td>42</td><td>1</td></tr>"));
}

// Six steps: the first is left out, of five the median is kept.
TEST_F(Report, FindsTheLanesOfATypicalStep) {
  ASSERT_EQ(train().exit_code, 0);
  const std::string file = output() / "lanes.json";
  const std::string text = test::read_bytes(file);
  EXPECT_LT(text.size(), 1'000'000U);
  const Json lanes = Json::parse(text, file);
  EXPECT_GE(lanes.as_int("step"), 2);
  const double busy = lanes.at("lanes").at("compute").as_double("busy_seconds");
  EXPECT_GT(busy, 0.0);
  EXPECT_LE(busy, lanes.as_double("seconds"));
}

// A run that is resumed for one step has no typical one.
TEST_F(Report, KeepsTheLanesWhereNoBetterOnesCome) {
  const auto train_steps = [&](const char* steps) {
    return run({"train", run_file(), "--set", "checkpoint.every=5", "--set", steps}).exit_code;
  };
  ASSERT_EQ(train_steps("training.steps=6"), 0);
  const std::string before = test::read_bytes(output() / "lanes.json");
  std::filesystem::remove_all(output() / "checkpoints/step-6");
  ASSERT_EQ(train_steps("training.steps=6"), 0);
  EXPECT_EQ(test::read_bytes(output() / "lanes.json"), before);
}

TEST_F(Report, NamesWhatIsWrong) {
  expect_refusal({"report", (folder_ / "none").string()}, "none: no such folder");
  expect_refusal({"report", model()}, "has no run.yaml, expected the output folder of a run");
  ASSERT_EQ(train().exit_code, 0);
  const std::string metrics = (output() / "metrics.jsonl").string();
  test::write_bytes(metrics, test::read_bytes(metrics) + "{\"step\":7}\n");
  expect_refusal({"report", output().string()}, "metrics.jsonl:7: loss: missing");
}

}  // namespace
}  // namespace longhaul
