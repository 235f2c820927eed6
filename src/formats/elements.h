// Runs of elements as bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "longhaul/core/dtype.h"

namespace longhaul {

// True for fp32, fp16, bf16 in both places, and for equal types.
bool can_convert(DType from, DType to);

// `count` elements; neither pointer need be aligned, the ranges do not overlap. Requires
// can_convert(from, to).
void convert_elements(
    DType from, const std::byte* in, DType to, std::byte* out, std::int64_t count);

}  // namespace longhaul
