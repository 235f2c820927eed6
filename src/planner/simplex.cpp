#include "simplex.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace longhaul {
namespace {

constexpr double kInfinity = LinearProgram::kInfinity;
constexpr double kFeasible = 1e-10;    // beyond a bound, relative to it above 1
constexpr double kRelaxed = 5e-11;     // what a better pivot may use of it
constexpr double kImproving = 1e-11;   // a reduced cost that is not 0
constexpr double kRounding = 1e-13;    // a price that is 0
constexpr double kPivot = 1e-9;        // a coefficient that is not 0
constexpr double kSafePivot = 1e-5;    // smaller ones are computed afresh before they are used
constexpr double kSteadyPivot = 1e-3;  // of the largest one on the way
constexpr double kSingular = 1e-11;    // a pivot with which no dictionary is computed
constexpr double kNoStep = 1e-12;      // a step that changes nothing
constexpr std::size_t kRebuildEvery = 100;

double allowance(double bound, double share) {
  return share * std::max(1.0, std::abs(bound));
}

// basic = matrix * nonbasic, cost = costs * nonbasic.
struct Dictionary {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> matrix;
  std::vector<double> costs;
  std::vector<std::size_t> basic;     // [row]: variable
  std::vector<std::size_t> nonbasic;  // [column]: variable

  explicit Dictionary(const DenseProgram& program)
      : rows(program.rows), columns(program.columns), matrix(program.matrix), costs(program.costs) {
    for (std::size_t i = 0; i < rows; ++i) basic.push_back(columns + i);
    for (std::size_t j = 0; j < columns; ++j) nonbasic.push_back(j);
  }

  double* row(std::size_t i) { return matrix.data() + i * columns; }
  const double* row(std::size_t i) const { return matrix.data() + i * columns; }
  double at(std::size_t i, std::size_t j) const { return matrix[i * columns + j]; }

  // The row's variable and the column's change places.
  void pivot(std::size_t r, std::size_t s) {
    double* pivots = row(r);
    const double inverse = 1.0 / pivots[s];
    for (std::size_t j = 0; j < columns; ++j) pivots[j] *= -inverse;
    pivots[s] = inverse;
    const auto replace = [&](double* line) {
      const double factor = line[s];
      if (factor == 0.0) return;
      line[s] = 0.0;
      for (std::size_t j = 0; j < columns; ++j) line[j] += factor * pivots[j];
    };
    for (std::size_t i = 0; i < rows; ++i) {
      if (i != r) replace(row(i));
    }
    replace(costs.data());
    std::swap(basic[r], nonbasic[s]);
  }
};

class Simplex {
 public:
  explicit Simplex(const DenseProgram& program)
      : program_(program), dictionary_(program), values_(program.bounds.size(), 0.0) {
    for (const std::size_t v : dictionary_.nonbasic) {
      values_[v] = std::clamp(0.0, program.bounds[v].lower, program.bounds[v].upper);
    }
    set_basic_values();
    weights_.assign(program.columns, 1.0);
    gradient_.resize(program.columns);
  }

  SimplexAnswer run() {
    const std::size_t limit = 1000 + 50 * (program_.rows + program_.columns);
    for (std::size_t steps = 0; steps < limit; ++steps) {
      if (since_rebuild_ >= kRebuildEvery) rebuild();
      is_feasible_ = set_gradient();
      const std::optional<std::size_t> entering = choose_entering();
      Step step;
      if (entering) step = choose_step(*entering);
      const bool is_doubtful =
          !entering || step.length == kInfinity || (step.row && std::abs(step.pivot) < kSafePivot);
      if (is_doubtful && since_rebuild_ > 0) {
        rebuild();
      } else if (!entering) {
        return answer(is_feasible_ ? SimplexStatus::kOptimal : SimplexStatus::kInfeasible);
      } else if (step.length == kInfinity) {
        return answer(is_feasible_ ? SimplexStatus::kUnbounded : SimplexStatus::kStopped);
      } else {
        take(*entering, step);
      }
    }
    return answer(SimplexStatus::kStopped);
  }

 private:
  // How far the entering variable goes, and the row of the variable that leaves at `bound`; no
  // row: the entering variable goes to its other bound.
  struct Step {
    double length = kInfinity;
    std::optional<std::size_t> row;
    double pivot = 0.0;
    double bound = 0.0;
  };
  // Where a basic variable meets a bound.
  struct Meeting {
    double distance;  // of the basic variable
    double pace;      // of the basic variable, per unit of the entering one
    std::size_t row;
    double bound;
    double length() const { return std::max(0.0, distance) / pace; }
    double relaxed_length() const {
      return std::max(0.0, distance + allowance(bound, kRelaxed)) / pace;
    }
  };

  const LinearProgram::Range& bounds(std::size_t variable) const {
    return program_.bounds[variable];
  }

  // --- values

