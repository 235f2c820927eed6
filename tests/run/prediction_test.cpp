#include "longhaul/run/prediction.h"

#include <gtest/gtest.h>

#include "longhaul/run/run_plan.h"

namespace longhaul {
namespace {

StepTimes times_of(double step, double compute, double host) {
  StepTimes times{.step = {step}};
  times.busy[static_cast<std::size_t>(Lane::kCompute)] = {compute};
  times.busy[static_cast<std::size_t>(Lane::kHost)] = {host};
  return times;
}

TEST(MedianOf, TakesEachNumberByItself) {
  const StepTimes odd = median_of({times_of(1, 30, 5), times_of(3, 10, 6), times_of(2, 20, 4)});
  EXPECT_EQ(odd.step.value, 2.0);
  EXPECT_EQ(odd.busy[static_cast<std::size_t>(Lane::kCompute)].value, 20.0);
  EXPECT_EQ(odd.busy[static_cast<std::size_t>(Lane::kHost)].value, 5.0);
  EXPECT_EQ(median_of({times_of(1, 0, 0), times_of(4, 0, 0)}).step.value, 2.5);
}

TEST(Prediction, NamesTheLaneThatIsOff) {
  const Prediction prediction{times_of(10, 9, 2), times_of(14, 10, 13)};
  EXPECT_DOUBLE_EQ(prediction.drift(), 0.4);
  EXPECT_EQ(prediction.mispredicted(), Lane::kHost);
}

TEST(Prediction, NamesNoLaneWhereNoneExplainsTheStep) {
  EXPECT_EQ((Prediction{times_of(1, 1, 0), times_of(20, 3, 0)}).mispredicted(), std::nullopt);
}

TEST(AdviceOnDrift, NamesWhatToMeasureAgain) {
  const Prediction compute{times_of(10, 9, 2), times_of(14, 13, 2)};
  const Prediction host{times_of(10, 9, 2), times_of(14, 10, 13)};
  RunPlan plan{.machine = "measured figures", .is_assumed = true};
  EXPECT_EQ(advice_on_drift(plan, compute, {}),
            "figures of the machine are assumed, `longhaul profile` measures them");
  plan.problem.measured.nodes.resize(1);
  EXPECT_EQ(advice_on_drift(plan, compute, {}),
            "`longhaul profile RUN.yaml` measures the model's nodes again");
  plan.is_assumed = false;
  EXPECT_EQ(advice_on_drift(plan, host, {}),
            "`longhaul profile` measures the machine again (now measured figures)");
}

TEST(AdviceOnDrift, NamesOtherProgramsWhereTheyTakeTheCores) {
  const Prediction drift{times_of(10, 9, 2), times_of(14, 13, 2)};
  EXPECT_EQ(advice_on_drift({}, drift, {.others = 1.26, .cores = 2}),
            "other programs keep 1.3 of 2 cores busy");
}

TEST(ToJson, HasTheLanesOfBoth) {
  const Json json = to_json({times_of(10, 9, 2), times_of(14, 10, 13)});
  EXPECT_EQ(json.at("lanes").at("host").as_double(), 2.0);
  EXPECT_EQ(json.at("measured").at("seconds").as_double(), 14.0);
  EXPECT_EQ(json.at("measured").at("lanes").at("compute").as_double(), 10.0);
}

}  // namespace
}  // namespace longhaul
