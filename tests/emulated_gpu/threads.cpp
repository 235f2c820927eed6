#include "emulated_gpu/threads.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "emulated_gpu/fiber.h"
#include "emulated_gpu/runtime.h"

namespace longhaul::emulated_gpu {
namespace {

constexpr unsigned kWarp = 32;
constexpr std::size_t kStack = 96 * 1024;
constexpr std::uint64_t kNothing = ~std::uint64_t{0};  // NaN as float and as double

enum class State { kReady, kAtWarp, kAtBlock, kEnded };

struct Thread {
  Fiber fiber;
  std::unique_ptr<std::byte[]> stack{new std::byte[kStack]};
  Place place{};
  State state = State::kEnded;
  unsigned mask = 0;
  std::uint64_t own = 0;
  unsigned source = 0;
  std::uint64_t result = 0;
  std::uint64_t* all = nullptr;  // where gather() wants everybody's
};

[[noreturn]] void fail(const Place& at, const char* what) {
  std::fprintf(stderr,
               "emulated GPU: block (%u, %u, %u), thread %u: %s\n",
               at.block.x,
               at.block.y,
               at.block.z,
               at.thread.x,
               what);
  std::abort();
}

// The block that runs on this thread of the host.
class Block {
 public:
  void run(const Launch& launch, const uint3& index, const std::function<void()>& call) {
    call_ = &call;
    shared_.assign(launch.shared + 128, std::byte{0xFF});
    while (threads_.size() < launch.threads) threads_.emplace_back();
    count_ = launch.threads;
    for (unsigned t = 0; t < count_; ++t) {
      Thread& thread = threads_[t];
      thread.place = {{t, 0, 0}, index, {launch.threads, 1, 1}, launch.blocks};
      thread.state = State::kReady;
      thread.fiber.start(thread.stack.get(), kStack, &Block::enter);
    }
    ++round_;
    while (step()) ++round_;
  }

  Thread& current() { return *current_; }
  std::byte* shared() {
    const auto address = reinterpret_cast<std::uintptr_t>(shared_.data());
    return shared_.data() + (128 - address % 128) % 128;
  }
  void wait(State state) {
    current_->state = state;
    switch_fiber(current_->fiber, scheduler_);
  }

 private:
  static void enter();

  // Runs every warp up to a barrier of the block; false when all threads have ended.
  bool step() {
    const unsigned warps = (count_ + kWarp - 1) / kWarp;
    for (unsigned i = 0; i < warps; ++i) run_warp(round_ % 2 == 0 ? i : warps - 1 - i);
    bool is_alive = false;
    for (unsigned t = 0; t < count_; ++t) {
      if (threads_[t].state != State::kAtBlock) continue;
      threads_[t].state = State::kReady;
      is_alive = true;
    }
    return is_alive;
  }

  void run_warp(unsigned warp) {
    const unsigned first = warp * kWarp;
    const unsigned lanes = std::min(kWarp, count_ - first);
    do {
      for (unsigned i = 0; i < lanes; ++i) {
        Thread& thread = threads_[first + (round_ % 2 == 0 ? i : lanes - 1 - i)];
        if (thread.state != State::kReady) continue;
        current_ = &thread;
        switch_fiber(scheduler_, thread.fiber);
      }
    } while (exchange_lanes(first, lanes));
  }

  // Completes the exchanges that all lanes of their masks have come to.
  bool exchange_lanes(unsigned first, unsigned lanes) {
    bool any = false;
    for (unsigned l = 0; l < lanes; ++l) {
      Thread& thread = threads_[first + l];
      if (thread.state != State::kAtWarp) continue;
      any = true;
      if ((thread.mask >> l & 1U) == 0) fail(thread.place, "is not in its own mask");
      for (unsigned other = 0; other < lanes; ++other) {
        const Thread& peer = threads_[first + other];
        if ((thread.mask >> other & 1U) == 0 || peer.state == State::kEnded) continue;
        if (peer.state != State::kAtWarp || peer.mask != thread.mask) {
          fail(peer.place, "misses an exchange of its warp");
        }
      }
      const bool exists = thread.source < lanes && (thread.mask >> thread.source & 1U) != 0 &&
                          threads_[first + thread.source].state == State::kAtWarp;
      for (unsigned other = 0; thread.all != nullptr && other < kWarp; ++other) {
        thread.all[other] = other < lanes ? threads_[first + other].own : kNothing;
      }
      thread.result = exists ? threads_[first + thread.source].own : kNothing;
    }
    for (unsigned l = 0; l < lanes; ++l) {
      if (threads_[first + l].state == State::kAtWarp) threads_[first + l].state = State::kReady;
    }
    return any;
  }

  const std::function<void()>* call_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<std::byte> shared_;
  unsigned count_ = 0;
  unsigned round_ = 0;
  Thread* current_ = nullptr;
  Fiber scheduler_;
};

Block& block() {
  static thread_local const std::unique_ptr<Block> kBlock = std::make_unique<Block>();
  return *kBlock;
}

void Block::enter() {
  Block& here = block();
  (*here.call_)();
  here.current_->state = State::kEnded;
  switch_fiber(here.current_->fiber, here.scheduler_);
}

}  // namespace

const Place& place() {
  return block().current().place;
}

std::byte* shared_of_block() {
  return block().shared();
}

void synchronize_block() {
  block().wait(State::kAtBlock);
}

std::uint64_t exchange(unsigned mask, std::uint64_t own, unsigned source) {
  Thread& thread = block().current();
  thread.mask = mask;
  thread.own = own;
  thread.source = source;
  block().wait(State::kAtWarp);
  return thread.result;
}

void gather(std::uint64_t own, std::uint64_t (&all)[32]) {
  Thread& thread = block().current();
  thread.all = all;
  exchange(0xFFFFFFFFU, own, 0);
  thread.all = nullptr;
}

void run_grid(const Launch& launch, const std::function<void()>& call) {
  static thread_local unsigned launches = 0;
  const std::uint64_t blocks = std::uint64_t{launch.blocks.x} * launch.blocks.y * launch.blocks.z;
  const bool is_forward = ++launches % 2 == 0;
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const std::uint64_t b = is_forward ? i : blocks - 1 - i;
    const uint3 index{static_cast<unsigned>(b % launch.blocks.x),
                      static_cast<unsigned>(b / launch.blocks.x % launch.blocks.y),
                      static_cast<unsigned>(b / launch.blocks.x / launch.blocks.y)};
    block().run(launch, index, call);
  }
}

}  // namespace longhaul::emulated_gpu
