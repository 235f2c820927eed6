// In a program of its own: it counts every allocation of the process.
#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "longhaul/runtime/executor.h"

#include "runtime/script.h"
#include "support/temporary_folder.h"

namespace {
std::atomic<std::int64_t> news{0};
}

[[gnu::noinline]] void* operator new(std::size_t size) {
  ++news;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++news;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace longhaul {
namespace {

TEST(ExecutorAllocation, APassAfterTheFirstAllocatesNothing) {
  const test::TemporaryFolder folder;
  const auto device = make_host_device({.device_memory = 1_MiB,
                                        .host_memory = 1_MiB,
                                        .disk = 1_MiB,
                                        .disk_folders = {{folder.path(), 2_MiB}}});
  test::Script script;
  const BufferId stored = script.buffer(Tier::kDisk, 64_KiB);
  const BufferId state = script.buffer(Tier::kHost, 64_KiB);
  const BufferId slot = script.buffer(Tier::kDevice, 64_KiB);
  OpId last = script.copy(Lane::kDiskWrite, stored, state);
  for (int i = 0; i < 20; ++i) {
    last = script.copy(Lane::kDiskRead, state, stored, {{last}});
    last = script.copy(Lane::kH2d, slot, state, {{last}});
    last = script.add(Lane::kCompute, slot, slot, {}, {{last}});
    last = script.copy(Lane::kD2h, state, slot, {{last}});
    last = script.add(Lane::kHost, state, state, {}, {{last}});
    last = script.copy(Lane::kDiskWrite, stored, state, {{last}});
  }
  const PlacedSchedule placed = place(script.schedule());
  Executor executor(placed, *device, script);
  executor.run();

  const std::int64_t before = news;
  for (int pass = 0; pass < 5; ++pass) executor.run();

  EXPECT_GT(before, 0);
  EXPECT_EQ(news - before, 0);
}

}  // namespace
}  // namespace longhaul
