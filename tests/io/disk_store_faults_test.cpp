// The disk store on bad days: requests that fail, move too little or come back changed.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "io/store_fixture.h"
#include "support/faulty_disk.h"

namespace longhaul::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DiskStoreFault : public StoreOnEngine {};
class DiskStoreFaults : public StoreInFolder {};

INSTANTIATE_TEST_SUITE_P(Engines,
                         DiskStoreFault,
                         testing::ValuesIn(engine_cases()),
                         [](const auto& engine) { return engine.param.name; });

TEST_P(DiskStoreFault, GoesOnAfterShortTransfers) {
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

TEST_P(DiskStoreFault, ReportsTransfersThatMoveNothing) {
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

// Makes a store and uses it twice; the first error of a use, or empty. What the second use reads
// must be what it wrote.
std::string make_and_use(const DiskStoreOptions& options, bool registers) {
  DiskStore store(options);
  const AlignedBytes memory(2 * kStripe + 100);
  const AlignedBytes back(2 * kStripe + 100);
  if (registers) store.register_memory(memory.span());
  fill(memory.span(), 6);
  const auto write_and_read = [&] {
    store.write({kUnit}, memory.span());
    store.read({kUnit}, back.span());
  };
  const std::string error = message_of(write_and_read);
  write_and_read();
  EXPECT_TRUE(is_equal(memory.span(), back.span()));
  return error;
}

// Every request in turn fails: the folder is named, nothing is leaked, and a store that was made
// can be used on.
TEST_P(DiskStoreFault, SurvivesAnErrorOfEveryRequest) {
  for (const int code : {EIO, ENOSPC}) {
    std::int64_t failing = 0;
    int failures = 0;
    for (bool was_reached = true; was_reached && failing < 100; ++failing) {
      FaultyDisk disk(failing, code);
      DiskStoreOptions chosen = options(4 * kStripe, 2);
      chosen.disk = &disk;
      std::string message;
      const std::string not_made =
          message_of([&] { message = make_and_use(chosen, GetParam().registers); });
      if (!not_made.empty()) message = not_made;
      was_reached = disk.calls() > failing;
      EXPECT_EQ(disk.open_files(), 0) << "request " << failing;
      if (!message.empty()) {
        ++failures;
        EXPECT_THAT(message, HasSubstr(std::strerror(code))) << "request " << failing;
        const bool is_ring = message.find("io_uring") != std::string::npos;
        EXPECT_TRUE(is_ring || message.find(folder_.path().string()) != std::string::npos)
            << message;
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
}

TEST_P(DiskStoreFault, GoesOnAfterAShortTransferWhereverItComes) {
  std::int64_t request = 0;
  for (bool was_reached = true; was_reached && request < 100; ++request) {
    FaultyDisk disk(request, 0, Fault::kShort);
    DiskStoreOptions chosen = options(4 * kStripe, 2);
    chosen.disk = &disk;
    EXPECT_EQ(make_and_use(chosen, GetParam().registers), "") << "request " << request;
    was_reached = disk.calls() > request;
  }
  EXPECT_GT(request, 10);
  EXPECT_LT(request, 100);
}

TEST_P(DiskStoreFault, FindsAChangedBitInEveryTransferThatReads) {
  std::int64_t request = 0;
  int found = 0;
  for (bool was_reached = true; was_reached && request < 100; ++request) {
    FaultyDisk disk(request, 0, Fault::kChanged);
    DiskStoreOptions chosen = options(4 * kStripe, 2);
    chosen.disk = &disk;
    std::string message;
    try {
      message = make_and_use(chosen, GetParam().registers);
    } catch (const IoError& error) {  // in the second use
      message = error.what();
    }
    was_reached = disk.calls() > request;
    if (message.empty()) continue;
    EXPECT_THAT(message, HasSubstr("are not what was written")) << "request " << request;
    ++found;
  }
  // Two reads of four transfers: the rest of a stripe, a stripe, a unit, what is left.
  EXPECT_EQ(found, 8);
  EXPECT_LT(request, 100);
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

TEST_P(DiskStoreFault, FindsAChangedByteAndNamesFolderAndPlace) {
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

TEST_P(DiskStoreFault, FindsAChangedByteBeyondWhatIsRead) {
  const DiskStoreOptions chosen = options(kStripe);
  DiskStore store(chosen);
  const AlignedBytes memory(kUnit - 10);
  fill(memory.span(), 8);
  store.write({0}, memory.span());
  corrupt(chosen.folders[0].path, kUnit - 11);
  EXPECT_THROW(store.read({0}, memory.span().first(100)), IoError);
}

TEST_P(DiskStoreFault, DoesNotLookAtChecksumsWhenSwitchedOff) {
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

TEST_F(DiskStoreFaults, TellsNeededAndFreeRoomOfAFullDisk) {
  constexpr std::int64_t kHuge = std::int64_t{1} << 50;
  try {
    const DiskStore store(options(kHuge));
    FAIL() << "a store of 1 PiB was made";
  } catch (const IoError& error) {
    EXPECT_TRUE(error.code() == ENOSPC || error.code() == EFBIG) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(folder_.path().string() + ": needs 1024 TiB, free "));
  }
}

TEST_F(DiskStoreFaults, NamesAFolderThatIsMissing) {
  DiskStoreOptions chosen = options(kStripe);
  chosen.folders[0].path = folder_ / "none";
  EXPECT_THAT(message_of([&] { const DiskStore store(chosen); }),
              HasSubstr((folder_ / "none").string() + ": cannot make a file for the disk store: No "
                                                      "such file or directory"));
}

TEST_F(DiskStoreFaults, ForgetsUnitsWhoseWriteFailed) {
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
}  // namespace longhaul::test
