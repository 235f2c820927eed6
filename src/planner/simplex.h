// The primal simplex method for small dense programs: all of them fit the first caches, so that a
// dictionary (the basic variables as sums of the others) is as fast as any factorization.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "linear_program.h"

namespace longhaul {

// Minimises costs . x; variables are the columns, then one for the sum of every row.
struct DenseProgram {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> matrix;                // [row][column]
  std::vector<double> costs;                 // [column]
  std::vector<LinearProgram::Range> bounds;  // [variable], lower <= upper
};

enum class SimplexStatus : std::uint8_t { kOptimal, kInfeasible, kUnbounded, kStopped };

struct SimplexAnswer {
  SimplexStatus status = SimplexStatus::kStopped;  // the rest is empty unless it is kOptimal
  std::vector<double> values;                      // [variable]
  std::vector<double> reduced_costs;               // [variable]: change of the cost per unit more
};

// kStopped: the numbers are too far apart for it. Coefficients, costs and bounds near 1 are best.
SimplexAnswer minimise(const DenseProgram& program);

}  // namespace longhaul
