// The element types of GGUF tensors: how many elements a block holds, in how many bytes, and what
// numbers they stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "longhaul/core/dtype.h"

namespace longhaul {

// The supported types, with the numbers that files use.
enum class GgmlType : std::uint8_t {
  kF32 = 0,
  kF16 = 1,
  kQ40 = 2,
  kQ41 = 3,
  kQ50 = 6,
  kQ51 = 7,
  kQ80 = 8,
  kQ4K = 12,
  kQ5K = 13,
  kQ6K = 14,
  kBF16 = 30,
};

struct GgmlLayout {
  std::int64_t block_elements;
  std::int64_t block_bytes;
};

GgmlLayout layout_of(GgmlType type);
// "Q4_K"
std::string_view name_of(GgmlType type);

// The type with this number in a file. Throws FormatError `place: type IQ4_XS (23) is not
// supported, expected F32, ...`.
GgmlType parse_ggml_type(std::uint32_t number, const std::string& place);

// The dtype that holds every value of the type without rounding: fp32 but for F16 and BF16.
DType exact_dtype(GgmlType type);

// Decodes whole blocks into fp32, with the products and sums in the order of ggml's own decoder, so
// that the bits agree. out.size() must be a multiple of the block's elements, and `blocks` hold
// exactly as many.
void dequantize(GgmlType type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace longhaul
