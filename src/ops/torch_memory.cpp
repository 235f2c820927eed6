#include "longhaul/ops/torch_memory.h"

#include <atomic>
#include <cstdlib>

#include <ATen/Parallel.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr std::int64_t kAlignment = 64;

std::atomic<std::int64_t> from_scratch{0};
std::atomic<std::int64_t> from_system{0};

// A stack of temporaries: freed memory comes back when what lies above it is free too.
struct Scratch {
  std::byte* base = nullptr;
  std::int64_t size = 0;
  std::int64_t used = 0;
  std::int64_t live = 0;  // allocations not yet given back
};

thread_local Scratch scratch;

bool is_ours(const void* memory) {
  const auto* byte = static_cast<const std::byte*>(memory);
  return scratch.base != nullptr && byte >= scratch.base && byte < scratch.base + scratch.size;
}

void release(void* memory) {
  if (!is_ours(memory)) {
    std::free(memory);
    return;
  }
  if (--scratch.live == 0) scratch.used = 0;
}

void* take_from_scratch(std::size_t size) {
  const std::int64_t begin = round_up(scratch.used, kAlignment);
  const std::int64_t end = begin + static_cast<std::int64_t>(size);
  if (end > scratch.size) {
    throw OutOfMemory("planned scratch", static_cast<std::int64_t>(size), scratch.size - begin);
  }
  scratch.used = end;
  ++scratch.live;
  from_scratch.fetch_add(1, std::memory_order_relaxed);
  return scratch.base + begin;
}

void* take_from_system(std::size_t size) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, size) != 0) {
    throw OutOfMemory("host (LibTorch)", static_cast<std::int64_t>(size), 0);
  }
  from_system.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

class ScratchAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) override {
    void* memory = nullptr;
    if (size > 0) {
      memory = scratch.base != nullptr ? take_from_scratch(size) : take_from_system(size);
    }
    return {memory, memory, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t size) const override {
    default_copy_data(to, from, size);
  }
};

// Above c10's own, so that it stays in place whatever is loaded later.
constexpr std::uint8_t kPriority = 100;

}  // namespace

void install_torch_allocator() {
  static ScratchAllocator allocator;
  static const bool is_installed = [] {
    c10::SetCPUAllocator(&allocator, kPriority);
    return true;
  }();
  (void)is_installed;
}

void prepare_torch_thread() {
  thread_local const bool is_single = [] {
    at::set_num_threads(1);
    return true;
  }();
  thread_local const c10::InferenceMode no_autograd(true);
  (void)is_single;
}

ScratchScope::ScratchScope(std::byte* base, Bytes size) {
  scratch = {base, size.count, 0, 0};
}
ScratchScope::~ScratchScope() {
  scratch = {};
}

TorchAllocations torch_allocations() {
  return {from_scratch.load(), from_system.load()};
}

}  // namespace longhaul
