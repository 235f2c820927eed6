#include "longhaul/schedule/placement.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/schedule/order.h"

#include "lives.h"

namespace longhaul {
namespace {

// Sets of buffers that the lower bound grows: from each of the largest buffers.
constexpr std::size_t kSeeds = 64;

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

// Buffers of one tier that have a place, found by when they live.
class TierPlacement {
 public:
  TierPlacement(const std::vector<Life>& lives, std::size_t ops, Bytes floor)
      : lives_(lives), floor_(floor), alive_(ops / kPeriod + 1), beginning_(ops / kPeriod + 1) {}

  // The lowest offset at which `buffer` meets nobody alive at the same time.
  Bytes place(std::size_t buffer, Bytes size, const Span& span) {
    const std::size_t first = span.first / kPeriod;
    const std::size_t last = span.last / kPeriod;
    std::size_t work = alive_[first].size();
    for (std::size_t p = first + 1; p <= last; ++p) work += beginning_[p].size();
    const Bytes offset = kSortedWork * work >= placed_.size()
                             ? lowest_of_long(buffer, size)
                             : lowest_of_short(buffer, size, first, last);
    const auto entry = static_cast<std::uint32_t>(placed_.size());
    placed_.push_back({buffer, offset, offset + size});
    beginning_[first].push_back(entry);
    for (std::size_t p = first; p <= last; ++p) alive_[p].push_back(entry);
    return offset;
  }

 private:
  static constexpr std::size_t kPeriod = 32;      // ops
  static constexpr std::size_t kSortedWork = 12;  // to look at a neighbour and sort it, measured

  struct Placed {
    std::size_t buffer;
    Bytes begin;
    Bytes end;

    bool operator<(const Placed& other) const { return begin < other.begin; }
  };

  // All that are placed, by offset; only those in the way are asked whether they live meanwhile.
  Bytes lowest_of_long(std::size_t buffer, Bytes size) {
    sort_placed();
    Bytes offset = floor_;
    for (const Placed& other : sorted_) {
      if (other.begin >= offset + size) break;
      if (other.end <= offset || may_share(lives_[buffer], lives_[other.buffer])) continue;
      offset = other.end;
    }
    return offset;
  }

  void sort_placed() {
    const auto fresh = static_cast<std::ptrdiff_t>(sorted_.size());
    sorted_.insert(sorted_.end(), placed_.begin() + fresh, placed_.end());
    std::sort(sorted_.begin() + fresh, sorted_.end());
    std::inplace_merge(sorted_.begin(), sorted_.begin() + fresh, sorted_.end());
  }

  // Those of the same periods that live meanwhile.
  Bytes lowest_of_short(std::size_t buffer, Bytes size, std::size_t first, std::size_t last) {
    neighbours_.clear();
    find_neighbours(buffer, alive_[first]);
    for (std::size_t p = first + 1; p <= last; ++p) find_neighbours(buffer, beginning_[p]);
    std::sort(neighbours_.begin(), neighbours_.end());
    Bytes offset = floor_;
    for (const Placed& other : neighbours_) {
      if (other.begin >= offset + size) break;
      offset = std::max(offset, other.end);
    }
    return offset;
  }

  void find_neighbours(std::size_t buffer, const std::vector<std::uint32_t>& entries) {
    for (const std::uint32_t entry : entries) {
      const Placed& other = placed_[entry];
      if (!may_share(lives_[buffer], lives_[other.buffer])) neighbours_.push_back(other);
    }
  }

