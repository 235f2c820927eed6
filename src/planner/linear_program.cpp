#include "linear_program.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "longhaul/core/error.h"

#include "simplex.h"

namespace longhaul {
namespace {

constexpr int kScalingPasses = 4;
constexpr double kResidual = 1e-7;  // of the sizes of what is added up
constexpr double kGap = 1e-8;
constexpr double kRounding = 1e-14;

bool is_fixed(const LinearProgram::Range& range) {
  return range.lower == range.upper;
}

// The columns that are not fixed, and the program without the others.
struct Reduced {
  DenseProgram dense;
  std::vector<std::size_t> columns;  // [column of dense]: column
};

Reduced reduced(const LinearProgram& program) {
  Reduced result;
  std::vector<std::size_t> place_of(program.columns().size());
  for (std::size_t c = 0; c < program.columns().size(); ++c) {
    if (is_fixed(program.columns()[c])) continue;
    place_of[c] = result.columns.size();
    result.columns.push_back(c);
    result.dense.costs.push_back(program.costs()[c]);
    result.dense.bounds.push_back(program.columns()[c]);
  }
  result.dense.rows = program.rows().size();
  result.dense.columns = result.columns.size();
  result.dense.matrix.assign(result.dense.rows * result.dense.columns, 0.0);
  std::vector<double> moved(result.dense.rows, 0.0);
  for (const LinearProgram::Term& term : program.terms()) {
    const auto row = static_cast<std::size_t>(term.row);
    const auto column = static_cast<std::size_t>(term.column);
    if (is_fixed(program.columns()[column])) {
      moved[row] += term.coefficient * program.columns()[column].lower;
    } else {
      result.dense.matrix[row * result.dense.columns + place_of[column]] += term.coefficient;
    }
  }
  for (std::size_t r = 0; r < result.dense.rows; ++r) {
    const LinearProgram::Range& range = program.rows()[r];
    result.dense.bounds.push_back({range.lower - moved[r], range.upper - moved[r]});
  }
  return result;
}

// --- scaling

// The power of two next to one over the geometric mean of the largest and the smallest size.
class Scale {
 public:
  void see(double value) {
    const double size = std::abs(value);
    if (size == 0.0) return;
    least_ = std::min(least_, size);
    most_ = std::max(most_, size);
  }
  double factor() const {
    if (most_ == 0.0) return 1.0;
    return std::exp2(-std::round((std::log2(least_) + std::log2(most_)) / 2));
  }

 private:
  double least_ = LinearProgram::kInfinity;
  double most_ = 0.0;
};

struct Factors {  // a power of two for every row and column, and one for the cost
  std::vector<double> rows;
  std::vector<double> columns;
  double cost = 1.0;

