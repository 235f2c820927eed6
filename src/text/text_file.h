// Whole files of a model folder.
#pragma once

#include <filesystem>
#include <string>

namespace longhaul {

// Throws IoError.
std::string read_text_file(const std::filesystem::path& file);

}  // namespace longhaul