  const std::vector<Life>& lives_;
  Bytes floor_;
  std::vector<Placed> placed_;
  std::vector<Placed> sorted_;  // the first of placed_, by offset
  std::vector<Placed> neighbours_;
  // By periods of ops: entries of placed_ that live then, and that begin then.
  std::vector<std::vector<std::uint32_t>> alive_;
  std::vector<std::vector<std::uint32_t>> beginning_;
};

Bytes aligned(Bytes size, Tier tier) {
  return Bytes{round_up(size.count, kBufferAlignment[static_cast<std::size_t>(tier)])};
}

// A buffer that comes and goes within a pass.
struct Moving {
  std::size_t buffer;
  Bytes size;  // aligned
  Span span;
};

// Largest first; of one size, those that begin first: first fit then takes the fewest slots where
// lives are intervals.
std::vector<Moving> moving_buffers(const Schedule& schedule,
                                   const std::vector<Life>& lives,
                                   const SpanOf& span_of,
                                   Tier tier) {
  std::vector<Moving> moving;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    const Buffer& buffer = schedule.buffers()[b];
    if (buffer.tier != tier || buffer.is_persistent || !lives[b].is_used()) continue;
    moving.push_back({b, aligned(buffer.size, tier), span_of(lives[b], tier)});
  }
  std::stable_sort(moving.begin(), moving.end(), [](const Moving& a, const Moving& b) {
    return a.size != b.size ? a.size > b.size : a.span.first < b.span.first;
  });
  return moving;
}

struct Offsets {
  std::vector<std::pair<std::size_t, Bytes>> of;  // buffers
  Bytes peak;
};

Offsets place_in_order(const std::vector<Moving>& buffers, TierPlacement placement) {
  Offsets offsets;
  for (const Moving& one : buffers) {
    const Bytes offset = placement.place(one.buffer, one.size, one.span);
    offsets.of.emplace_back(one.buffer, offset);
    offsets.peak = std::max(offsets.peak, offset + one.size);
  }
  return offsets;
}

// Largest first; where that does not meet the bound, by size times life too, and the smaller of
// both.
Offsets place_moving(std::vector<Moving> buffers, const TierPlacement& empty, Bytes bound) {
  Offsets by_size = place_in_order(buffers, empty);
  if (by_size.peak <= bound) return by_size;
  const auto area = [](const Moving& one) {
    return static_cast<double>(one.size.count) *
           static_cast<double>(one.span.last - one.span.first + 1);
  };
  std::stable_sort(buffers.begin(), buffers.end(), [&](const Moving& a, const Moving& b) {
    return area(a) > area(b);
  });
  Offsets by_area = place_in_order(buffers, empty);
  return by_area.peak < by_size.peak ? by_area : by_size;
}

std::string ledger(const Schedule& schedule, Tier tier, Bytes needed, Bytes cap, Bytes persistent) {
  std::vector<const Buffer*> largest;
  for (const Buffer& buffer : schedule.buffers()) {
    if (buffer.tier == tier) largest.push_back(&buffer);
  }
  const std::size_t shown = std::min<std::size_t>(largest.size(), 8);
  std::partial_sort(largest.begin(),
                    largest.begin() + static_cast<std::ptrdiff_t>(shown),
                    largest.end(),
                    [](auto* a, auto* b) { return a->size > b->size; });
  std::string text = concat(room_on(tier),
                            ": needs ",
                            to_string(needed),
                            ", cap ",
                            to_string(cap),
                            "; across steps ",
                            to_string(persistent),
                            ", within a step ",
                            to_string(needed - persistent),
                            "; largest:");
  for (std::size_t i = 0; i < shown; ++i) {
    text += concat("\n  ", largest[i]->name, "  ", to_string(largest[i]->size));
  }
  return text;
}

}  // namespace

const char* room_on(Tier tier) {
  static constexpr std::array<const char*, kTierCount> kNames{
      "device memory", "host memory", "disk space"};
  return kNames.at(index_of(tier));
}

std::array<Bytes, kTierCount> least_peak(const Schedule& schedule) {
  const std::size_t ops = schedule.ops().size();
  const std::vector<Buffer>& buffers = schedule.buffers();
  std::vector<std::size_t> first(buffers.size(), ops);
  std::vector<std::size_t> last(buffers.size(), 0);
  for (std::size_t i = 0; i < ops; ++i) {
    const Op& op = schedule.ops()[i];
    const auto note = [&](const Operand& operand) {
      if (!operand.exists()) return;
      first[operand.buffer.index()] = std::min(first[operand.buffer.index()], i);
      last[operand.buffer.index()] = i;
    };
    std::for_each(op.reads.begin(), op.reads.end(), note);
    std::for_each(op.writes.begin(), op.writes.end(), note);
    note(op.scratch);
  }
  std::array<Bytes, kTierCount> live{};
  std::vector<std::array<Bytes, kTierCount>> change(ops + 1);
  for (std::size_t b = 0; b < buffers.size(); ++b) {
    const std::size_t tier = index_of(buffers[b].tier);
    const Bytes size = aligned(buffers[b].size, buffers[b].tier);
    if (buffers[b].is_persistent) live[tier] += size;
    if (buffers[b].is_persistent || first[b] == ops) continue;
    change[first[b]][tier] += size;
    change[last[b] + 1][tier] += Bytes{-size.count};
  }
  std::array<Bytes, kTierCount> peak = live;
  for (const auto& delta : change) {
    for (std::size_t t = 0; t < kTierCount; ++t) {
      live[t] += delta[t];
      peak[t] = std::max(peak[t], live[t]);
    }
  }
  return peak;
}

