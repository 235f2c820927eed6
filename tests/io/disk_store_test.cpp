#include "longhaul/io/disk_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"

#include "support/faulty_disk.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;
using test::FaultyDisk;
using test::snapshot;
using test::TemporaryFolder;
using testing::HasSubstr;

constexpr std::int64_t kUnit = kDiskUnit.count;
constexpr std::int64_t kStripe = kDiskStripe.count;

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

void fill(std::span<std::byte> bytes, std::uint64_t seed) {
  const Philox random(seed, /*purpose=*/0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((i * 0x9E3779B97F4A7C15 + seed * 0xB7E151628AED2A6B) >> 40);
  }
  if (!bytes.empty()) bytes[0] = static_cast<std::byte>(random.below(0, 256));
}

bool is_equal(std::span<const std::byte> a, std::span<const std::byte> b) {
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

void PrintTo(const EngineCase& engine, std::ostream* out) {
  *out << engine.name;
}

class DiskStoreEngine : public testing::TestWithParam<EngineCase> {
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
      const fs::path path = folder_ / std::to_string(i);
      fs::create_directories(path);
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

INSTANTIATE_TEST_SUITE_P(Engines,
                         DiskStoreEngine,
                         testing::Values(EngineCase{"ring", DiskEngine::kRing, false},
                                         EngineCase{"registered", DiskEngine::kRing, true},
                                         EngineCase{"threads", DiskEngine::kThreads, false}),
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

TEST_P(DiskStoreEngine, ReturnsWhatWasWrittenAtAnyPlaceAndSize) {
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

TEST_P(DiskStoreEngine, NamesItself) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory = memory_for(store, kStripe);
  const std::string expected = GetParam().engine == DiskEngine::kThreads ? "threads"
                               : GetParam().registers ? "io_uring, registered memory"
                                                      : "io_uring";
  EXPECT_EQ(store.engine_name(), expected);
}

TEST_P(DiskStoreEngine, FillsFoldersOfDifferentCapacity) {
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

TEST_P(DiskStoreEngine, ReadsAndWritesAtOnce) {
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

TEST_P(DiskStoreEngine, GoesOnAfterShortTransfers) {
  FaultyDisk disk(-1, 0);
  disk.limit_transfers(100'000);  // not a multiple of a sector
  DiskStoreOptions chosen = options(2 * kStripe);
  chosen.disk = &disk;
  DiskStore store(chosen);
  const AlignedBytes memory = memory_for(store, kStripe + 100);
  const AlignedBytes back(kStripe + 100);
  fill(memory.span(), 5);
  store.write({0}, memory.span());
  store.read({0}, back.span());
  EXPECT_TRUE(is_equal(memory.span(), back.span()));
}

TEST_P(DiskStoreEngine, ReportsTransfersThatMoveNothing) {
  FaultyDisk disk(-1, 0);
  disk.limit_transfers(7);
  DiskStoreOptions chosen = options(kStripe);
  chosen.disk = &disk;
  chosen.verifies = false;
  DiskStore store(chosen);
  const AlignedBytes memory(kStripe);
  EXPECT_THAT(message_of([&] { store.read({0}, memory.span()); }),
              HasSubstr("nothing more is moved"));
}

// Every request in turn fails: the folder is named, nothing is leaked, and a store that was made
// can be used on.
void make_and_use(const DiskStoreOptions& options, bool registers, bool& was_made) {
  DiskStore store(options);
  was_made = true;
  const AlignedBytes memory(2 * kStripe + 100);
  const AlignedBytes back(2 * kStripe + 100);
  if (registers) store.register_memory(memory.span());
  fill(memory.span(), 6);
  std::string error;
  const auto write_and_read = [&] {
    store.write({kUnit}, memory.span());
    store.read({kUnit}, back.span());
  };
  try {
    write_and_read();
  } catch (const IoError& first) {
    error = first.what();
    write_and_read();
  }
  EXPECT_TRUE(is_equal(memory.span(), back.span()));
  if (!error.empty()) throw IoError("repeated", error, EIO);
}

TEST_P(DiskStoreEngine, SurvivesAFaultInEveryRequest) {
  std::int64_t failing = 0;
  int failures = 0;
  for (bool was_reached = true; was_reached && failing < 100; ++failing) {
    FaultyDisk disk(failing, EIO);
    DiskStoreOptions chosen = options(4 * kStripe, 2);
    chosen.disk = &disk;
    bool was_made = false;
    const std::string message =
        message_of([&] { make_and_use(chosen, GetParam().registers, was_made); });
    was_reached = disk.calls() > failing;
    EXPECT_EQ(disk.open_files(), 0) << "request " << failing;
    if (!message.empty()) {
      ++failures;
      EXPECT_THAT(message, HasSubstr("Input/output error")) << "request " << failing;
      const bool is_ring = message.find("io_uring") != std::string::npos;
      EXPECT_TRUE(is_ring || message.find(folder_.path().string()) != std::string::npos) << message;
    }
    if (!was_reached) {
      EXPECT_EQ(message, "");
    }
  }
  // Asking for the free space, for the message only, and registering memory may fail unnoticed.
  const int unnoticed = 4 + (GetParam().registers ? 2 : 0);
  EXPECT_GT(failures, 10);
  EXPECT_LT(failing, 100);
  EXPECT_LE(failing - 1 - failures, unnoticed);
}

// The descriptor of the store's file in `folder`.
std::string file_in(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    if (target.rfind(folder.string() + "/", 0) == 0) return entry.path().string();
  }
  return {};
}

void corrupt(const fs::path& folder, std::int64_t offset) {
  const int descriptor = ::open(file_in(folder).c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  char byte = 0;
  ASSERT_EQ(::pread(descriptor, &byte, 1, offset), 1);
  byte = static_cast<char>(byte ^ 0x10);
  ASSERT_EQ(::pwrite(descriptor, &byte, 1, offset), 1);
  ASSERT_EQ(::fsync(descriptor), 0);
  ::close(descriptor);
}

TEST_P(DiskStoreEngine, FindsAChangedByteAndNamesFolderAndPlace) {
  const DiskStoreOptions chosen = options(3 * kStripe, 2);
  DiskStore store(chosen);
  const AlignedBytes memory(3 * kStripe - 100);
  fill(memory.span(), 7);
  store.write({0}, memory.span());
  // The second stripe is the first of the second folder.
  corrupt(chosen.folders[1].path, 5 * kUnit + 1000);
  const std::string message = message_of([&] { store.read({0}, memory.span()); });
  EXPECT_THAT(message, HasSubstr(chosen.folders[1].path.string()));
  EXPECT_THAT(message, HasSubstr(concat("at byte ", kStripe + 5 * kUnit)));
  EXPECT_THAT(message, HasSubstr(concat("byte ", 5 * kUnit, " of its file")));
  EXPECT_NO_THROW(store.read({0}, memory.span().first(kStripe)));
  store.write({kStripe}, memory.span().first(kStripe));
  EXPECT_NO_THROW(store.read({0}, memory.span().first(2 * kStripe)));
}

TEST_P(DiskStoreEngine, FindsAChangedByteBeyondWhatIsRead) {
  const DiskStoreOptions chosen = options(kStripe);
  DiskStore store(chosen);
  const AlignedBytes memory(kUnit - 10);
  fill(memory.span(), 8);
  store.write({0}, memory.span());
  corrupt(chosen.folders[0].path, kUnit - 11);
  EXPECT_THROW(store.read({0}, memory.span().first(100)), IoError);
}

TEST_P(DiskStoreEngine, DoesNotLookAtChecksumsWhenSwitchedOff) {
  DiskStoreOptions chosen = options(kStripe);
  chosen.verifies = false;
  DiskStore store(chosen);
  const AlignedBytes memory(kUnit);
  const AlignedBytes back(kUnit);
  fill(memory.span(), 9);
  store.write({0}, memory.span());
  corrupt(chosen.folders[0].path, 10);
  store.read({0}, back.span());
  EXPECT_NE(back.span()[10], memory.span()[10]);
}

class DiskStoreTest : public testing::Test {
 protected:
  DiskStoreOptions options(std::int64_t size) {
    return {{{folder_.path(), {size}}}, {size}, true, DiskEngine::kAuto, 2, &system_disk()};
  }
  TemporaryFolder folder_;
};

TEST_F(DiskStoreTest, LeavesNoNameInTheFolder) {
  DiskStore store(options(4 * kStripe));
  const AlignedBytes memory(kStripe);
  fill(memory.span(), 1);
  store.write({0}, memory.span());
  EXPECT_TRUE(snapshot(folder_.path()).empty());
}

TEST_F(DiskStoreTest, LeavesNothingWhenTheProcessIsKilled) {
  const pid_t child = ::fork();
  if (child == 0) {
    DiskStore store(options(4 * kStripe));
    const AlignedBytes memory(kStripe);
    fill(memory.span(), 1);
    store.write({0}, memory.span());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(snapshot(folder_.path()).empty());
}

TEST_F(DiskStoreTest, TakesThreadsWhereTheSystemRefusesRings) {
  for (const int code : {ENOSYS, EPERM, ENOMEM}) {
    FaultyDisk disk(-1, 0);
    disk.refuse_rings(code);
    DiskStoreOptions chosen = options(kStripe);
    chosen.disk = &disk;
    DiskStore store(chosen);
    EXPECT_EQ(store.engine_name(), "threads");
    chosen.engine = DiskEngine::kRing;
    EXPECT_THAT(message_of([&] { const DiskStore other(chosen); }), HasSubstr("io_uring"));
  }
}

TEST_F(DiskStoreTest, GoesOnWithPlainMemoryWhereRegistrationIsRefused) {
  FaultyDisk disk(-1, 0);
  disk.refuse_registration(ENOMEM);
  DiskStoreOptions chosen = options(kStripe);
  chosen.disk = &disk;
  DiskStore store(chosen);
  const std::string before(store.engine_name());
  const AlignedBytes memory(kStripe);
  EXPECT_FALSE(store.register_memory(memory.span()));
  EXPECT_EQ(store.engine_name(), before);
  fill(memory.span(), 2);
  store.write({0}, memory.span());
  EXPECT_NO_THROW(store.read({0}, memory.span()));
}

// Runs `body` in a process of its own, as an ordinary user with this memlock limit; its result.
int run_with_memlock_limit(rlim_t bytes, const std::function<int()>& body) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{bytes, bytes};
    if (::setrlimit(RLIMIT_MEMLOCK, &limit) != 0) ::_exit(100);
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(101);
    int result = 102;
    try {
      result = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 103;
}

TEST_F(DiskStoreTest, RegistersMemoryOnlyWithinTheMemlockLimit) {
  std::unique_ptr<TransferQueue> queue;
  if (system_disk().open_ring(1, queue) != 0) GTEST_SKIP() << "this system refuses io_uring";
  fs::permissions(folder_.path(), fs::perms::all);
  for (const std::int64_t size : {kStripe, 64 * kStripe}) {
    const bool fits = 2 * size <= 8 * kStripe;  // two queues register it
    const int result = run_with_memlock_limit(8 * kStripe, [&] {
      DiskStore store(options(kStripe));
      const AlignedBytes memory(size);
      const auto bytes = memory.span().first(static_cast<std::size_t>(kStripe));
      fill(bytes, 3);
      if (store.register_memory(memory.span()) != fits) return 1;
      if ((store.engine_name() == "io_uring, registered memory") != fits) return 2;
      store.write({0}, bytes);
      store.read({0}, bytes);
      return 0;
    });
    EXPECT_EQ(result, 0) << size << " B";
  }
}

TEST_F(DiskStoreTest, TellsNeededAndFreeRoomOfAFullDisk) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 50;
  try {
    const DiskStore store(options(kHuge));
    FAIL() << "a store of 1 PiB was made";
  } catch (const IoError& error) {
    EXPECT_TRUE(error.code() == ENOSPC || error.code() == EFBIG) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(folder_.path().string() + ": needs 1024 TiB, free "));
  }
}

TEST_F(DiskStoreTest, NamesAFolderThatIsMissing) {
  DiskStoreOptions chosen = options(kStripe);
  chosen.folders[0].path = folder_ / "none";
  EXPECT_THAT(message_of([&] { const DiskStore store(chosen); }),
              HasSubstr((folder_ / "none").string() + ": cannot make a file for the disk store: No "
                                                      "such file or directory"));
}

TEST_F(DiskStoreTest, NamesAFolderThatCannotBeWritten) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  DiskStoreOptions chosen = options(kStripe);
  chosen.folders[0].path = "/proc";
  EXPECT_THAT(message_of([&] { const DiskStore store(chosen); }), HasSubstr("/proc: cannot make"));
}

TEST_F(DiskStoreTest, RefusesCapacitiesOneByteTooSmall) {
  DiskStoreOptions chosen = options(2 * kStripe);
  EXPECT_NO_THROW(const DiskStore store(chosen));
  chosen.folders[0].capacity = chosen.folders[0].capacity - Bytes{1};
  EXPECT_THROW(const DiskStore store(chosen), DoesNotFit);
  EXPECT_THAT(message_of([&] { const DiskStore store(chosen); }),
              HasSubstr("needs 2.00 MiB, but its folders may take 1.00 MiB"));
}

TEST_F(DiskStoreTest, RefusesPlacesOutsideAndOffTheUnits) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory(kUnit);
  const auto bytes = memory.span();
  EXPECT_THROW(store.write({1}, bytes), InvalidArgument);
  EXPECT_THROW(store.write({-kUnit}, bytes), InvalidArgument);
  EXPECT_THROW(store.write({kStripe}, bytes), InvalidArgument);
  EXPECT_THROW(store.read({2 * kStripe}, bytes.first(0)), InvalidArgument);
  EXPECT_NO_THROW(store.write({kStripe}, bytes.first(0)));
}

TEST_F(DiskStoreTest, RefusesToReadWhatWasNeverWritten) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory(2 * kUnit);
  fill(memory.span(), 2);
  store.write({0}, memory.span().first(kUnit));
  EXPECT_THAT(message_of([&] { store.read({0}, memory.span()); }),
              HasSubstr(concat("nothing was written at byte ", kUnit)));
}

TEST_F(DiskStoreTest, ForgetsUnitsWhoseWriteFailed) {
  constexpr std::int64_t kFailing = 6;  // after what making the store asks for
  FaultyDisk disk(kFailing, EIO);
  DiskStoreOptions chosen = options(kStripe);
  chosen.engine = DiskEngine::kThreads;
  chosen.disk = &disk;
  DiskStore store(chosen);
  const AlignedBytes memory(kUnit);
  fill(memory.span(), 2);
  while (disk.calls() < kFailing) store.write({0}, memory.span());
  EXPECT_THROW(store.write({0}, memory.span()), IoError);
  EXPECT_THROW(store.read({0}, memory.span()), InvalidArgument);
}

}  // namespace
}  // namespace longhaul
