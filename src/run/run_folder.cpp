#include "longhaul/run/run_folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "longhaul/config/document.h"
#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/atomic_folder.h"
#include "longhaul/io/input_file.h"
#include "longhaul/run/run_file.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "run.lock";
constexpr std::string_view kCheckpointPrefix = "step-";

// Without "." and trailing slashes, so that NAME.1 is a sibling.
fs::path normalized(const fs::path& path) {
  fs::path result = fs::absolute(path).lexically_normal();
  return result.has_filename() ? result : result.parent_path();
}

[[noreturn]] void fail(const fs::path& path, const char* what, const std::error_code& error) {
  throw IoError(path.string(), what, error.value());
}

// Whether there is an earlier run. Throws when there are files, but not of a run.
bool holds_run(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / "run.yaml", error)) return true;
  if (!fs::exists(folder, error)) return false;
  if (!fs::is_directory(folder, error)) throw IoError(folder.string(), "is no folder", ENOTDIR);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() == kLockName) continue;
    throw Error(concat(folder.string(),
                       ": holds ",
                       entry.path().filename().string(),
                       " but no run.yaml, expected a new or empty folder, or that of a run"));
  }
  return false;
}

// The N of step-N; nothing for other names, temporary ones among them.
std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kCheckpointPrefix)) return std::nullopt;
  std::int64_t step = 0;
  const char* begin = name.data() + kCheckpointPrefix.size();
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(begin, end, step);
  const bool is_number = begin != end && error == std::errc{} && rest == end && step >= 0;
  return is_number ? std::optional(step) : std::nullopt;
}

// Whether nothing but a lock is in the folder.
bool is_unused(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename() != kLockName) return false;
  }
  return !error;
}

void remove_partial_checkpoints(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return;
  std::vector<fs::path> partial;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kCheckpointPrefix) && !step_of(name)) partial.push_back(entry.path());
  }
  for (const fs::path& path : partial) {
    fs::remove_all(path, error);
    if (error) fail(path, "cannot be removed", error);
  }
}

}  // namespace

RunFolder::RunFolder(const fs::path& path, Resume resume) : path_(normalized(path)) {
  try {
    enter(holds_run(path_), resume);
  } catch (...) {
    leave();
    throw;
  }
}

RunFolder::~RunFolder() {
  leave();
}

void RunFolder::enter(bool has_earlier_run, Resume resume) {
  make_folders();
  lock();
  if (has_earlier_run && resume == Resume::kNever) move_aside();
  remove_partial_checkpoints(path_ / "checkpoints");
  recover_folder(model_folder());
}

void RunFolder::leave() {
  std::error_code error;
  if (lock_descriptor_ >= 0 && is_unused(path_)) {
    fs::remove(path_ / kLockName, error);
    if (!moved_aside_.empty()) {
      fs::remove(path_, error);
      fs::rename(moved_aside_, path_, error);
    }
  }
  unlock();
  // Those that hold something stay.
  for (; !made_folders_.empty(); made_folders_.pop_back()) fs::remove(made_folders_.back(), error);
}

void RunFolder::make_folders() {
  std::vector<fs::path> missing;  // innermost first
  std::error_code error;
  for (fs::path folder = path_; !fs::exists(folder, error); folder = folder.parent_path()) {
    missing.push_back(folder);
  }
  for (; !missing.empty(); missing.pop_back()) {
    if (!fs::create_directory(missing.back(), error) && error) {
      fail(missing.back(), "cannot be made", error);
    }
    made_folders_.push_back(missing.back());
  }
}

void RunFolder::lock() {
  const std::string file = (path_ / kLockName).string();
  lock_descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_descriptor_ < 0) throw IoError(file, "cannot be opened", errno);
  struct stat status {};
  // A run that left no trace has removed the file between the two calls: no name leads to it.
  const bool is_locked = ::flock(lock_descriptor_, LOCK_EX | LOCK_NB) == 0;
  const int code = is_locked ? 0 : errno;
  if (is_locked && ::fstat(lock_descriptor_, &status) == 0 && status.st_nlink > 0) return;
  unlock();
  if (!is_locked && code != EWOULDBLOCK) throw IoError(file, "cannot be locked", code);
  throw Error(concat(path_.string(), ": another run is writing to this folder"));
}

