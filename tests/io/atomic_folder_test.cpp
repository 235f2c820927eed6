#include "longhaul/io/atomic_folder.h"

#include <cerrno>
#include <filesystem>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"

#include "support/faulty_files.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::FaultyFiles;
using test::snapshot;
using test::TemporaryFolder;
using test::write_bytes;
using Files = std::map<std::string, std::string>;

void write_file(const std::filesystem::path& path, std::string_view text, FileOps& files) {
  FileWriter writer(path, files);
  writer.append(text);
  writer.close();
}

// Replaces the folder `target` by two files, one of them in a folder of its own.
void write_new_folder(const std::filesystem::path& target, FileOps& files) {
  AtomicFolder folder(target, IfExists::kReplace, files);
  write_file(folder.path() / "a", "new a", files);
  write_file(folder.make_folder("sub") / "b", "new b", files);
  folder.commit();
}

const Files kOld = {{"x/", ""}, {"x/a", "old a"}, {"x/stale", "old stale"}};
const Files kNew = {{"x/", ""}, {"x/a", "new a"}, {"x/sub/", ""}, {"x/sub/b", "new b"}};

void make_old_folder(const TemporaryFolder& root) {
  write_bytes(root / "x/a", "old a");
  write_bytes(root / "x/stale", "old stale");
}

TEST(AtomicFolder, AppearsAtCommitOnly) {
  const TemporaryFolder root;
  AtomicFolder folder(root / "x", IfExists::kRefuse);
  write_file(folder.path() / "a", "new", system_files());
  EXPECT_FALSE(std::filesystem::exists(root / "x"));
  folder.commit();
  EXPECT_EQ(snapshot(root.path()), (Files{{"x/", ""}, {"x/a", "new"}}));
}

TEST(AtomicFolder, ReplacesAWholeFolder) {
  const TemporaryFolder root;
  make_old_folder(root);
  write_new_folder(root / "x", system_files());
  EXPECT_EQ(snapshot(root.path()), kNew);
}

TEST(AtomicFolder, TakesAPathWithATrailingSlash) {
  const TemporaryFolder root;
  make_old_folder(root);
  write_new_folder(root / "x/", system_files());
  EXPECT_EQ(snapshot(root.path()), kNew);
}

TEST(AtomicFolder, RefusesAFolderThatIsNotEmpty) {
  const TemporaryFolder root;
  make_old_folder(root);
  EXPECT_THROW(AtomicFolder(root / "x", IfExists::kRefuse), IoError);
  EXPECT_EQ(snapshot(root.path()), kOld);
}

TEST(AtomicFolder, AcceptsAnEmptyFolder) {
  const TemporaryFolder root;
  std::filesystem::create_directory(root / "x");
  AtomicFolder folder(root / "x", IfExists::kRefuse);
  write_file(folder.path() / "a", "new", system_files());
  folder.commit();
  EXPECT_EQ(snapshot(root.path()), (Files{{"x/", ""}, {"x/a", "new"}}));
}

TEST(AtomicFolder, RefusesToReplaceAFile) {
  const TemporaryFolder root;
  write_bytes(root / "x", "a file");
  EXPECT_THROW(AtomicFolder(root / "x", IfExists::kReplace), IoError);
  EXPECT_EQ(snapshot(root.path()), (Files{{"x", "a file"}}));
}

TEST(AtomicFolder, RemovesWhatItMadeWhenNotCommitted) {
  const TemporaryFolder root;
  {
    AtomicFolder folder(root / "deep/er/x", IfExists::kRefuse);
    write_file(folder.path() / "a", "new", system_files());
  }
  EXPECT_TRUE(snapshot(root.path()).empty());
}

TEST(AtomicFolder, RemovesWhatAKilledProcessLeft) {
  const TemporaryFolder root;
  write_bytes(root / "x.longhaul-tmp/half", "written");
  write_new_folder(root / "x", system_files());
  EXPECT_EQ(snapshot(root.path()), kNew);
}

TEST(AtomicFolder, FollowsASymbolicLink) {
  const TemporaryFolder root;
  write_bytes(root / "disk/x/a", "old");
  std::filesystem::create_directory_symlink(root / "disk/x", root / "link");
  write_new_folder(root / "link", system_files());
  EXPECT_TRUE(std::filesystem::is_symlink(root / "link"));
  EXPECT_EQ(test::read_bytes(root / "disk/x/sub/b"), "new b");
}

struct Fault {
  int code;
  bool can_exchange;
};

class AtomicFolderFault : public testing::TestWithParam<Fault> {};

TEST_P(AtomicFolderFault, LeavesTheOldFolderOrTheNewOne) {
  constexpr std::int64_t kMostCalls = 100;
  bool was_reached = true;
  std::int64_t failing = 0;
  for (; was_reached && failing < kMostCalls; ++failing) {
    const TemporaryFolder root;
    make_old_folder(root);
    FaultyFiles files(failing, GetParam().code);
    if (!GetParam().can_exchange) files.refuse_exchange();
    bool has_thrown = false;
    try {
      write_new_folder(root / "x", files);
    } catch (const IoError&) {
      has_thrown = true;
    }
    was_reached = files.calls() > failing;
    EXPECT_EQ(has_thrown, was_reached) << "call " << failing;
    EXPECT_THAT(snapshot(root.path()), testing::AnyOf(kOld, kNew)) << "call " << failing;
    if (!was_reached) {
      EXPECT_EQ(snapshot(root.path()), kNew);
    }
  }
  EXPECT_GT(failing, 10);
  EXPECT_LT(failing, kMostCalls);
}

INSTANTIATE_TEST_SUITE_P(Errors,
                         AtomicFolderFault,
                         testing::Values(Fault{ENOSPC, true},
                                         Fault{EIO, true},
                                         Fault{ENOSPC, false},
                                         Fault{EIO, false}));

TEST(RecoverFolder, RestoresTheOldFolderOfAHalfReplacement) {
  const TemporaryFolder root;
  write_bytes(root / "x.longhaul-old/a", "old a");
  write_bytes(root / "x.longhaul-old/stale", "old stale");
  EXPECT_TRUE(recover_folder(root / "x"));
  EXPECT_EQ(snapshot(root.path()), kOld);
}

TEST(RecoverFolder, RemovesTheOldFolderOfAFinishedReplacement) {
  const TemporaryFolder root;
  make_old_folder(root);
  write_bytes(root / "x.longhaul-old/a", "older");
  EXPECT_TRUE(recover_folder(root / "x"));
  EXPECT_EQ(snapshot(root.path()), kOld);
}

TEST(RecoverFolder, DoesNothingWhereNothingWasReplaced) {
  const TemporaryFolder root;
  make_old_folder(root);
  EXPECT_FALSE(recover_folder(root / "x"));
  EXPECT_EQ(snapshot(root.path()), kOld);
}

}  // namespace
}  // namespace longhaul
