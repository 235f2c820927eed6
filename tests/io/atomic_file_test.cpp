#include "longhaul/io/atomic_file.h"

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/faulty_files.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::FaultyFiles;
using test::read_bytes;
using test::snapshot;
using test::TemporaryFolder;
using test::write_bytes;
using Files = std::map<std::string, std::string>;

TEST(FileWriter, KeepsTheOrderOfSmallAndLargePieces) {
  const TemporaryFolder folder;
  const std::string large(100'000, 'x');
  FileWriter writer(folder / "a");
  for (const std::string_view piece :
       {std::string_view("one"), std::string_view(large), std::string_view("two")}) {
    writer.append(piece);
  }
  EXPECT_EQ(writer.size(), 100'006);
  writer.close();
  EXPECT_EQ(read_bytes(folder / "a"), "one" + large + "two");
}

TEST(FileWriter, GoesOnAfterShortWrites) {
  const TemporaryFolder folder;
  FaultyFiles files(-1, 0);
  files.limit_transfers(7);
  FileWriter writer(folder / "a", files);
  writer.append("0123456789012345678901234567890");
  writer.close();
  EXPECT_EQ(read_bytes(folder / "a"), "0123456789012345678901234567890");
}

TEST(FileWriter, ReportsAWriteThatMovesNothing) {
  const TemporaryFolder folder;
  FaultyFiles files(-1, 0);
  files.limit_transfers(0);
  FileWriter writer(folder / "a", files);
  writer.append("x");
  EXPECT_THROW(writer.close(), IoError);
}

TEST(AtomicFile, ReplacesTheTargetAtCommitOnly) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "old");
  AtomicFile file(folder / "a");
  file.append("new");
  EXPECT_EQ(read_bytes(folder / "a"), "old");
  file.commit();
  EXPECT_EQ(snapshot(folder.path()), (Files{{"a", "new"}}));
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a");
    file.append("new");
  }
  EXPECT_TRUE(snapshot(folder.path()).empty());
}

TEST(AtomicFile, FollowsASymbolicLink) {
  const TemporaryFolder folder;
  write_bytes(folder / "real", "old");
  std::filesystem::create_symlink("real", folder / "link");
  write_text_file(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_bytes(folder / "real"), "new");
}

TEST(AtomicFile, NamesTheFileAndTheReason) {
  const TemporaryFolder folder;
  FaultyFiles files(1, ENOSPC);
  try {
    write_text_file(folder / "a", "new", files);
    FAIL() << "the write did not fail";
  } catch (const IoError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr((folder / "a").string()));
    EXPECT_THAT(error.what(), testing::HasSubstr("No space left on device"));
    EXPECT_EQ(error.code(), ENOSPC);
  }
}

// Every call in turn fails: the folder then holds the old file alone, or, once the rename has
// happened, the new one alone.
class AtomicFileFault : public testing::TestWithParam<int> {};

TEST_P(AtomicFileFault, LeavesTheOldFileOrTheNewOne) {
  constexpr std::int64_t kMostCalls = 100;
  bool was_reached = true;
  std::int64_t failing = 0;
  for (; was_reached && failing < kMostCalls; ++failing) {
    const TemporaryFolder folder;
    write_bytes(folder / "a", "old");
    FaultyFiles files(failing, GetParam());
    bool has_thrown = false;
    try {
      write_text_file(folder / "a", "a longer new text", files);
    } catch (const IoError&) {
      has_thrown = true;
    }
    was_reached = files.calls() > failing;
    EXPECT_EQ(has_thrown, was_reached) << "call " << failing;
    const Files after = snapshot(folder.path());
    EXPECT_THAT(after, testing::AnyOf(Files{{"a", "old"}}, Files{{"a", "a longer new text"}}))
        << "call " << failing;
    if (!was_reached) {
      EXPECT_EQ(after.at("a"), "a longer new text");
    }
  }
  EXPECT_EQ(failing, 6) << "create, write, sync, rename, sync the folder, then success";
}

INSTANTIATE_TEST_SUITE_P(Errors, AtomicFileFault, testing::Values(ENOSPC, EIO));

}  // namespace
}  // namespace longhaul
