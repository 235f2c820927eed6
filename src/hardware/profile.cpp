#include "longhaul/hardware/profile.h"

#include <algorithm>
#include <tuple>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// The rate at the nearest depth that is not smaller, or at the deepest there is; of its blocks the
// largest that is not larger, or the smallest there is.
double rate_at(const std::vector<DiskRate>& rates, Bytes block, int depth) {
  require(!rates.empty(), "storage: a disk has no rate");
  const auto miss = [&](const DiskRate& rate) {
    const bool is_shallow = rate.depth < depth && rate.depth != 0;
    const bool is_large = rate.block > block;
    return std::tuple(is_shallow,
                      is_shallow ? -rate.depth : rate.depth,
                      is_large,
                      is_large ? rate.block.count : -rate.block.count);
  };
  const auto best =
      std::min_element(rates.begin(), rates.end(), [&](const DiskRate& a, const DiskRate& b) {
        return miss(a) < miss(b);
      });
  return best->rate.value.rate;
}

}  // namespace

StorageRates storage_rates(const StorageProfile& storage, Bytes block, int depth) {
  require(!storage.disks.empty(), "storage: the machine has no disk");
  double read = 0.0;
  double write = 0.0;
  double mixed_time = 0.0;  // of a byte read and a byte written together, weighted by disk
  double added_time = 0.0;
  for (const DiskProfile& disk : storage.disks) {
    const double r = rate_at(disk.read, block, depth);
    const double w = rate_at(disk.write, block, depth);
    read += disk.count * r;
    write += disk.count * w;
    const double added = 1.0 / r + 1.0 / w;
    const double mixed = disk.mixed.empty() ? added : 2.0 / rate_at(disk.mixed, block, depth);
    added_time += disk.count * added;
    mixed_time += disk.count * mixed;
  }
  const double serial = storage.serial ? 1.0 / storage.serial->value.rate : 0.0;
  return {{1.0 / (1.0 / read + serial)}, {1.0 / (1.0 / write + serial)}, mixed_time / added_time};
}

Bytes capacity(const StorageProfile& storage) {
  Bytes sum;
  for (const DiskProfile& disk : storage.disks) sum += disk.capacity.value * disk.count;
  return sum;
}

std::optional<Bytes> endurance(const StorageProfile& storage) {
  Bytes sum;
  for (const DiskProfile& disk : storage.disks) {
    if (!disk.endurance) return std::nullopt;
    sum += disk.endurance->value * disk.count;
  }
  return sum;
}

}  // namespace longhaul
