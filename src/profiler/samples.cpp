#include "samples.h"

#include <algorithm>
#include <cmath>

#include "longhaul/core/error.h"

namespace longhaul {

void Samples::add(const Samples& other) {
  values_.insert(values_.end(), other.values_.begin(), other.values_.end());
}

double Samples::quantile(double share) const {
  require(!values_.empty(), "profile: nothing was measured");
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double Samples::spread() const {
  return std::min(1.0, (quantile(0.75) - quantile(0.25)) / median());
}

double rounded(double number) {
  if (number == 0.0) return 0.0;
  const double digits = 3.0 - std::floor(std::log10(std::abs(number)));
  // A division by a power of ten that a double holds exactly gives the double nearest to the
  // decimal; a multiplication by 0.001 does not.
  const double scale = std::pow(10.0, std::abs(digits));
  return digits >= 0 ? std::round(number * scale) / scale : std::round(number / scale) * scale;
}

std::vector<WorkSamples::Group> WorkSamples::groups() const {
  constexpr double kSame = 1.6;
  std::vector<Item> sorted = items_;
  std::sort(sorted.begin(), sorted.end(), [](const Item& a, const Item& b) {
    return a.amount < b.amount;
  });
  std::vector<Group> groups;
  for (std::size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    Samples amounts;
    Group group;
    for (; end < sorted.size() && sorted[end].amount <= kSame * sorted[begin].amount; ++end) {
      amounts.add(sorted[end].amount);
      group.rates.add(sorted[end].amount / sorted[end].seconds);
    }
    group.amount = amounts.median();
    groups.push_back(std::move(group));
  }
  return groups;
}

WorkCurve work_curve(const WorkSamples& samples, const std::string& how) {
  require(!samples.empty(), "profile: nothing was measured: ", how);
  WorkCurve curve;
  for (const WorkSamples::Group& group : samples.groups()) {
    curve.points.push_back(
        {Flops{rounded(group.amount)}, measured_figure<FlopsPerSecond>(group.rates, how)});
  }
  return without_lone_amount(std::move(curve));
}

MoveCurve move_curve(const WorkSamples& samples, const std::string& how) {
  require(!samples.empty(), "profile: nothing was measured: ", how);
  MoveCurve curve;
  for (const WorkSamples::Group& group : samples.groups()) {
    const Bytes at{static_cast<std::int64_t>(rounded(group.amount))};
    curve.points.push_back({at, measured_figure<BytesPerSecond>(group.rates, how)});
  }
  return without_lone_amount(std::move(curve));
}

}  // namespace longhaul