PlacedSchedule place(Schedule schedule, const Caps& caps, const Caps& enough) {
  const HappensBefore happens_before(schedule);
  const std::vector<Life> lives = lives_of(schedule, happens_before);
  const SpanOf span_of(schedule, happens_before);
  PlacedSchedule placed;
  placed.offsets.resize(schedule.buffers().size());
  const std::vector<Buffer>& buffers = schedule.buffers();
  for (std::size_t b = 0; b < buffers.size(); ++b) {
    if (!buffers[b].is_persistent) continue;
    Bytes& end = placed.persistent[index_of(buffers[b].tier)];
    placed.offsets[b] = end;
    end += aligned(buffers[b].size, buffers[b].tier);
  }
  placed.peak = placed.persistent;
  const std::array<Bytes, kTierCount> bounds = least_peak(schedule);

  for (std::size_t t = 0; t < kTierCount; ++t) {
    const auto tier = static_cast<Tier>(t);
    const Offsets best = place_moving(moving_buffers(schedule, lives, span_of, tier),
                                      TierPlacement(lives, schedule.ops().size(), placed.peak[t]),
                                      std::max(bounds[t], enough.bytes[t]));
    for (const auto& [buffer, offset] : best.of) placed.offsets[buffer] = offset;
    placed.peak[t] = std::max(placed.peak[t], best.peak);
  }
  for (std::size_t t = 0; t < kTierCount; ++t) {
    if (placed.peak[t] <= caps.bytes[t]) continue;
    throw DoesNotFit(ledger(
        schedule, static_cast<Tier>(t), placed.peak[t], caps.bytes[t], placed.persistent[t]));
  }
  placed.schedule = std::move(schedule);
  return placed;
}

Bytes lower_bound(const Schedule& schedule, Tier tier) {
  const HappensBefore happens_before(schedule);
  const std::vector<Life> lives = lives_of(schedule, happens_before);
  const std::vector<Moving> buffers =
      moving_buffers(schedule, lives, SpanOf(schedule, happens_before), tier);
  Bytes largest;
  for (std::size_t seed = 0; seed < std::min(buffers.size(), kSeeds); ++seed) {
    std::vector<std::size_t> together{seed};
    Bytes sum = buffers[seed].size;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const bool meets_all = std::none_of(together.begin(), together.end(), [&](std::size_t j) {
        return i == j || may_share(lives[buffers[i].buffer], lives[buffers[j].buffer]);
      });
      if (!meets_all) continue;
      together.push_back(i);
      sum += buffers[i].size;
    }
    largest = std::max(largest, sum);
  }
  for (const Buffer& buffer : schedule.buffers()) {
    if (buffer.tier == tier && buffer.is_persistent) largest += aligned(buffer.size, tier);
  }
  return std::max(largest, least_peak(schedule)[index_of(tier)]);
}

void check(const PlacedSchedule& placed) {
  const Schedule& schedule = placed.schedule;
  const std::vector<Life> lives = lives_of(schedule, HappensBefore(schedule));
  std::vector<std::size_t> order;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    if (schedule.buffers()[b].is_persistent || lives[b].is_used()) order.push_back(b);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return placed.offsets[a] < placed.offsets[b];
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Buffer& a = schedule.buffers()[order[i]];
    const Bytes end = placed.offsets[order[i]] + a.size;
    for (std::size_t j = i + 1; j < order.size() && placed.offsets[order[j]] < end; ++j) {
      const Buffer& b = schedule.buffers()[order[j]];
      if (a.tier != b.tier || a.size.count == 0 || b.size.count == 0) continue;
      const bool is_sound =
          !a.is_persistent && !b.is_persistent && may_share(lives[order[i]], lives[order[j]]);
      require(
          is_sound, "placement: ", a.name, " and ", b.name, " share bytes and may live together");
    }
  }
}

}  // namespace longhaul
