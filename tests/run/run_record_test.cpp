#include "longhaul/run/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/baselines.h"
#include "longhaul/run/run_file.h"

#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kStep =
    R"({"step":1,"loss":2.5,"grad_norm":1,"learning_rate":1,"tokens":8,"target_tokens":4,"seconds":1})"
    "\n";

class RunRecords : public testing::Test {
 protected:
  void SetUp() override {
    write("run.yaml", "model: m\noutput: o\ndata: {train: t.jsonl}\n");
    write("metrics.jsonl", kStep);
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder_ / name, text);
  }
  RunRecord load() const { return load_run_record(folder_.path()); }
  std::string complaint() const {
    try {
      load();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  test::TemporaryFolder folder_;
};

TEST_F(RunRecords, HoldWhatTheFolderHas) {
  RunRecord run = load();
  EXPECT_EQ(run.config.model, "m");
  EXPECT_THAT(run.metrics, SizeIs(1));
  EXPECT_FALSE(run.plan);
  EXPECT_TRUE(run.lanes.is_null());
  EXPECT_FALSE(run.is_finished);

  write("plan.yaml", to_yaml(make_plan("lohan")));
  write("lanes.json", "{\"step\": 3}");
  write("evaluations.jsonl",
        R"({"step":1,"loss":null,"samples":2,"target_tokens":9,"seconds":0.5})"
        "\n");
  write("model/config.json", "{}");
  run = load();
  EXPECT_EQ(run.plan->policy, "lohan");
  EXPECT_EQ(run.lanes.as_int("step"), 3);
  ASSERT_THAT(run.evaluations, SizeIs(1));
  EXPECT_EQ(run.evaluations[0].evaluation.target_tokens, 9);
  EXPECT_TRUE(run.is_finished);
}

TEST_F(RunRecords, NameFileAndLineOfWhatIsWrong) {
  write("metrics.jsonl", std::string(kStep) + "{\"step\":2}\n");
  EXPECT_THAT(complaint(), HasSubstr("metrics.jsonl:2: loss: missing"));
  write("metrics.jsonl", std::string(kStep) + "{\"step\":2,,}\n");
  EXPECT_THAT(complaint(), HasSubstr("metrics.jsonl:2: not JSON"));
  write("metrics.jsonl", "");
  EXPECT_THAT(complaint(), HasSubstr("metrics.jsonl: holds no step"));
  write("metrics.jsonl", kStep);
  write("evaluations.jsonl", "{\"step\":1}\n");
  EXPECT_THAT(complaint(), HasSubstr("evaluations.jsonl:1: loss: missing"));
  write("evaluations.jsonl", "");
  write("lanes.json", "{\n1");
  EXPECT_THAT(complaint(), HasSubstr("lanes.json: not JSON: line 2"));
}

TEST_F(RunRecords, RefuseWhatIsNoRun) {
  EXPECT_THROW(load_run_record(folder_ / "none"), Error);
  std::filesystem::remove(folder_ / "run.yaml");
  EXPECT_THAT(complaint(), HasSubstr("has no run.yaml, expected the output folder of a run"));
}

}  // namespace
}  // namespace longhaul
