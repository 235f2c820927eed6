// What a folder's disk does, by the store that training uses, on data that was really written.
#pragma once

#include <filesystem>

#include "longhaul/hardware/profile.h"

#include "compute_rates.h"
#include "trial.h"

namespace longhaul {

struct MeasuredDisk {
  DiskProfile profile;
  Samples core;  // of one core, what reading keeps busy
};

// Writes, reads and mixes up to `size` bytes there within about `seconds`. Throws IoError that
// names the folder when it is missing, not writable or full; warns about a folder in memory.
MeasuredDisk measure_disk(const CallContext& context,
                          const std::filesystem::path& folder,
                          Bytes size,
                          double seconds,
                          const OnShare& on_share);

}  // namespace longhaul
