// What kind of file system a folder lies on.
#pragma once

#include <filesystem>
#include <string>

namespace longhaul {

// "tmpfs" or "ramfs" where files of the folder live in main memory; else empty. Throws IoError when
// the system does not say.
std::string memory_file_system(const std::filesystem::path& folder);

}  // namespace longhaul
