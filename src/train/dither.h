// The digits that a bf16 checkpoint does not have (decision 008).
#pragma once

#include <cstdint>
#include <span>

namespace longhaul {

// Moves every master that is exactly a bf16 number, zero apart, to a random place among the numbers
// that round to it, so that the weight that the device computes with stays what it was. Uniform
// over the 2^16 bit patterns; a value depends on its own, on `parameter` and on its index alone.
void dither_masters(std::span<float> masters, std::uint64_t parameter);

}  // namespace longhaul
