#include "linear_program.h"

#include <map>
#include <memory>
#include <utility>

#include <coin/Clp_C_Interface.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr int kNoPerturbation = 100;
constexpr int kGeometricScaling = 2;
constexpr int kOptimal = 0;
constexpr int kInfeasible = 1;
constexpr int kUnbounded = 2;
constexpr int kNoScaling = 0;

struct DeleteModel {
  void operator()(Clp_Simplex* model) const { Clp_deleteModel(model); }
};

struct Matrix {  // by columns
  std::vector<CoinBigIndex> starts;
  std::vector<int> rows;
  std::vector<double> values;
};

Matrix by_columns(const LinearProgram& program) {
  std::map<std::pair<int, int>, double> sums;
  for (const LinearProgram::Term& term : program.terms()) {
    sums[{term.column, term.row}] += term.coefficient;
  }
  Matrix matrix;
  matrix.starts.assign(program.columns().size() + 1, 0);
  for (const auto& [place, value] : sums) {
    ++matrix.starts[static_cast<std::size_t>(place.first) + 1];
    matrix.rows.push_back(place.second);
    matrix.values.push_back(value);
  }
  for (std::size_t c = 1; c < matrix.starts.size(); ++c) matrix.starts[c] += matrix.starts[c - 1];
  return matrix;
}

std::pair<std::vector<double>, std::vector<double>> split(
    const std::vector<LinearProgram::Range>& ranges) {
  std::pair<std::vector<double>, std::vector<double>> bounds;
  for (const LinearProgram::Range& range : ranges) {
    bounds.first.push_back(range.lower);
    bounds.second.push_back(range.upper);
  }
  return bounds;
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
  const std::unique_ptr<Clp_Simplex, DeleteModel> model(Clp_newModel());
  const Matrix matrix = by_columns(program);
  const auto columns = split(program.columns());
  const auto rows = split(program.rows());
  const int column_count = static_cast<int>(program.columns().size());
  const int row_count = static_cast<int>(program.rows().size());
  Clp_setLogLevel(model.get(), 0);
  Clp_setPerturbation(model.get(), kNoPerturbation);
  Clp_scaling(model.get(), kGeometricScaling);
  Clp_loadProblem(model.get(),
                  column_count,
                  row_count,
                  matrix.starts.data(),
                  matrix.rows.data(),
                  matrix.values.data(),
                  columns.first.data(),
                  columns.second.data(),
                  program.costs().data(),
                  rows.first.data(),
                  rows.second.data());
  Clp_dual(model.get(), 0);
  if (Clp_status(model.get()) > kInfeasible) Clp_primal(model.get(), 0);
  if (Clp_status(model.get()) > kInfeasible) {  // numbers far apart: again as they are
    Clp_scaling(model.get(), kNoScaling);
    Clp_primal(model.get(), 0);
  }
  const int status = Clp_status(model.get());
  require(status != kUnbounded, "linear program: it has no least cost");
  if (status != kOptimal) return {};
  LinearSolution solution{.is_optimal = true, .cost = Clp_objectiveValue(model.get())};
  const double* x = Clp_primalColumnSolution(model.get());
  const double* duals = Clp_dualRowSolution(model.get());
  solution.x.assign(x, x + column_count);
  solution.duals.assign(duals, duals + row_count);
  return solution;
}

}  // namespace longhaul
