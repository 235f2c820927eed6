// Seeded linear programs, and what proves an answer to one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "planner/linear_program.h"

namespace longhaul::test {

enum class ProgramKind : std::uint8_t {
  kPlain,       // real numbers
  kDegenerate,  // small integers: many ties
  kFarApart,    // units of rows and columns from 1e-5 to 1e5
};

// A point is drawn first and the rows are laid around it; in one of six programs some rows are
// moved away from it.
class RandomProgram {
 public:
  RandomProgram(ProgramKind kind, std::uint64_t seed) : kind_(kind), random_(seed) {}

  LinearProgram make() {
    const int columns = whole(1, 60);
    const int rows = whole(1, 40);
    const double density = between(0.05, 0.9);
    for (int i = 0; i < rows; ++i) row_units_.push_back(unit());
    sums_.assign(row_units_.size(), 0.0);
    std::vector<LinearProgram::Term> terms;
    for (int j = 0; j < columns; ++j) {
      const double column_unit = unit();
      const double point = add_column(column_unit);
      for (int i = 0; i < rows; ++i) {
        if (between(0, 1) >= density) continue;
        const double coefficient = number(-2, 2);
        sums_[i] += coefficient * point;
        terms.push_back({i, j, coefficient * row_units_[i] / column_unit});
      }
    }
    const bool is_moved = whole(0, 5) == 0;
    for (int i = 0; i < rows; ++i) add_row(i, is_moved && whole(0, 3) == 0 ? number(-9, 9) : 0.0);
    for (const auto& [row, column, coefficient] : terms)
      program_.add_term(row, column, coefficient);
    return program_;
  }

 private:
  static constexpr double kInfinity = LinearProgram::kInfinity;

  double between(double low, double high) {
    return low + (high - low) * static_cast<double>(random_() >> 11) * 0x1p-53;
  }
  int whole(int low, int high) { return low + static_cast<int>(random_() % (high - low + 1)); }
  double number(int low, int high) {
    return kind_ == ProgramKind::kDegenerate ? whole(low, high) : between(low, high);
  }
  double unit() { return kind_ == ProgramKind::kFarApart ? std::pow(10.0, between(-5, 5)) : 1.0; }

  // The column's part of the point.
  double add_column(double unit) {
    const int shape = whole(0, 9);
    double lower = 0.0;
    double upper = kInfinity;
    if (shape < 3) upper = number(0, 4);
    if (shape == 3 || shape == 5) lower = -kInfinity;
    if (shape == 4) lower = upper = number(-2, 2);
    if (shape == 5) upper = number(-3, 3);
    if (shape == 6) upper = (lower = number(-3, 0)) + number(0, 5);
    const double from = std::isinf(lower) ? std::min(upper, 0.0) - 3 : lower;
    const double to = std::isinf(upper) ? std::max(lower, 0.0) + 3 : upper;
    program_.add_column(shape == 3 ? 0.0 : number(-1, 6) / unit, lower * unit, upper * unit);
    const double point = between(from, to);
    return kind_ == ProgramKind::kDegenerate ? std::clamp(std::round(point), lower, upper) : point;
  }

  void add_row(int i, double moved) {
    const double at = sums_[i] + moved;
    const int shape = whole(0, 4);
    double lower = at - number(0, 2);
    double upper = at + number(0, 2);
    if (shape == 0) upper = kInfinity;
    if (shape == 1) lower = -kInfinity;
    if (shape == 2) lower = upper = at;
    program_.add_row(lower * row_units_[i], upper * row_units_[i]);
  }

