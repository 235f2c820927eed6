#include "longhaul/io/file_system.h"

#include <cerrno>

#include <linux/magic.h>
#include <sys/vfs.h>

#include "longhaul/core/error.h"

namespace longhaul {

std::string memory_file_system(const std::filesystem::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0) {
    throw IoError(folder.string(), "cannot tell its file system", errno);
  }
  if (info.f_type == TMPFS_MAGIC) return "tmpfs";
  if (info.f_type == RAMFS_MAGIC) return "ramfs";
  return {};
}

}  // namespace longhaul
