#include "longhaul/hardware/figure.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

double number_of(Bytes size) {
  return static_cast<double>(size.count);
}
double number_of(Flops work) {
  return work.count;
}

// The first point whose amount is at least `at`, and the number of points when there is none.
template <class CurveType, class Amount>
std::size_t point_at(const CurveType& curve, Amount at) {
  require(!curve.points.empty(), "curve: got no point, expected at least one");
  std::size_t i = 0;
  while (i < curve.points.size() && curve.points[i].at < at) ++i;
  return i;
}

template <class CurveType, class Amount>
Seconds time_on(const CurveType& curve, Amount amount) {
  const std::size_t next = point_at(curve, amount);
  const auto seconds_at = [&](std::size_t i, double number) {
    return number / curve.points[i].rate.value.rate;
  };
  const double number = number_of(amount);
  if (next == 0) return {seconds_at(0, number)};
  if (next == curve.points.size()) return {seconds_at(next - 1, number)};
  const double low = number_of(curve.points[next - 1].at);
  const double high = number_of(curve.points[next].at);
  const double first = seconds_at(next - 1, low);
  const double last = seconds_at(next, high);
  return {first + (last - first) * (number - low) / (high - low)};
}

template <class CurveType>
CurveType scaled_curve(CurveType curve, double factor) {
  for (auto& point : curve.points) point.rate.value.rate *= factor;
  return curve;
}

}  // namespace

const char* name_of(Provenance provenance) {
  static constexpr std::array<const char*, 3> kNames{"measured", "published", "assumed"};
  return kNames.at(static_cast<std::size_t>(provenance));
}

Seconds time_of(const MoveCurve& curve, Bytes size) {
  return time_on(curve, size);
}

Seconds time_of(const WorkCurve& curve, Flops work) {
  return time_on(curve, work);
}

ParametersPerSecond rate_at(const ThreadCurve& curve, int threads) {
  const std::size_t next = point_at(curve, threads);
  if (next == 0) return curve.points.front().rate.value;
  if (next == curve.points.size()) return curve.points.back().rate.value;
  const auto& low = curve.points[next - 1];
  const auto& high = curve.points[next];
  const double share = static_cast<double>(threads - low.at) / (high.at - low.at);
  return {low.rate.value.rate + share * (high.rate.value.rate - low.rate.value.rate)};
}

MoveCurve scaled(MoveCurve curve, double factor) {
  return scaled_curve(std::move(curve), factor);
}

WorkCurve scaled(WorkCurve curve, double factor) {
  return scaled_curve(std::move(curve), factor);
}

}  // namespace longhaul
