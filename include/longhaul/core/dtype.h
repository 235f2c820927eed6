// Element types of tensors, and the conversions between fp32 and the 16-bit floats.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace longhaul {

enum class DType : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kU16,
  kBool
};

// Bytes per element.
constexpr int size_of(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kI64: return 8;
    case DType::kF32:
    case DType::kI32: return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
    case DType::kU16: return 2;
    case DType::kI8:
    case DType::kU8:
    case DType::kBool: return 1;
  }
  return 0;
}

// "fp32", "bf16", "int64", ...: the names used in configurations and reports.
std::string_view name_of(DType dtype);

// bf16 bits of `value`, rounded to nearest, ties to even; NaN stays NaN (quiet). This is the
// rounding of activations and gradients; masters use core rounding of the optimizer.
constexpr std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

constexpr float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// IEEE half precision, exact in both directions up to one rounding to nearest even.
std::uint16_t to_f16(float value);
float from_f16(std::uint16_t bits);

}  // namespace longhaul
