// What the tests of the disk store share: memory, contents, a store on each engine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"
#include "longhaul/io/disk_store.h"

#include "support/temporary_folder.h"

namespace longhaul::test {

inline constexpr std::int64_t kUnit = kDiskUnit.count;
inline constexpr std::int64_t kStripe = kDiskStripe.count;

// Bytes that begin at a multiple of kDiskAlignment.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::int64_t size) : size_(static_cast<std::size_t>(size)) {
    constexpr auto kAlignment = static_cast<std::size_t>(kDiskAlignment.count);
    const auto rounded = static_cast<std::size_t>(round_up(size, kDiskAlignment.count));
    bytes_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
  }
  std::span<std::byte> span() const { return {bytes_.get(), size_}; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte, Free> bytes_;
};

inline void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  const Philox random(seed, /*purpose=*/0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((i * 0x9E3779B97F4A7C15 + seed * 0xB7E151628AED2A6B) >> 40);
  }
  if (!bytes.empty()) bytes[0] = static_cast<std::byte>(random.below(0, 256));
}

inline bool is_equal(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

struct EngineCase {
  std::string name;
  DiskEngine engine;
  bool registers;
};

inline void PrintTo(const EngineCase& engine, std::ostream* out) {
  *out << engine.name;
}

class StoreOnEngine : public testing::TestWithParam<EngineCase> {
 protected:
  void SetUp() override {
    if (GetParam().engine == DiskEngine::kThreads) return;
    std::unique_ptr<TransferQueue> queue;
    if (system_disk().open_ring(1, queue) != 0) GTEST_SKIP() << "this system refuses io_uring";
    // Twice what a test registers, since each of a store's two queues registers it.
    const AlignedBytes memory(8 * kStripe);
    if (GetParam().registers && queue->register_memory(memory.span()) != 0) {
      GTEST_SKIP() << "the memlock limit does not allow registered memory";
    }
  }

  // Over `folders` folders of a temporary one, each with room for `size`.
  DiskStoreOptions options(std::int64_t size, int folders = 1) {
    DiskStoreOptions options;
    for (int i = 0; i < folders; ++i) {
      const std::filesystem::path path = folder_ / std::to_string(i);
      std::filesystem::create_directories(path);
      options.folders.push_back({path, kDiskStripe + Bytes{size}});
    }
    options.size = {size};
    options.engine = GetParam().engine;
    return options;
  }

  // Memory for a store's transfers, registered where the case says so.
  AlignedBytes memory_for(DiskStore& store, std::int64_t size) {
    AlignedBytes memory(size);
    if (GetParam().registers) {
      EXPECT_TRUE(store.register_memory(memory.span()));
    }
    return memory;
  }

  TemporaryFolder folder_;
};

inline std::vector<EngineCase> engine_cases() {
  return {{"ring", DiskEngine::kRing, false},
          {"registered", DiskEngine::kRing, true},
          {"threads", DiskEngine::kThreads, false}};
}

// Over one temporary folder, with the engine that the system offers.
class StoreInFolder : public testing::Test {
 protected:
  DiskStoreOptions options(std::int64_t size) {
    return {{{folder_.path(), {size}}}, {size}, true, DiskEngine::kAuto, 2, &system_disk()};
  }
  TemporaryFolder folder_;
};

}  // namespace longhaul::test
