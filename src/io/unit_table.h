// What a disk store knows of each of its units: how many bytes were written, and their checksum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "longhaul/io/disk_store.h"

namespace longhaul {

// Threads may use it at once as long as they touch different units.
class UnitTable {
 public:
  explicit UnitTable(Bytes size);

  // Bytes that hold something, from the start of the unit on.
  std::int64_t held(std::int64_t unit) const { return held_[static_cast<std::size_t>(unit)]; }

  // `bytes` begin with the unit's first.
  void record(std::int64_t first_unit, std::span<const std::byte> bytes);
  // The units hold nothing.
  void forget(std::int64_t first_unit, std::int64_t count);

  // The first unit whose held bytes differ from those in `bytes`, or -1. `bytes` begin with the
  // first unit's and reach at least to the end of what the last one holds.
  std::int64_t find_mismatch(std::int64_t first_unit, std::span<const std::byte> bytes) const;

 private:
  std::vector<std::uint64_t> checksums_;
  std::vector<std::uint32_t> held_;
};

}  // namespace longhaul
