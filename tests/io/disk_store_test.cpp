#include "longhaul/io/disk_store.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "io/store_fixture.h"

namespace longhaul::test {
namespace {

using testing::HasSubstr;

class DiskStoreContent : public StoreOnEngine {};
class DiskStoreUse : public StoreInFolder {};

INSTANTIATE_TEST_SUITE_P(Engines,
                         DiskStoreContent,
                         testing::ValuesIn(engine_cases()),
                         [](const auto& engine) { return engine.param.name; });

// A store against plain memory: writes and reads at random places, in place and through copies,
// with sizes that end anywhere.
void compare_with_memory(DiskStore& store, std::span<std::byte> memory, std::uint64_t seed) {
  const std::int64_t units = store.size().count / kUnit;
  std::vector<std::byte> expected(static_cast<std::size_t>(store.size().count));
  std::vector<std::int64_t> held(static_cast<std::size_t>(units), 0);
  const Philox random(seed, /*purpose=*/1);
  std::uint64_t draw = 0;
  const auto below = [&](std::int64_t end) {
    return static_cast<std::int64_t>(random.below(draw++, static_cast<std::uint64_t>(end)));
  };
  for (int round = 0; round < 15; ++round) {
    const std::int64_t first = below(units);
    const std::int64_t most = (units - first) * kUnit;
    std::int64_t size = 1 + below(std::min(most, 3 * kStripe));
    if (below(2) == 0) size = std::max(kUnit, size / kUnit * kUnit);
    const auto shift = below(2) == 0 ? 0 : below(4096);
    const auto bytes = memory.subspan(shift, size);
    fill(bytes, draw);
    store.write({first * kUnit}, bytes);
    std::copy(bytes.begin(), bytes.end(), expected.begin() + first * kUnit);
    for (std::int64_t at = 0; at < size; at += kUnit) {
      held[static_cast<std::size_t>(first + at / kUnit)] = std::min(kUnit, size - at);
    }
  }
  for (std::int64_t first = 0; first < units; first += 1 + below(12)) {
    std::int64_t size = 0;  // until the first unit that is not full
    while (size < 3 * kStripe && first + size / kUnit < units && size % kUnit == 0) {
      const std::int64_t here = held[static_cast<std::size_t>(first + size / kUnit)];
      if (here == 0) break;
      size += here;
    }
    if (size == 0) continue;
    size -= below(std::min(size, kUnit));
    const auto bytes = memory.subspan(below(2) == 0 ? 0 : below(4096), size);
    std::fill(bytes.begin(), bytes.end(), std::byte{0xEE});
    store.read({first * kUnit}, bytes);
    const auto* begin = expected.data() + first * kUnit;
    ASSERT_TRUE(is_equal(bytes, {begin, bytes.size()})) << size << " B at unit " << first;
  }
}

TEST_P(DiskStoreContent, ReturnsWhatWasWrittenAtAnyPlaceAndSize) {
  for (const int folders : {1, 3}) {
    for (const bool verifies : {true, false}) {
      DiskStoreOptions chosen = options(10 * kStripe + 3 * kUnit, folders);
      chosen.verifies = verifies;
      DiskStore store(chosen);
      const AlignedBytes memory = memory_for(store, 4 * kStripe);
      compare_with_memory(store, memory.span(), static_cast<std::uint64_t>(folders));
    }
  }
}

TEST_P(DiskStoreContent, FillsFoldersOfDifferentCapacity) {
  DiskStoreOptions chosen = options(9 * kStripe, 3);
  chosen.folders[0].capacity = 2 * kDiskStripe;
  chosen.folders[1].capacity = 1 * kDiskStripe;
  chosen.folders[2].capacity = 6 * kDiskStripe;
  DiskStore store(chosen);
  const AlignedBytes memory(9 * kStripe);
  const AlignedBytes back(9 * kStripe);
  fill(memory.span(), 3);
  store.write({0}, memory.span());
  store.read({0}, back.span());
  EXPECT_TRUE(is_equal(memory.span(), back.span()));
}

TEST_P(DiskStoreContent, ReadsAndWritesAtOnce) {
  constexpr int kThreads = 4;  // more than the calls that run at once
  constexpr std::int64_t kShare = 2 * kStripe;
  DiskStore store(options(kThreads * kShare, 2));
  std::atomic<int> wrong{0};
  const auto work = [&](int thread) {
    const AlignedBytes out(kShare);
    const AlignedBytes in(kShare);
    for (int round = 0; round < 5; ++round) {
      fill(out.span(), static_cast<std::uint64_t>(thread * 100 + round));
      store.write({thread * kShare}, out.span());
      store.read({thread * kShare}, in.span());
      if (!is_equal(out.span(), in.span())) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(store.bytes_read().count, kThreads * 5 * kShare);
  EXPECT_EQ(store.bytes_written().count, kThreads * 5 * kShare);
}

TEST_F(DiskStoreUse, RefusesCapacitiesOneByteTooSmall) {
  DiskStoreOptions chosen = options(2 * kStripe);
  EXPECT_NO_THROW(const DiskStore store(chosen));
  chosen.folders[0].capacity = chosen.folders[0].capacity - Bytes{1};
  EXPECT_THROW(const DiskStore store(chosen), DoesNotFit);
  EXPECT_THAT(message_of([&] { const DiskStore store(chosen); }),
              HasSubstr("needs 2.00 MiB, but its folders may take 1.00 MiB"));
}

TEST_F(DiskStoreUse, RefusesPlacesOutsideAndOffTheUnits) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory(kUnit);
  const auto bytes = memory.span();
  EXPECT_THROW(store.write({1}, bytes), InvalidArgument);
  EXPECT_THROW(store.write({-kUnit}, bytes), InvalidArgument);
  EXPECT_THROW(store.write({kStripe}, bytes), InvalidArgument);
  EXPECT_THROW(store.read({2 * kStripe}, bytes.first(0)), InvalidArgument);
  EXPECT_NO_THROW(store.write({kStripe}, bytes.first(0)));
}

TEST_F(DiskStoreUse, RefusesToReadWhatWasNeverWritten) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory(2 * kUnit);
  fill(memory.span(), 2);
  store.write({0}, memory.span().first(kUnit));
  EXPECT_THAT(message_of([&] { store.read({0}, memory.span()); }),
              HasSubstr(concat("nothing was written at byte ", kUnit)));
}

}  // namespace
}  // namespace longhaul::test
