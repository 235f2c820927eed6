// The middle of some measurements and how far they lie apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace longhaul {

struct Spread {
  double median = 0.0;
  double low = 0.0;   // the first quartile
  double high = 0.0;  // the third
};

// Of no value: zeros. Between ranks values are interpolated.
inline Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double rank = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(rank);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (rank - std::floor(rank)) * (values[above] - values[below]);
  };
  return {at(0.5), at(0.25), at(0.75)};
}

}  // namespace longhaul
