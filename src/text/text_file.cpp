#include "text_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>

#include "longhaul/core/error.h"

namespace longhaul {

std::string read_text_file(const std::filesystem::path& file) {
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) throw IoError(file.string(), "cannot be opened", errno);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (in.bad()) throw IoError(file.string(), "cannot be read", errno);
  return text;
}

}  // namespace longhaul
