#include "io/target_path.h"

#include <system_error>

#include "longhaul/core/error.h"

namespace longhaul {

namespace fs = std::filesystem;

fs::path resolve_target(const fs::path& target) {
  std::error_code error;
  fs::path path = fs::absolute(target, error).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  if (fs::is_symlink(path, error)) {
    const fs::path followed = fs::weakly_canonical(path, error);
    if (!error) path = followed;
  }
  require(!target.empty() && path.has_filename() && path.filename() != "..",
          "\"",
          target.string(),
          "\": no name for a file or folder");
  return path;
}

fs::path with_suffix(const fs::path& path, std::string_view suffix) {
  fs::path result = path;
  result += suffix;
  return result;
}

fs::path parent_of(const fs::path& path) {
  return path.parent_path();
}

}  // namespace longhaul
