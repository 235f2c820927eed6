#include "longhaul/schedule/placement.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/schedule/order.h"

namespace longhaul {
namespace {

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

// The uses of a buffer that bound its life: per lane the first and the last op.
struct Life {
  std::array<OpId, kLaneCount> first{};
  std::array<OpId, kLaneCount> last{};

  void note(OpId op, Lane lane) {
    OpId& first_on_lane = first[static_cast<std::size_t>(lane)];
    if (!first_on_lane.exists()) first_on_lane = op;
    last[static_cast<std::size_t>(lane)] = op;
  }
  bool is_used() const {
    return std::any_of(first.begin(), first.end(), [](OpId id) { return id.exists(); });
  }
};

std::vector<Life> lives_of(const Schedule& schedule) {
  std::vector<Life> lives(schedule.buffers().size());
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const auto note = [&](const Operand& operand) {
      if (operand.exists()) lives[operand.buffer.index()].note(make_id<OpId>(i), op.lane);
    };
    std::for_each(op.reads.begin(), op.reads.end(), note);
    std::for_each(op.writes.begin(), op.writes.end(), note);
    note(op.scratch);
  }
  return lives;
}

bool ends_before(const Life& first, const Life& second, const HappensBefore& is_before) {
  for (const OpId last : first.last) {
    if (!last.exists()) continue;
    for (const OpId begin : second.first) {
      if (begin.exists() && !is_before(last, begin)) return false;
    }
  }
  return true;
}

// Buffers already placed in one tier, sorted by offset.
struct Placed {
  std::size_t buffer;
  Bytes begin;
  Bytes end;
};

class TierPlacement {
 public:
  TierPlacement(const std::vector<Life>& lives, const HappensBefore& is_before, Bytes floor)
      : lives_(lives), is_before_(is_before), floor_(floor) {}

  // The lowest offset at which `buffer` meets nobody alive at the same time.
  Bytes place(std::size_t buffer, Bytes size) {
    Bytes offset = floor_;
    for (const Placed& other : placed_) {
      if (other.end <= offset) continue;
      if (other.begin >= offset + size) break;
      if (!may_share(buffer, other.buffer)) offset = other.end;
    }
    const Placed entry{buffer, offset, offset + size};
    const auto after = std::upper_bound(
        placed_.begin(), placed_.end(), entry, [](const Placed& a, const Placed& b) {
          return a.begin < b.begin;
        });
    placed_.insert(after, entry);
    return offset;
  }

 private:
  bool may_share(std::size_t a, std::size_t b) const {
    return ends_before(lives_[a], lives_[b], is_before_) ||
           ends_before(lives_[b], lives_[a], is_before_);
  }

  const std::vector<Life>& lives_;
  const HappensBefore& is_before_;
  Bytes floor_;
  std::vector<Placed> placed_;
};

Bytes aligned(Bytes size, Tier tier) {
  return Bytes{round_up(size.count, kBufferAlignment[static_cast<std::size_t>(tier)])};
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
  std::string text = concat(name_of(tier),
                            " memory: needs ",
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

PlacedSchedule place(Schedule schedule, const Caps& caps) {
  const HappensBefore is_before(schedule);
  const std::vector<Life> lives = lives_of(schedule);
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

  std::vector<std::size_t> order;
  for (std::size_t b = 0; b < buffers.size(); ++b) {
    if (!buffers[b].is_persistent && lives[b].is_used()) order.push_back(b);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return buffers[a].size > buffers[b].size;
  });
  std::vector<TierPlacement> tiers;
  for (const Bytes floor : placed.persistent) tiers.emplace_back(lives, is_before, floor);
  for (const std::size_t b : order) {
    const std::size_t tier = index_of(buffers[b].tier);
    placed.offsets[b] = tiers[tier].place(b, aligned(buffers[b].size, buffers[b].tier));
    placed.peak[tier] =
        std::max(placed.peak[tier], placed.offsets[b] + aligned(buffers[b].size, buffers[b].tier));
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
  const std::vector<Life> lives = lives_of(schedule);
  std::vector<std::int64_t> change(schedule.ops().size() + 1, 0);
  std::int64_t live = 0;
  for (std::size_t b = 0; b < lives.size(); ++b) {
    const Buffer& buffer = schedule.buffers()[b];
    if (buffer.tier != tier) continue;
    if (buffer.is_persistent) live += aligned(buffer.size, tier).count;
    if (buffer.is_persistent || !lives[b].is_used()) continue;
    OpId first = make_id<OpId>(schedule.ops().size());
    OpId last;
    for (std::size_t l = 0; l < kLaneCount; ++l) {
      if (!lives[b].first[l].exists()) continue;
      first = std::min(first, lives[b].first[l]);
      last = std::max(last, lives[b].last[l]);
    }
    change[first.index()] += aligned(buffer.size, tier).count;
    change[last.index() + 1] -= aligned(buffer.size, tier).count;
  }
  std::int64_t peak = live;
  for (const std::int64_t delta : change) {
    live += delta;
    peak = std::max(peak, live);
  }
  return Bytes{peak};
}

void check(const PlacedSchedule& placed) {
  const Schedule& schedule = placed.schedule;
  const HappensBefore is_before(schedule);
  const std::vector<Life> lives = lives_of(schedule);
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
      const bool may_share = !a.is_persistent && !b.is_persistent &&
                             (ends_before(lives[order[i]], lives[order[j]], is_before) ||
                              ends_before(lives[order[j]], lives[order[i]], is_before));
      require(
          may_share, "placement: ", a.name, " and ", b.name, " share bytes and may live together");
    }
  }
}

}  // namespace longhaul
