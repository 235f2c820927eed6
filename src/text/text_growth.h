// A bound on what a tokenizer.json can do to memory: a few hundred bytes of replacements could
// otherwise turn a line into terabytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace longhaul {

// Throws FormatError, naming `part` of the tokenizer, when it made `after` bytes of `before`: more
// than 64 times as many, and more than 4 KiB. Published tokenizers stay below 11 times.
void check_growth(std::string_view part, std::size_t before, std::size_t after);

}  // namespace longhaul
