#include "planner/linear_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "planner/random_programs.h"

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

// Beale's example, on which the simplex method goes round in circles without a rule against it.
TEST(Solve, EndsWhereStepsChangeNothing) {
  LinearProgram program;
  for (const double cost : {-0.75, 150.0, -0.02, 6.0}) program.add_column(cost);
  const double terms[3][4] = {{0.25, -60, -0.04, 9}, {0.5, -90, -0.02, 3}, {0, 0, 1, 0}};
  for (const auto& coefficients : terms) {
    const int row = program.add_row(-LinearProgram::kInfinity, coefficients[2] == 1 ? 1.0 : 0.0);
    for (int column = 0; column < 4; ++column) {
      program.add_term(row, column, coefficients[column]);
    }
  }
  const LinearSolution solution = solve(program);
  ASSERT_TRUE(solution.is_optimal);
  EXPECT_NEAR(solution.cost, -0.05, 1e-12);
}

// Klee and Minty's cube: the steepest way visits 2^20 corners.
TEST(Solve, DoesNotVisitEveryCorner) {
  constexpr int kSize = 20;
  LinearProgram program;
  for (int j = 0; j < kSize; ++j) program.add_column(-std::exp2(kSize - 1 - j));
  for (int i = 0; i < kSize; ++i) {
    const int row = program.add_row(-LinearProgram::kInfinity, std::pow(5.0, i + 1));
    for (int j = 0; j < i; ++j) program.add_term(row, j, std::exp2(i - j + 1));
    program.add_term(row, i, 1.0);
  }
  const LinearSolution solution = solve(program);
  ASSERT_TRUE(solution.is_optimal);
  EXPECT_NEAR(solution.cost / -std::pow(5.0, kSize), 1.0, 1e-9);
}

TEST(Solve, TakesFixedAndFreeColumnsAndEmptyRows) {
  LinearProgram program;
  program.add_column(1.0, 2.0, 2.0);
  const int free = program.add_column(1.0, -LinearProgram::kInfinity);
  const int row = program.add_row(5.0, LinearProgram::kInfinity);
  program.add_term(row, 0, 1.0);
  program.add_term(row, free, -3.0);
  program.add_term(program.add_row(-4.0, 4.0), free, 1.0);
  program.add_row(-1.0, 1.0);
  const LinearSolution solution = solve(program);
  ASSERT_TRUE(solution.is_optimal);
  EXPECT_NEAR(solution.cost, -2.0, 1e-12);  // free is at -4
  EXPECT_NEAR(solution.duals[1], 1.0, 1e-12);
  program.add_row(1.0, 2.0);
  EXPECT_FALSE(solve(program).is_optimal);
}

TEST(Solve, SaysThatContradictoryBoundsHoldNothing) {
  LinearProgram program;
  program.add_column(1.0, 3.0, 2.0);
  EXPECT_FALSE(solve(program).is_optimal);
  EXPECT_TRUE(solve(LinearProgram()).is_optimal);
}

class RandomPrograms : public testing::TestWithParam<test::ProgramKind> {
 protected:
  void SetUp() override {
    for (std::uint64_t seed = 0; seed < 1000; ++seed) look_at(seed);
  }
  int optimal_ = 0;
  int infeasible_ = 0;
  int unbounded_ = 0;

 private:
  static void expect_proven(const LinearProgram& program, const LinearSolution& solution) {
    ASSERT_TRUE(solution.is_optimal);
    const test::Proof proof = test::Prover(program, solution).proof();
    EXPECT_LE(proof.outside, 1e-8);
    EXPECT_LE(proof.unpaid, 1e-7);
    EXPECT_LE(proof.gap, 1e-8);
    EXPECT_LE(proof.rounding, 1e-14);
  }

  void look_at(std::uint64_t seed) {
    SCOPED_TRACE(seed);
    const LinearProgram program = test::RandomProgram(GetParam(), seed).make();
    const LinearProgram missed = test::missed_rows(program);
    LinearSolution least;
    try {
      const LinearSolution solution = solve(program);
      if (solution.is_optimal) {
        ++optimal_;
        return expect_proven(program, solution);
      }
      ++infeasible_;
      least = solve(missed);
      EXPECT_GT(least.cost, 1e-9);
    } catch (const InvalidArgument&) {
      ++unbounded_;
      const LinearProgram directions = test::endless_direction(program);
      const LinearSolution direction = solve(directions);
      expect_proven(directions, direction);
      EXPECT_LT(direction.cost, 0.0);
      least = solve(missed);
      EXPECT_LE(least.cost, 1e-6);
    }
    expect_proven(missed, least);
  }
};

TEST_P(RandomPrograms, HaveProvenAnswers) {
  EXPECT_GT(optimal_, 300);
  EXPECT_GT(infeasible_, 30);
  EXPECT_GT(unbounded_, 30);
}

INSTANTIATE_TEST_SUITE_P(Solve,
                         RandomPrograms,
                         testing::Values(test::ProgramKind::kPlain,
                                         test::ProgramKind::kDegenerate,
                                         test::ProgramKind::kFarApart));

}  // namespace
}  // namespace longhaul
