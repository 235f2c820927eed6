#include "longhaul/core/thread_pool.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

#include "longhaul/core/error.h"
#include "longhaul/core/signal.h"

namespace longhaul {
namespace {

// The gap between two loops of one op, shorter than waking a thread costs.
constexpr std::chrono::microseconds kSpin{20};

}  // namespace

struct ThreadPool::Team {
  using Body = FunctionRef<void(std::int64_t, int)>;

  alignas(64) Signal begun;                       // raised for every loop
  Signal ended;                                   // raised when nobody is busy any more
  alignas(64) std::atomic<std::int64_t> next{0};  // the next iteration to claim
  alignas(64) std::atomic<int> busy{0};           // started threads still inside the loop
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
      if (!spin_until(kSpin, [&] { return begun.value() != seen; })) begun.wait_while(seen);
      ++seen;
      if (is_stopping.load(std::memory_order_relaxed)) return;
      work(worker);
      if (busy.fetch_sub(1, std::memory_order_acq_rel) == 1) ended.raise();
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
  team_->begun.raise();
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
  const std::uint32_t seen = team.ended.value();
  team.begun.raise();
  team.work(0);
  if (!spin_until(kSpin, [&] { return team.ended.value() != seen; })) team.ended.wait_while(seen);
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
