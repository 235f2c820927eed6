// When the buffers of a schedule are alive, as far as the order of its ops bounds it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "longhaul/schedule/order.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Buffer a ends before b begins in every execution if and only if, lane by lane, b knows of the end
// of a's last use: a.end <= b.begin.
struct Life {
  std::array<std::int32_t, kLaneCount> end{};    // per lane: ops up to and with its last use there
  std::array<std::int32_t, kLaneCount> begin{};  // per lane: ops that ended before its first uses
  OpId first;
  OpId last;

  bool is_used() const { return first.exists(); }
};

inline bool ends_before(const Life& a, const Life& b) {
  bool is_before = true;
  for (std::size_t l = 0; l < kLaneCount; ++l) is_before &= a.end[l] <= b.begin[l];
  return is_before;
}

inline bool may_share(const Life& a, const Life& b) {
  return ends_before(a, b) || ends_before(b, a);
}

// By buffer.
std::vector<Life> lives_of(const Schedule& schedule, const HappensBefore& order);

// The ops among which a buffer may be alive, as a range of their indices: what ends before it ends
// before the range, what begins after it begins after the range.
struct Span {
  std::size_t first;
  std::size_t last;
};

// Keeps a reference to `order`.
class SpanOf {
 public:
  SpanOf(const Schedule& schedule, const HappensBefore& order);

  // Only lanes that touch the tier count: no other one can use a buffer there.
  Span operator()(const Life& life, Tier tier) const;

 private:
  const HappensBefore& order_;
  std::array<std::array<bool, kLaneCount>, kTierCount> touches_{};
};

}  // namespace longhaul
