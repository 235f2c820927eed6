#include "io/unit_table.h"

#include <algorithm>

#include "io/checksum.h"

namespace longhaul {
namespace {

constexpr auto kUnit = static_cast<std::size_t>(kDiskUnit.count);

}  // namespace

UnitTable::UnitTable(Bytes size)
    : checksums_(static_cast<std::size_t>(round_up(size.count, kDiskUnit.count)) / kUnit),
      held_(checksums_.size()) {}

void UnitTable::record(std::int64_t first_unit, std::span<const std::byte> bytes) {
  auto unit = static_cast<std::size_t>(first_unit);
  for (; !bytes.empty(); ++unit) {
    const std::size_t size = std::min(bytes.size(), kUnit);
    checksums_[unit] = checksum_of(bytes.first(size));
    held_[unit] = static_cast<std::uint32_t>(size);
    bytes = bytes.subspan(size);
  }
}

void UnitTable::forget(std::int64_t first_unit, std::int64_t count) {
  std::fill_n(held_.begin() + first_unit, count, 0U);
}

std::int64_t UnitTable::find_mismatch(std::int64_t first_unit,
                                      std::span<const std::byte> bytes) const {
  auto unit = static_cast<std::size_t>(first_unit);
  for (; !bytes.empty(); ++unit) {
    const std::size_t size = std::min(bytes.size(), kUnit);
    const std::size_t held = held_[unit];
    if (held > size || checksum_of(bytes.first(held)) != checksums_[unit]) {
      return static_cast<std::int64_t>(unit);
    }
    bytes = bytes.subspan(size);
  }
  return -1;
}

}  // namespace longhaul
