// One range of memory of exactly the asked-for size, taken once and given back at the end.
#pragma once

#include <cstddef>

#include "longhaul/core/units.h"

namespace longhaul {

class Arena {
 public:
  // Zeroed pages, on huge pages where the system grants them; physical memory is taken as pages
  // are first touched. Throws OutOfMemory naming `tier`.
  Arena(const char* tier, Bytes size);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::byte* base() const { return base_; }  // aligned to at least 4 KiB
  Bytes size() const { return size_; }

 private:
  std::byte* base_ = nullptr;
  Bytes size_;
};

}  // namespace longhaul