  void set_basic_values() {
    for (std::size_t i = 0; i < dictionary_.rows; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < dictionary_.columns; ++j) {
        sum += dictionary_.at(i, j) * values_[dictionary_.nonbasic[j]];
      }
      values_[dictionary_.basic[i]] = sum;
    }
  }

  // -1: below its range, 1: above.
  int side(std::size_t variable) const {
    const auto& [lower, upper] = bounds(variable);
    const double value = values_[variable];
    if (value < lower - allowance(lower, kFeasible)) return -1;
    return value > upper + allowance(upper, kFeasible) ? 1 : 0;
  }

  // The same basis out of the program, without the errors that pivots have left.
  void rebuild() {
    std::vector<bool> is_basic(program_.bounds.size(), false);
    for (const std::size_t v : dictionary_.basic) is_basic[v] = true;
    dictionary_ = Dictionary(program_);
    while (const auto place = next_of_basis(is_basic)) {
      dictionary_.pivot(place->first, place->second);
    }
    for (const std::size_t v :
         dictionary_.nonbasic) {  // all are in their range but for a lost pivot
      values_[v] = std::clamp(values_[v], bounds(v).lower, bounds(v).upper);
    }
    set_basic_values();
    weights_.assign(program_.columns, 1.0);
    since_rebuild_ = 0;
  }

  // The largest coefficient that brings a variable to where it belongs.
  std::optional<std::pair<std::size_t, std::size_t>> next_of_basis(
      const std::vector<bool>& is_basic) const {
    std::optional<std::pair<std::size_t, std::size_t>> best;
    double largest = kSingular;
    for (std::size_t i = 0; i < dictionary_.rows; ++i) {
      if (is_basic[dictionary_.basic[i]]) continue;
      for (std::size_t j = 0; j < dictionary_.columns; ++j) {
        const double size = std::abs(dictionary_.at(i, j));
        if (size <= largest || !is_basic[dictionary_.nonbasic[j]]) continue;
        largest = size;
        best = {i, j};
      }
    }
    return best;
  }

  // --- what enters

  // Of the sum of what lies outside of the ranges, or of the cost where nothing does (true).
  bool set_gradient() {
    bool is_feasible = true;
    for (std::size_t i = 0; i < dictionary_.rows; ++i) {
      const int outside = side(dictionary_.basic[i]);
      if (outside == 0) continue;
      if (is_feasible) std::fill(gradient_.begin(), gradient_.end(), 0.0);
      is_feasible = false;
      const double* row = dictionary_.row(i);
      for (std::size_t j = 0; j < dictionary_.columns; ++j) gradient_[j] += outside * row[j];
    }
    if (is_feasible) gradient_ = dictionary_.costs;
    return is_feasible;
  }

  bool may_enter(std::size_t j) const {
    const std::size_t v = dictionary_.nonbasic[j];
    return (gradient_[j] < -kImproving && values_[v] < bounds(v).upper) ||
           (gradient_[j] > kImproving && values_[v] > bounds(v).lower);
  }

  // By reference weights (devex); by Bland's rule, under which no basis comes twice, after many
  // steps that changed nothing.
  std::optional<std::size_t> choose_entering() const {
    std::optional<std::size_t> best;
    double most = 0.0;
    for (std::size_t j = 0; j < dictionary_.columns; ++j) {
      if (!may_enter(j)) continue;
      if (by_bland()) {
        if (!best || dictionary_.nonbasic[j] < dictionary_.nonbasic[*best]) best = j;
        continue;
      }
      const double gain = gradient_[j] * gradient_[j] / weights_[j];
      if (gain <= most) continue;
      most = gain;
      best = j;
    }
    return best;
  }

  bool by_bland() const { return idle_steps_ > program_.rows; }

  // --- what leaves

  // Every bound that a basic variable meets when the entering one moves: a variable outside of its
  // range first meets the bound that it has broken.
  void set_meetings(std::size_t entering) {
    meetings_.clear();
    const double sign = gradient_[entering] < 0.0 ? 1.0 : -1.0;
    for (std::size_t i = 0; i < dictionary_.rows; ++i) {
      const double speed = sign * dictionary_.at(i, entering);
      const double pace = std::abs(speed);
      if (pace <= kPivot) continue;
      const std::size_t v = dictionary_.basic[i];
      const auto& [lower, upper] = bounds(v);
      const double near = speed > 0.0 ? lower : upper;
      const double far = speed > 0.0 ? upper : lower;
      const int outside = side(v);
      const int direction = speed > 0.0 ? 1 : -1;
      if (outside == direction) continue;  // moves away from its range
      if (outside == -direction) {
        meetings_.push_back({(near - values_[v]) * direction, pace, i, near});
      }
      if (std::abs(far) < kInfinity) {
        meetings_.push_back({(far - values_[v]) * direction, pace, i, far});
      }
    }
  }

