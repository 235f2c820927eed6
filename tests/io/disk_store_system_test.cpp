// What a system allows the disk store, and what is left when the process ends.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/store_fixture.h"
#include "support/faulty_disk.h"

namespace longhaul::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DiskStoreEngineName : public StoreOnEngine {};
class DiskStoreSystem : public StoreInFolder {};

INSTANTIATE_TEST_SUITE_P(Engines,
                         DiskStoreEngineName,
                         testing::ValuesIn(engine_cases()),
                         [](const auto& engine) { return engine.param.name; });

TEST_P(DiskStoreEngineName, NamesItself) {
  DiskStore store(options(kStripe));
  const AlignedBytes memory = memory_for(store, kStripe);
  const std::string expected = GetParam().engine == DiskEngine::kThreads ? "threads"
                               : GetParam().registers ? "io_uring, registered memory"
                                                      : "io_uring";
  EXPECT_EQ(store.engine_name(), expected);
}

TEST_F(DiskStoreSystem, LeavesNoNameInTheFolder) {
  DiskStore store(options(4 * kStripe));
  const AlignedBytes memory(kStripe);
  fill(memory.span(), 1);
  store.write({0}, memory.span());
  EXPECT_TRUE(snapshot(folder_.path()).empty());
}

TEST_F(DiskStoreSystem, LeavesNothingWhenTheProcessIsKilled) {
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

TEST_F(DiskStoreSystem, TakesThreadsWhereTheSystemRefusesRings) {
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

TEST_F(DiskStoreSystem, GoesOnWithPlainMemoryWhereRegistrationIsRefused) {
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
int run_as_user(rlim_t memlock, const std::function<int()>& body) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{memlock, memlock};
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

constexpr rlim_t kUsualLimit = 8 * kStripe;  // what systemd gives every user

TEST_F(DiskStoreSystem, RegistersMemoryOnlyWithinTheMemlockLimit) {
  std::unique_ptr<TransferQueue> queue;
  if (system_disk().open_ring(1, queue) != 0) GTEST_SKIP() << "this system refuses io_uring";
  fs::permissions(folder_.path(), fs::perms::all);
  for (const std::int64_t size : {kStripe, 64 * kStripe}) {
    const bool fits = 2 * size <= 8 * kStripe;  // two queues register it
    const int result = run_as_user(kUsualLimit, [&] {
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

// With every engine that the system offers, and more memory than may be locked.
TEST_P(DiskStoreEngineName, MovesBytesForAnOrdinaryUser) {
  if (GetParam().registers) GTEST_SKIP() << "is refused above the limit";
  const DiskStoreOptions chosen = options(24 * kStripe, 2);
  for (const DiskFolder& folder : chosen.folders) fs::permissions(folder.path, fs::perms::all);
  fs::permissions(folder_.path(), fs::perms::all);
  const int result = run_as_user(kUsualLimit, [&] {
    if (::geteuid() == 0) return 1;
    DiskStore store(chosen);
    const AlignedBytes memory(24 * kStripe);
    const AlignedBytes back(24 * kStripe);
    if (store.register_memory(memory.span())) return 2;
    fill(memory.span(), 4);
    store.write({0}, memory.span());
    store.read({0}, back.span());
    return is_equal(memory.span(), back.span()) ? 0 : 3;
  });
  EXPECT_EQ(result, 0);
}

TEST_F(DiskStoreSystem, NamesAFolderThatCannotBeWritten) {
  const int result = run_as_user(kUsualLimit, [&] {
    const std::string message = message_of([&] { const DiskStore store(options(kStripe)); });
    const std::string expected = folder_.path().string() + ": cannot make a file";
    return message.find(expected) == 0 ? 0 : 1;
  });
  // Only its owner may write in a temporary folder.
  EXPECT_EQ(result, ::geteuid() == 0 ? 0 : 1);
}

}  // namespace
}  // namespace longhaul::test
