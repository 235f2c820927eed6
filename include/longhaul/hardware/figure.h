// A number about a machine with what is known of it: how far it spreads and where it comes from.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/units.h"

namespace longhaul {

struct ParametersPerSecond {
  double rate = 0.0;

  constexpr auto operator<=>(const ParametersPerSecond&) const = default;
};

enum class Provenance : std::uint8_t {
  kMeasured,   // on the machine itself; such a figure states its spread
  kPublished,  // by the maker or in a paper
  kAssumed,    // by whoever wrote the profile
};
const char* name_of(Provenance provenance);

template <class Quantity>
struct Figure {
  Quantity value{};
  std::optional<double> spread;  // of repeated measurements, as a share of the value
  Provenance provenance = Provenance::kAssumed;
  std::string source;  // who says so, in a few words

  bool operator==(const Figure&) const = default;
};

// A rate that depends on how much is done at once. Points in rising order of `at`, at least one; a
// single one is a rate for any amount.
template <class Amount, class Rate>
struct Curve {
  struct Point {
    Amount at{};
    Figure<Rate> rate;

    bool operator==(const Point&) const = default;
  };
  std::vector<Point> points;

  bool operator==(const Curve&) const = default;
};

using MoveCurve = Curve<Bytes, BytesPerSecond>;
using WorkCurve = Curve<Flops, FlopsPerSecond>;
using ThreadCurve = Curve<int, ParametersPerSecond>;

// Between two points the time is linear in the amount; outside, the rate is that of the last point.
Seconds time_of(const MoveCurve& curve, Bytes size);
Seconds time_of(const WorkCurve& curve, Flops work);
// Between two points the rate is linear in the number of threads.
ParametersPerSecond rate_at(const ThreadCurve& curve, int threads);

// The same curve with every rate multiplied.
MoveCurve scaled(MoveCurve curve, double factor);
WorkCurve scaled(WorkCurve curve, double factor);

}  // namespace longhaul
