// A checksum that keeps up with memory, for bytes that come back from a disk within one process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace longhaul {

// A change confined to one aligned 8-byte word always changes it; any other change goes unseen with
// a chance of about 2^-64. Not the same on machines of another byte order: never store it.
std::uint64_t checksum_of(std::span<const std::byte> bytes);

}  // namespace longhaul
