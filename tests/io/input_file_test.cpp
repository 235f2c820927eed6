#include "longhaul/io/input_file.h"

#include <array>
#include <cerrno>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "longhaul/core/error.h"

#include "support/faulty_files.h"
#include "support/temporary_folder.h"

namespace longhaul {
namespace {

using test::FaultyFiles;
using test::TemporaryFolder;
using test::write_bytes;

template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(InputFile, ReadsAtAnyPosition) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "0123456789");
  const InputFile file(folder / "a");
  std::array<char, 4> out{};
  file.read_at(3, std::as_writable_bytes(std::span(out)));
  EXPECT_EQ(file.size(), 10);
  EXPECT_EQ(std::string(out.data(), 4), "3456");
}

TEST(InputFile, GoesOnAfterShortReads) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "0123456789");
  FaultyFiles files(-1, 0);
  files.limit_transfers(3);
  EXPECT_EQ(read_text_file(folder / "a", 100, files), "0123456789");
  EXPECT_EQ(files.calls(), 5);
}

TEST(InputFile, NamesTheFileAndThePlaceWhereItEnds) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "0123456789");
  const InputFile file(folder / "a");
  std::array<std::byte, 4> out{};
  EXPECT_EQ(message_of([&] { file.read_at(8, out); }),
            (folder / "a").string() + ": ends at byte 10, expected at least 12");
}

TEST(InputFile, ReportsAnErrorOfTheDevice) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "0123456789");
  FaultyFiles files(1, EIO);
  const InputFile file(folder / "a", files);
  std::array<std::byte, 4> out{};
  EXPECT_EQ(message_of([&] { file.read_at(2, out); }),
            (folder / "a").string() + ": cannot read at byte 2: Input/output error");
}

TEST(InputFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of([&] { InputFile{folder.path()}; }), testing::HasSubstr("Is a directory"));
  EXPECT_THAT(message_of([&] { InputFile{folder / "absent"}; }),
              testing::HasSubstr("No such file"));
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_THROW(InputFile{folder / "pipe"}, IoError);
}

TEST(ReadTextFile, RefusesMoreThanTheLimitBeforeReading) {
  const TemporaryFolder folder;
  write_bytes(folder / "a", "0123456789");
  EXPECT_EQ(message_of([&] { read_text_file(folder / "a", 9); }),
            (folder / "a").string() + ": has 10 bytes, expected at most 9");
}

}  // namespace
}  // namespace longhaul