  ProgramKind kind_;
  std::mt19937_64 random_;
  LinearProgram program_;
  std::vector<double> row_units_;
  std::vector<double> sums_;
};

// How far an answer is from the conditions of Karush, Kuhn and Tucker, relative to what is added
// up.
struct Proof {
  double outside = 0.0;  // x and the rows' sums beyond their ranges
  double unpaid = 0.0;   // prices that have no bound to stand on
  double gap = 0.0;  // between the cost and what the duals say is the least; with the two above,
                     // complementary slackness
  double rounding = 0.0;  // of the cost that the solution names
};

class Prover {
 public:
  Prover(const LinearProgram& program, const LinearSolution& solution) {
    std::vector<Sum> sums(program.rows().size());
    std::vector<Sum> prices(program.columns().size());
    for (std::size_t c = 0; c < prices.size(); ++c) {
      prices[c].add(program.costs()[c]);
      cost_.add(program.costs()[c] * solution.x[c]);
    }
    for (const auto& [row, column, coefficient] : program.terms()) {
      sums[row].add(coefficient * solution.x[column]);
      prices[column].add(-coefficient * solution.duals[row]);
    }
    for (std::size_t r = 0; r < sums.size(); ++r) {
      Sum dual;
      dual.add(solution.duals[r]);
      look(sums[r], program.rows()[r], dual);
    }
    for (std::size_t c = 0; c < prices.size(); ++c) {
      Sum x;
      x.add(solution.x[c]);
      look(x, program.columns()[c], prices[c]);
    }
    const double size = cost_.size + least_.size + 1e-9;
    proof_.gap = std::max(0.0, std::abs(cost_.value - least_.value) - rounding_) / size;
    proof_.rounding = std::abs(cost_.value - solution.cost) / size;
  }
  const Proof& proof() const { return proof_; }

 private:
  struct Sum {
    double value = 0.0;
    double size = 0.0;
    void add(double part) {
      value += part;
      size += std::abs(part);
    }
  };

  void look(const Sum& sum, const LinearProgram::Range& range, const Sum& price) {
    const double beyond = std::max(range.lower - sum.value, sum.value - range.upper);
    proof_.outside = std::max(proof_.outside, beyond / (1.0 + sum.size));
    const double bound = price.value > 0.0 ? range.lower : range.upper;
    if (std::isinf(bound)) {
      proof_.unpaid = std::max(proof_.unpaid, std::abs(price.value) / (1e-6 + price.size));
    } else {
      least_.add(price.value * bound);
      rounding_ += 1e-14 * price.size * std::abs(bound);
    }
  }

  Sum cost_;
  Sum least_;
  double rounding_ = 0.0;  // what the prices are not exact by, at their bounds
  Proof proof_;
};

// The least sum of what the rows are missed by, each in its own unit: above 0 where nothing meets
// them, and its duals are Farkas' proof of that.
inline LinearProgram missed_rows(const LinearProgram& program) {
  LinearProgram elastic;
  for (const auto& [lower, upper] : program.columns()) elastic.add_column(0.0, lower, upper);
  std::vector<double> units(program.rows().size(), 1e-30);
  for (const auto& [row, column, coefficient] : program.terms()) {
    elastic.add_term(row, column, coefficient);
    units[row] = std::max(units[row], std::abs(coefficient));
  }
  for (const auto& [lower, upper] : program.rows()) {
    const int row = elastic.add_row(lower, upper);
    for (const double sign : {-1.0, 1.0}) {
      elastic.add_term(row, elastic.add_column(1.0), sign * units[row]);
    }
  }
  return elastic;
}

// The cheapest direction of at most 1 in every column that no range ends: below 0 where a program
// that can be met has no least cost.
inline LinearProgram endless_direction(const LinearProgram& program) {
  LinearProgram directions;
  const auto end = [](double bound) { return std::isinf(bound) ? bound : 0.0; };
  for (std::size_t c = 0; c < program.columns().size(); ++c) {
    const auto& [lower, upper] = program.columns()[c];
    directions.add_column(
        program.costs()[c], std::max(-1.0, end(lower)), std::min(1.0, end(upper)));
  }
  for (const auto& [lower, upper] : program.rows()) directions.add_row(end(lower), end(upper));
  for (const auto& [row, column, coefficient] : program.terms()) {
    directions.add_term(row, column, coefficient);
  }
  return directions;
}

}  // namespace longhaul::test
