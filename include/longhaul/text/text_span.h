// A piece of a text by its bytes.
#pragma once

#include <cstddef>

namespace longhaul {

// The bytes [begin, end).
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

}  // namespace longhaul
