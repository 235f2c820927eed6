// The alphabet of byte-level BPE (Radford et al. 2019): each of the 256 bytes as one visible
// character, so that any text is a text of known characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace longhaul {

// The character of a byte, in UTF-8.
std::string_view byte_character(std::uint8_t byte);

// The bytes that `token` spells, or nothing when a character of it is not of the alphabet.
std::optional<std::string> bytes_of_characters(std::string_view token);

}  // namespace longhaul
