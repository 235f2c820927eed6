#include "planner/linear_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Dantzig's example: maximise 3 a + 5 b; a <= 4, 2 b <= 12, 3 a + 2 b <= 18. Optimum 36 at (2, 6);
// one more of the second row is worth 1.5, of the third 1.
LinearProgram example() {
  LinearProgram program;
  const int a = program.add_column(-3.0);
  const int b = program.add_column(-5.0);
  program.add_term(program.add_row(0.0, 4.0), a, 1.0);
  program.add_term(program.add_row(0.0, 12.0), b, 2.0);
  const int row = program.add_row(-LinearProgram::kInfinity, 18.0);
  program.add_term(row, a, 1.0);
  program.add_term(row, a, 2.0);
  program.add_term(row, b, 2.0);
  return program;
}

TEST(Solve, FindsTheOptimumAndItsDuals) {
  const LinearSolution solution = solve(example());
  ASSERT_TRUE(solution.is_optimal);
  EXPECT_NEAR(solution.cost, -36.0, 1e-9);
  EXPECT_NEAR(solution.x[0], 2.0, 1e-9);
  EXPECT_NEAR(solution.x[1], 6.0, 1e-9);
  EXPECT_NEAR(solution.duals[0], 0.0, 1e-9);
  EXPECT_NEAR(solution.duals[1], -1.5, 1e-9);
  EXPECT_NEAR(solution.duals[2], -1.0, 1e-9);
}

TEST(Solve, SaysWhenNothingMeetsTheRows) {
  LinearProgram program = example();
  program.add_term(program.add_row(5.0, 6.0), 0, 1.0);
  EXPECT_FALSE(solve(program).is_optimal);
}

TEST(Solve, RefusesAnUnboundedProgram) {
  LinearProgram program;
  program.add_column(-1.0);
  program.add_term(program.add_row(0.0, LinearProgram::kInfinity), 0, 1.0);
  EXPECT_THROW(solve(program), InvalidArgument);
}

TEST(Solve, AnswersTheSameTwice) {
  const LinearSolution first = solve(example());
  const LinearSolution second = solve(example());
  EXPECT_EQ(first.x, second.x);
  EXPECT_EQ(first.duals, second.duals);
}

}  // namespace
}  // namespace longhaul