  Step choose_step(std::size_t entering) {
    set_meetings(entering);
    const std::size_t v = dictionary_.nonbasic[entering];
    const double own =
        gradient_[entering] < 0.0 ? bounds(v).upper - values_[v] : values_[v] - bounds(v).lower;
    const Meeting* meeting = nullptr;
    if (by_bland()) {
      meeting = first_meeting();
    } else if (is_feasible_) {
      meeting = steady_meeting();
    } else {
      meeting = farthest_meeting(std::abs(gradient_[entering]), own);
    }
    if (meeting == nullptr || meeting->length() > own) return {.length = own};
    return {.length = meeting->length(),
            .row = meeting->row,
            .pivot = dictionary_.at(meeting->row, entering),
            .bound = meeting->bound};
  }

  // The nearest; of equal ones the variable that comes first.
  const Meeting* first_meeting() const {
    const Meeting* best = nullptr;
    for (const Meeting& meeting : meetings_) {
      const double length = meeting.length();
      const bool is_nearer = best == nullptr || length < best->length();
      const bool is_before = best != nullptr && length == best->length() &&
                             dictionary_.basic[meeting.row] < dictionary_.basic[best->row];
      if (is_nearer || is_before) best = &meeting;
    }
    return best;
  }

  // Harris: the largest pivot of those that are met before a bound is broken by more than kRelaxed.
  const Meeting* steady_meeting() const {
    double limit = kInfinity;
    for (const Meeting& meeting : meetings_) limit = std::min(limit, meeting.relaxed_length());
    const Meeting* best = nullptr;
    for (const Meeting& meeting : meetings_) {
      if (meeting.length() > limit) continue;
      if (best == nullptr || meeting.pace > best->pace) best = &meeting;
    }
    return best;
  }

  // As long as the sum of what lies outside still falls: it falls by `slope` per unit at first, and
  // by the variable's pace less behind every meeting.
  const Meeting* farthest_meeting(double slope, double own) {
    std::sort(meetings_.begin(), meetings_.end(), [](const Meeting& a, const Meeting& b) {
      const double first = a.length();
      const double second = b.length();
      return first != second ? first < second : a.pace < b.pace;
    });
    std::size_t count = 0;
    double largest = 0.0;
    while (count < meetings_.size() && slope > 0.0 && meetings_[count].length() <= own) {
      slope -= meetings_[count].pace;
      largest = std::max(largest, meetings_[count].pace);
      ++count;
    }
    if (slope > 0.0 && own < kInfinity) return nullptr;  // to its other bound
    while (count > 0 && meetings_[count - 1].pace < kSteadyPivot * largest) --count;
    return count == 0 ? nullptr : &meetings_[count - 1];
  }

  // --- the step

  void take(std::size_t entering, const Step& step) {
    const double sign = gradient_[entering] < 0.0 ? 1.0 : -1.0;
    const std::size_t v = dictionary_.nonbasic[entering];
    for (std::size_t i = 0; i < dictionary_.rows; ++i) {
      values_[dictionary_.basic[i]] += sign * step.length * dictionary_.at(i, entering);
    }
    values_[v] += sign * step.length;
    idle_steps_ = step.length > kNoStep ? 0 : idle_steps_ + 1;
    if (!step.row) {
      values_[v] = sign > 0.0 ? bounds(v).upper : bounds(v).lower;
      return;
    }
    values_[dictionary_.basic[*step.row]] = step.bound;
    set_weights(*step.row, entering);
    dictionary_.pivot(*step.row, entering);
    ++since_rebuild_;
  }

  void set_weights(std::size_t row, std::size_t entering) {
    const double* pivots = dictionary_.row(row);
    const double weight = weights_[entering] / (pivots[entering] * pivots[entering]);
    for (std::size_t j = 0; j < dictionary_.columns; ++j) {
      weights_[j] = std::max(weights_[j], pivots[j] * pivots[j] * weight);
    }
    weights_[entering] = std::max(weight, 1.0);
  }

  SimplexAnswer answer(SimplexStatus status) const {
    SimplexAnswer answer{.status = status};
    if (status != SimplexStatus::kOptimal) return answer;
    answer.values = values_;
    answer.reduced_costs.assign(values_.size(), 0.0);
    for (std::size_t j = 0; j < dictionary_.columns; ++j) {
      if (std::abs(dictionary_.costs[j]) <= kRounding) continue;
      answer.reduced_costs[dictionary_.nonbasic[j]] = dictionary_.costs[j];
    }
    return answer;
  }

  const DenseProgram& program_;
  Dictionary dictionary_;
  std::vector<double> values_;    // [variable]
  std::vector<double> gradient_;  // [column]
  std::vector<double> weights_;   // [column]
  std::vector<Meeting> meetings_;
  bool is_feasible_ = false;
  std::size_t since_rebuild_ = 0;
  std::size_t idle_steps_ = 0;
};

}  // namespace

SimplexAnswer minimise(const DenseProgram& program) {
  return Simplex(program).run();
}

}  // namespace longhaul
