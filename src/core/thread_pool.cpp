#include "longhaul/core/thread_pool.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// About 20 microseconds: the gap between two loops of one op, shorter than waking a thread costs.
constexpr int kSpins = 2000;

void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

struct ThreadPool::Team {
  using Body = FunctionRef<void(std::int64_t, int)>;

  alignas(64) std::atomic<std::uint32_t> generation{0};  // a new loop is announced by adding one
  alignas(64) std::atomic<std::int64_t> next{0};         // the next iteration to claim
  alignas(64) std::atomic<int> busy{0};                  // started threads still inside the loop
  std::atomic<bool> is_stopping{false};
  std::int64_t count = 0;
  const Body* body = nullptr;
  std::mutex error_mutex;
  std::exception_ptr error;
  std::vector<std::thread> threads;

  void work(int worker) {
    for (;;) {
      const std::int64_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= count) return;
      try {
        (*body)(i, worker);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(count, std::memory_order_relaxed);
      }
    }
  }

  void run(int worker) {
    std::uint32_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < kSpins && generation.load(std::memory_order_acquire) == seen;
           ++spin) {
        pause_core();
      }
      generation.wait(seen, std::memory_order_acquire);
      seen = generation.load(std::memory_order_acquire);
      if (is_stopping.load(std::memory_order_relaxed)) return;
      work(worker);
      if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) busy.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads, const std::function<void()>& on_start)
    : threads_(threads), team_(std::make_unique<Team>()) {
  require(threads >= 1, "ThreadPool: got ", threads, " threads, expected at least 1");
  for (int worker = 1; worker < threads; ++worker) {
    team_->threads.emplace_back([this, worker, on_start] {
      if (on_start) on_start();
      team_->run(worker);
    });
  }
}

ThreadPool::~ThreadPool() {
  team_->is_stopping.store(true, std::memory_order_relaxed);
  team_->generation.fetch_add(1, std::memory_order_release);
  team_->generation.notify_all();
  for (std::thread& thread : team_->threads) thread.join();
}

void ThreadPool::parallel_for(std::int64_t count, FunctionRef<void(std::int64_t, int)> body) {
  if (count <= 0) return;
  if (threads_ == 1 || count == 1) {
    for (std::int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  Team& team = *team_;
  team.count = count;
  team.body = &body;
  team.next.store(0, std::memory_order_relaxed);
  team.busy.store(threads_ - 1, std::memory_order_relaxed);
  team.generation.fetch_add(1, std::memory_order_release);
  team.generation.notify_all();
  team.work(0);
  for (int spin = 0; spin < kSpins && team.busy.load(std::memory_order_acquire) != 0; ++spin) {
    pause_core();
  }
  for (int busy = team.busy.load(std::memory_order_acquire); busy != 0;
       busy = team.busy.load(std::memory_order_acquire)) {
    team.busy.wait(busy, std::memory_order_acquire);
  }
  if (team.error) std::rethrow_exception(std::exchange(team.error, nullptr));
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  const int cores = CPU_COUNT(&set);
  return cores < 1 ? 1 : cores;
}

}  // namespace longhaul