void RunFolder::unlock() {
  if (lock_descriptor_ >= 0) ::close(std::exchange(lock_descriptor_, -1));
}

void RunFolder::move_aside() {
  std::error_code error;
  for (int number = 1; moved_aside_.empty(); ++number) {
    const fs::path candidate = concat(path_.string(), ".", number);
    if (!fs::exists(fs::symlink_status(candidate, error))) moved_aside_ = candidate;
  }
  fs::rename(path_, moved_aside_, error);
  if (error) {
    moved_aside_.clear();
    fail(path_, "cannot be moved aside", error);
  }
  fs::remove(moved_aside_ / kLockName, error);
  unlock();
  fs::create_directories(path_, error);
  if (error) fail(path_, "cannot be made", error);
  lock();
}

fs::path RunFolder::checkpoint_folder(std::int64_t step) const {
  return path_ / "checkpoints" / concat(kCheckpointPrefix, step);
}

std::vector<CheckpointFolder> RunFolder::checkpoints() const {
  std::vector<CheckpointFolder> found;
  std::error_code error;
  if (!fs::is_directory(path_ / "checkpoints", error)) return found;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "checkpoints")) {
    const std::optional<std::int64_t> step = step_of(entry.path().filename().string());
    if (step && entry.is_directory()) found.push_back({*step, entry.path()});
  }
  std::sort(
      found.begin(), found.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return found;
}

std::optional<CheckpointFolder> RunFolder::newest_checkpoint() const {
  std::vector<CheckpointFolder> found = checkpoints();
  if (found.empty()) return std::nullopt;
  return found.back();
}

void RunFolder::prune_checkpoints(std::int64_t keep) const {
  require(keep >= 1, "prune_checkpoints: got keep ", keep, ", expected at least 1");
  const std::vector<CheckpointFolder> found = checkpoints();
  const std::size_t kept = std::min(found.size(), static_cast<std::size_t>(keep));
  for (std::size_t i = 0; i < found.size() - kept; ++i) {
    // Renamed first: a process that dies meanwhile leaves nothing that looks complete.
    const fs::path doomed = concat(found[i].path.string(), ".removed");
    std::error_code error;
    fs::rename(found[i].path, doomed, error);
    if (!error) fs::remove_all(doomed, error);
    if (error) fail(found[i].path, "cannot be removed", error);
  }
}

std::optional<RunConfig> RunFolder::earlier_settings() const {
  if (checkpoints().empty()) return std::nullopt;
  return parse_run_config(load_document(config_file().string()));
}

void RunFolder::check_same_run(const RunConfig& resolved) const {
  const std::optional<RunConfig> before = earlier_settings();
  if (!before) return;
  const std::vector<std::string> changes = changed_numbers(*before, resolved);
  if (changes.empty()) return;
  std::string text = concat(path_.string(), ": holds a run with other settings");
  for (const std::string& change : changes) text += concat("\n  ", change);
  throw ConfigError(text +
                    "\nSet them back to resume it, or `resume: never` to move it aside and start "
                    "anew");
}

Json RunFolder::earlier_manifest() const {
  std::error_code error;
  if (!fs::exists(manifest_file(), error)) return {};
  return Json::parse(read_text_file(manifest_file()), manifest_file().string());
}

void RunFolder::write_settings(const RunConfig& resolved, const Json& manifest) const {
  write_text_file(config_file(), to_yaml(resolved));
  write_text_file(manifest_file(), manifest.dump(/*indent=*/2) + "\n");
}

fs::path find_model_folder(const fs::path& path) {
  std::error_code error;
  if (path.extension() == ".gguf" && fs::is_regular_file(path, error)) {
    throw Error(concat(path.string(),
                       ": is a GGUF file, expected a model folder: `longhaul convert ",
                       path.string(),
                       " FOLDER` makes one"));
  }
  if (!fs::exists(path, error)) {
    throw Error(concat(path.string(), ": no such folder, expected a model on this machine"));
  }
  const bool is_model = fs::exists(path / "config.json", error);
  const bool has_model = fs::exists(path / "model" / "config.json", error);
  return !is_model && has_model ? path / "model" : path;
}

}  // namespace longhaul
