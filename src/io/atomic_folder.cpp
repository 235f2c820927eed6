#include "longhaul/io/atomic_folder.h"

#include <cerrno>
#include <system_error>

#include "longhaul/core/error.h"

#include "io/target_path.h"

namespace longhaul {

namespace fs = std::filesystem;

namespace {

void check(int error, const fs::path& path, const char* what) {
  if (error != 0) throw IoError(path.string(), what, error);
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// Parents of `path` that do not exist, outermost first.
std::vector<fs::path> missing_parents(const fs::path& path) {
  std::vector<fs::path> missing;
  for (fs::path parent = parent_of(path); !is_there(parent); parent = parent_of(parent)) {
    missing.insert(missing.begin(), parent);
  }
  return missing;
}

// Innermost first. Others may have put something there meanwhile: a folder that is not empty stays.
void remove_empty(const std::vector<fs::path>& folders) {
  std::error_code ignored;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    fs::remove(*folder, ignored);
  }
}

void check_replaceable(const fs::path& target, IfExists if_exists) {
  if (!is_there(target)) return;
  std::error_code error;
  if (!fs::is_directory(target, error)) throw IoError(target.string(), "is no folder", ENOTDIR);
  const bool is_empty = fs::is_empty(target, error);
  if (error) throw IoError(target.string(), "cannot read the folder", error.value());
  if (if_exists == IfExists::kRefuse && !is_empty) {
    throw IoError(target.string(), "exists and is not empty; name a new folder or remove it");
  }
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target, IfExists if_exists, FileOps& files)
    : target_(resolve_target(target)),
      temporary_(with_suffix(target_, kTemporarySuffix)),
      files_(&files) {
  recover_folder(target_, files);
  check_replaceable(target_, if_exists);
  const std::vector<fs::path> missing = missing_parents(target_);
  try {
    for (const fs::path& parent : missing) {
      check(files_->make_directory(parent), parent, "cannot make the folder");
      made_parents_.push_back(parent);
    }
    check(files_->remove(temporary_), temporary_, "cannot remove");
    check(files_->make_directory(temporary_), temporary_, "cannot make the folder");
  } catch (...) {
    remove_empty(made_parents_);
    throw;
  }
  made_folders_.push_back(temporary_);
}

AtomicFolder::~AtomicFolder() {
  if (is_committed_) return;
  files_->remove(temporary_);
  remove_empty(made_parents_);
}

fs::path AtomicFolder::make_folder(const fs::path& relative) {
  fs::path folder = temporary_ / relative;
  check(files_->make_directory(folder), folder, "cannot make the folder");
  made_folders_.push_back(folder);
  return folder;
}

void AtomicFolder::commit() {
  require(!is_committed_, target_.string(), ": committed twice");
  for (auto folder = made_folders_.rbegin(); folder != made_folders_.rend(); ++folder) {
    check(files_->sync_directory(*folder), *folder, "cannot sync");
  }
  replace();
  is_committed_ = true;
  for (const fs::path& parent : made_parents_) {
    check(files_->sync_directory(parent_of(parent)), parent_of(parent), "cannot sync");
  }
  check(files_->sync_directory(parent_of(target_)), parent_of(target_), "cannot sync");
}

void AtomicFolder::replace() {
  constexpr auto kWhat = "cannot replace";
  std::error_code ignored;
  if (!is_there(target_) || fs::is_empty(target_, ignored)) {
    check(files_->rename(temporary_, target_), target_, kWhat);
    return;
  }
  const int error = files_->exchange(temporary_, target_);
  if (error == 0) {
    // What cannot be removed now is removed before the next replacement.
    files_->remove(temporary_);
    return;
  }
  if (error != EINVAL && error != ENOSYS) check(error, target_, kWhat);
  const fs::path old = with_suffix(target_, kReplacedSuffix);
  check(files_->remove(old), old, "cannot remove");
  check(files_->rename(target_, old), target_, kWhat);
  if (const int failed = files_->rename(temporary_, target_); failed != 0) {
    files_->rename(old, target_);
    check(failed, target_, kWhat);
  }
  files_->remove(old);
}

bool recover_folder(const fs::path& target, FileOps& files) {
  const fs::path resolved = resolve_target(target);
  const fs::path old = with_suffix(resolved, kReplacedSuffix);
  if (!is_there(old)) return false;
  if (is_there(resolved)) {
    check(files.remove(old), old, "cannot remove");
  } else {
    check(files.rename(old, resolved), resolved, "cannot restore");
  }
  return true;
}

}  // namespace longhaul
