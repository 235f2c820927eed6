// Where each stripe of a disk store lies: which folder's file, and where in it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "longhaul/core/units.h"

namespace longhaul {

// Stripes are dealt over the folders in turn; a folder that is full is passed over from then on.
class Stripes {
 public:
  struct Place {
    int folder;
    std::int64_t offset;  // in the folder's file
  };

  // Throws DoesNotFit when the capacities hold fewer whole stripes than `size` takes.
  Stripes(std::span<const Bytes> capacities, Bytes size);

  // Bytes of each folder's file, a multiple of kDiskStripe or 0.
  const std::vector<Bytes>& file_sizes() const { return file_sizes_; }

  // Where the byte at `offset` lies; the rest of its stripe follows it.
  Place locate(std::int64_t offset) const;

 private:
  // Stripes between two folders' becoming full.
  struct Zone {
    std::int64_t first;        // stripe of the store
    std::int64_t row;          // stripe within the files where it begins
    std::vector<int> folders;  // those not full
  };

  std::vector<Zone> zones_;
  std::vector<Bytes> file_sizes_;
};

}  // namespace longhaul
