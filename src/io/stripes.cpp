#include "io/stripes.h"

#include <algorithm>
#include <iterator>

#include "longhaul/core/error.h"
#include "longhaul/io/disk_store.h"

namespace longhaul {

Stripes::Stripes(std::span<const Bytes> capacities, Bytes size) : file_sizes_(capacities.size()) {
  constexpr std::int64_t kStripe = kDiskStripe.count;
  std::int64_t held = 0;
  for (const Bytes capacity : capacities) held += capacity.count / kStripe;
  const std::int64_t needed = round_up(size.count, kStripe) / kStripe;
  if (held < needed) {
    throw DoesNotFit(concat("disk store: needs ",
                            to_string(needed * kDiskStripe),
                            ", but its folders may take ",
                            to_string(held * kDiskStripe),
                            " in whole stripes of ",
                            to_string(kDiskStripe)));
  }
  std::int64_t row = 0;
  for (std::int64_t first = 0; first < needed;) {
    Zone zone{first, row, {}};
    std::int64_t end = INT64_MAX;
    for (std::size_t folder = 0; folder < capacities.size(); ++folder) {
      const std::int64_t rows = capacities[folder].count / kStripe;
      if (rows <= row) continue;
      zone.folders.push_back(static_cast<int>(folder));
      end = std::min(end, rows);
    }
    const auto width = static_cast<std::int64_t>(zone.folders.size());
    const std::int64_t count = std::min(needed - first, (end - row) * width);
    for (std::int64_t i = 0; i < width; ++i) {
      const std::int64_t rows = row + (count - i + width - 1) / width;
      const auto folder = static_cast<std::size_t>(zone.folders[static_cast<std::size_t>(i)]);
      file_sizes_[folder] = rows * kDiskStripe;
    }
    zones_.push_back(std::move(zone));
    first += count;
    row = end;
  }
}

Stripes::Place Stripes::locate(std::int64_t offset) const {
  const std::int64_t stripe = offset / kDiskStripe.count;
  const auto after = std::upper_bound(
      zones_.begin(), zones_.end(), stripe, [](std::int64_t wanted, const Zone& zone) {
        return wanted < zone.first;
      });
  const Zone& zone = *std::prev(after);
  const auto width = static_cast<std::int64_t>(zone.folders.size());
  const std::int64_t index = stripe - zone.first;
  return {zone.folders[static_cast<std::size_t>(index % width)],
          (zone.row + index / width) * kDiskStripe.count + offset % kDiskStripe.count};
}

}  // namespace longhaul
