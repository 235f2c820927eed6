#include "longhaul/config/config_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::EndsWith;
using testing::StartsWith;

TEST(ConfigErrors, ReportsAllAtOnceSortedByLineWithOverridesLast) {
  ConfigErrors errors;
  errors.add({"--set"}, "seed", "c");
  errors.add({"run.yaml"}, "model", "missing");
  errors.add({"run.yaml", 7}, "data.train", "b");
  errors.add({"run.yaml", 2}, "", "a");

  EXPECT_EQ(errors.text(),
            "run.yaml:2: a\n"
            "run.yaml:7: data.train: b\n"
            "run.yaml: model: missing\n"
            "--set: seed: c");
  EXPECT_THROW(errors.throw_if_any(), ConfigError);
}

TEST(ConfigErrors, DoesNotThrowWithoutErrors) {
  ConfigErrors errors;
  EXPECT_NO_THROW(errors.throw_if_any());
}

TEST(ConfigErrors, KeepsTheReportShort) {
  ConfigErrors errors;
  for (int line = 1; line <= 80; ++line) errors.add({"run.yaml", line}, "", "x");
  EXPECT_THAT(errors.text(), StartsWith("run.yaml:1: x\n"));
  EXPECT_THAT(errors.text(), EndsWith("run.yaml:50: x\n... and 30 more errors"));
}

TEST(ConfigErrors, KeepsEachErrorOnOneLine) {
  ConfigErrors errors;
  errors.add({"run.yaml", 1}, "a\nb", "c\x1B[31m");
  EXPECT_EQ(errors.text(), "run.yaml:1: a b: c [31m");
}

TEST(NearestName, FindsMisspellings) {
  const std::vector<std::string> names{"learning_rate", "max_length", "epochs", "seed"};
  EXPECT_EQ(nearest_name("learning_rat", names), "learning_rate");
  EXPECT_EQ(nearest_name("Learning-Rate", names), "learning_rate");
  EXPECT_EQ(nearest_name("max_lenght", names), "max_length");
  EXPECT_EQ(nearest_name("epoch", names), "epochs");
  EXPECT_EQ(nearest_name("sede", names), "seed");
}

TEST(NearestName, FindsNothingWhereNothingIsNear) {
  const std::vector<std::string> names{"learning_rate", "seed"};
  EXPECT_EQ(nearest_name("banana", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 's'), names), "");
}

}  // namespace
}  // namespace longhaul