  explicit Factors(const DenseProgram& program)
      : rows(program.rows, 1.0), columns(program.columns, 1.0) {}
};

Factors factors_of(const DenseProgram& program) {
  Factors factors(program);
  for (int pass = 0; pass < kScalingPasses; ++pass) {
    Scale cost;
    for (std::size_t j = 0; j < program.columns; ++j) {
      cost.see(program.costs[j] * factors.columns[j]);
    }
    factors.cost = cost.factor();
    for (std::size_t i = 0; i < program.rows; ++i) {
      Scale scale;
      for (std::size_t j = 0; j < program.columns; ++j) {
        scale.see(program.matrix[i * program.columns + j] * factors.columns[j]);
      }
      factors.rows[i] = scale.factor();
    }
    std::vector<Scale> scales(program.columns);
    for (std::size_t i = 0; i < program.rows; ++i) {
      for (std::size_t j = 0; j < program.columns; ++j) {
        scales[j].see(program.matrix[i * program.columns + j] * factors.rows[i]);
      }
    }
    for (std::size_t j = 0; j < program.columns; ++j) {
      scales[j].see(program.costs[j] * factors.cost);
      factors.columns[j] = scales[j].factor();
    }
  }
  return factors;
}

DenseProgram scaled(DenseProgram program, const Factors& factors) {
  for (std::size_t j = 0; j < program.columns; ++j) {
    program.costs[j] *= factors.columns[j] * factors.cost;
    program.bounds[j].lower /= factors.columns[j];
    program.bounds[j].upper /= factors.columns[j];
  }
  for (std::size_t i = 0; i < program.rows; ++i) {
    LinearProgram::Range& range = program.bounds[program.columns + i];
    range.lower *= factors.rows[i];
    range.upper *= factors.rows[i];
    for (std::size_t j = 0; j < program.columns; ++j) {
      program.matrix[i * program.columns + j] *= factors.rows[i] * factors.columns[j];
    }
  }
  return program;
}

LinearSolution unscaled(const SimplexAnswer& answer,
                        const LinearProgram& program,
                        const Reduced& reduced,
                        const Factors& factors) {
  LinearSolution solution{.is_optimal = true};
  for (const LinearProgram::Range& range : program.columns()) solution.x.push_back(range.lower);
  for (std::size_t j = 0; j < reduced.columns.size(); ++j) {
    solution.x[reduced.columns[j]] = answer.values[j] * factors.columns[j];
  }
  for (std::size_t i = 0; i < program.rows().size(); ++i) {
    solution.duals.push_back(answer.reduced_costs[reduced.columns.size() + i] * factors.rows[i] /
                             factors.cost);
  }
  for (std::size_t c = 0; c < solution.x.size(); ++c) {
    solution.cost += program.costs()[c] * solution.x[c];
  }
  return solution;
}

// --- what an answer must meet

struct Sum {
  double value = 0.0;
  double size = 0.0;
  void add(double part) {
    value += part;
    size += std::abs(part);
  }
};

bool holds(const LinearProgram::Range& range, const Sum& sum) {
  const double slack = kResidual * (1.0 + sum.size);
  return sum.value >= range.lower - slack && sum.value <= range.upper + slack;
}

struct Least {
  Sum costs;
  double rounding = 0.0;  // what the prices are not exact by, at their bounds
};

// The least that a value in the range can cost; false: no least.
bool add_least(Least& least, const LinearProgram::Range& range, const Sum& price) {
  const double bound = price.value > 0.0 ? range.lower : range.upper;
  if (std::abs(bound) < LinearProgram::kInfinity) {
    least.costs.add(price.value * bound);
    least.rounding += kRounding * price.size * std::abs(bound);
    return true;
  }
  return std::abs(price.value) <= kResidual * (1e-6 + price.size);
}

// x meets every range, and no x costs less than the duals say, which is what this one costs.
bool is_proven(const LinearProgram& program, const LinearSolution& solution) {
  std::vector<Sum> activities(program.rows().size());
  std::vector<Sum> reduced_costs(program.columns().size());
  Sum cost;
  for (std::size_t c = 0; c < solution.x.size(); ++c) {
    cost.add(program.costs()[c] * solution.x[c]);
    reduced_costs[c].add(program.costs()[c]);
  }
  for (const LinearProgram::Term& term : program.terms()) {
    const auto row = static_cast<std::size_t>(term.row);
    const auto column = static_cast<std::size_t>(term.column);
    activities[row].add(term.coefficient * solution.x[column]);
    reduced_costs[column].add(-term.coefficient * solution.duals[row]);
  }
  Least least;
  for (std::size_t r = 0; r < activities.size(); ++r) {
    const Sum price{solution.duals[r], std::abs(solution.duals[r])};
    if (!holds(program.rows()[r], activities[r])) return false;
    if (!add_least(least, program.rows()[r], price)) return false;
  }
  for (std::size_t c = 0; c < solution.x.size(); ++c) {
    if (!holds(program.columns()[c], {solution.x[c], std::abs(solution.x[c])})) return false;
    if (!add_least(least, program.columns()[c], reduced_costs[c])) return false;
  }
  return std::abs(cost.value - least.costs.value) <=
         kGap * (cost.size + least.costs.size) + least.rounding + 1e-12;
}

bool is_contradictory(const LinearProgram::Range& range) {
  return range.lower > range.upper;
}

}  // namespace

int LinearProgram::add_column(double cost, double lower, double upper) {
  costs_.push_back(cost);
  columns_.push_back({lower, upper});
  return static_cast<int>(columns_.size()) - 1;
}

int LinearProgram::add_row(double lower, double upper) {
  rows_.push_back({lower, upper});
  return static_cast<int>(rows_.size()) - 1;
}

void LinearProgram::add_term(int row, int column, double coefficient) {
  if (coefficient != 0.0) terms_.push_back({row, column, coefficient});
}

LinearSolution solve(const LinearProgram& program) {
  const auto is_empty = [](const std::vector<LinearProgram::Range>& ranges) {
    return std::any_of(ranges.begin(), ranges.end(), is_contradictory);
  };
  if (is_empty(program.columns()) || is_empty(program.rows())) return {};
  const Reduced plain = reduced(program);
  for (const bool is_scaled : {true, false}) {
    const Factors factors = is_scaled ? factors_of(plain.dense) : Factors(plain.dense);
    const SimplexAnswer answer = minimise(scaled(plain.dense, factors));
    require(answer.status != SimplexStatus::kUnbounded, "linear program: it has no least cost");
    if (answer.status == SimplexStatus::kInfeasible) return {};
    if (answer.status != SimplexStatus::kOptimal) continue;
    LinearSolution solution = unscaled(answer, program, plain, factors);
    if (is_proven(program, solution)) return solution;
  }
  return {};
}

}  // namespace longhaul
