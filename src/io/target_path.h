// How the atomic writers name what they write.
#pragma once

#include <filesystem>
#include <string_view>

namespace longhaul {

// Long enough that nobody else's file has it: what bears it may be removed.
inline constexpr std::string_view kTemporarySuffix = ".longhaul-tmp";
inline constexpr std::string_view kReplacedSuffix = ".longhaul-old";

// The absolute path that `target` stands for: without a trailing slash, and with a symbolic link
// followed, so that the link survives and the file it names is the one replaced. Throws
// InvalidArgument when no name is left ("/", "..").
std::filesystem::path resolve_target(const std::filesystem::path& target);

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix);

// The folder that holds `path`, an absolute path.
std::filesystem::path parent_of(const std::filesystem::path& path);

}  // namespace longhaul
