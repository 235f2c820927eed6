// A small linear program: minimise costs . x under ranges of rows and of x. Equal programs have
// equal answers. An answer is given only when it has been proven: x meets every range, and the
// duals say that nothing costs less.
#pragma once

#include <limits>
#include <vector>

namespace longhaul {

class LinearProgram {
 public:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  // x in [lower, upper]. Returns the column.
  int add_column(double cost, double lower = 0.0, double upper = kInfinity);
  // Sum of what add_term() gives it in [lower, upper]. Returns the row.
  int add_row(double lower, double upper);
  // Several terms of one row and column add up.
  void add_term(int row, int column, double coefficient);

  struct Range {
    double lower;
    double upper;
  };
  struct Term {
    int row;
    int column;
    double coefficient;
  };
  const std::vector<double>& costs() const { return costs_; }
  const std::vector<Range>& columns() const { return columns_; }
  const std::vector<Range>& rows() const { return rows_; }
  const std::vector<Term>& terms() const { return terms_; }

 private:
  std::vector<double> costs_;
  std::vector<Range> columns_;
  std::vector<Range> rows_;
  std::vector<Term> terms_;
};

struct LinearSolution {
  bool is_optimal = false;  // false: no x meets every range, or the solver found none
  double cost = 0.0;
  std::vector<double> x;      // [column]
  std::vector<double> duals;  // [row]: change of the cost per unit more of the row's binding bound
};

// Throws InvalidArgument when the program is unbounded.
LinearSolution solve(const LinearProgram& program);

}  // namespace longhaul
