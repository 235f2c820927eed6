// How threads wait for each other where microseconds count: a short spin, then sleep in futex(2).
//
// Nobody yields, as std::atomic::wait does before it sleeps: where others keep the cores busy,
// whoever yields gets its core back after their time slice, milliseconds later; whoever sleeps is
// woken ahead of them. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace longhaul {

/// Tells the core that this is a loop that waits.
inline void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Asks `is_done()` again and again for about `time`; returns what it last said.
template <class Predicate>
bool spin_until(std::chrono::nanoseconds time, const Predicate& is_done) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end{};
  do {
    for (int i = 0; i < 16; ++i) {
      if (is_done()) return true;
      pause_core();
    }
    if (end == Clock::time_point{}) end = Clock::now() + time;
  } while (Clock::now() < end);
  return is_done();
}

/// A number that only grows; threads sleep until it has grown. Wraps around.
class Signal {
 public:
  std::uint32_t value() const { return value_.load(std::memory_order_acquire); }

  /// Adds one and wakes every thread in wait_while(). What was written before is seen by them.
  void raise();

  /// Returns once value() is not `seen`.
  void wait_while(std::uint32_t seen);

 private:
  std::atomic<std::uint32_t> value_{0};
  std::atomic<std::uint32_t> sleepers_{0};
};

}  // namespace longhaul
