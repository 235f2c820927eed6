#include "longhaul/core/signal.h"

#include <climits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace longhaul {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// A sleeper counts itself before it looks at the value, and the value is raised before the sleepers
// are looked at, in one order for all threads: one of the two sees the other.
void Signal::raise() {
  value_.fetch_add(1);
  if (sleepers_.load() == 0) return;
  syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

void Signal::wait_while(std::uint32_t seen) {
  if (value() != seen) return;
  sleepers_.fetch_add(1);
  while (value_.load() == seen) {
    syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
  }
  sleepers_.fetch_sub(1);
}

}  // namespace longhaul
