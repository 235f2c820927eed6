// Writing a folder of files so that it appears with all of them or not at all: model folders and
// checkpoints.
#pragma once

#include <filesystem>
#include <vector>

#include "longhaul/io/file_ops.h"

namespace longhaul {

enum class IfExists : std::uint8_t {
  kRefuse,   // an existing folder that is not empty is an error before anything is written
  kReplace,  // the existing folder, with all it holds, gives way at commit()
};

// A folder NAME.longhaul-tmp beside the target; commit() gives it its name. What it holds is
// written with FileWriter or AtomicFile, which sync their bytes.
class AtomicFolder {
 public:
  // Follows a target that is a symbolic link, makes missing parents, and removes what a killed
  // process left in NAME.longhaul-tmp. Throws IoError.
  AtomicFolder(const std::filesystem::path& target,
               IfExists if_exists,
               FileOps& files = system_files());
  // Without commit(), removes all that was made; the target is as it was.
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  // Where to write.
  const std::filesystem::path& path() const { return temporary_; }
  // Makes a folder below path() and returns its path; parents inside path() must exist.
  std::filesystem::path make_folder(const std::filesystem::path& relative);

  // Syncs the folders, swaps the new one with the old in one step, removes the old one. Where the
  // file system cannot swap, the old folder is NAME.longhaul-old for an instant; if the process
  // dies there, recover_folder() puts it back. On an error before the swap the target is as it was.
  void commit();

 private:
  void replace();

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  FileOps* files_;
  std::vector<std::filesystem::path> made_parents_;
  std::vector<std::filesystem::path> made_folders_;
  bool is_committed_ = false;
};

// Undoes a replacement of `target` that a killed process left half done: call before reading a
// folder that AtomicFolder may have been replacing. Returns true when there was one.
bool recover_folder(const std::filesystem::path& target, FileOps& files = system_files());

}  // namespace longhaul
