#include "formats/elements.h"

#include <cassert>
#include <cstring>

namespace longhaul {
namespace {

bool is_convertible_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

// memcpy instead of a cast: a tensor's bytes start anywhere in a file.
template <class T>
T load(const std::byte* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}

template <class From, class To, class Convert>
void convert_each(const std::byte* in, std::byte* out, std::int64_t count, Convert convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    const To value = convert(load<From>(in + i * static_cast<std::int64_t>(sizeof(From))));
    std::memcpy(out + i * static_cast<std::int64_t>(sizeof(To)), &value, sizeof(To));
  }
}

}  // namespace

bool can_convert(DType from, DType to) {
  return from == to || (is_convertible_float(from) && is_convertible_float(to));
}

void convert_elements(
    DType from, const std::byte* in, DType to, std::byte* out, std::int64_t count) {
  assert(can_convert(from, to));
  using Half = std::uint16_t;
  if (from == to) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * static_cast<std::size_t>(size_of(to)));
  } else if (from == DType::kBF16 && to == DType::kF32) {
    convert_each<Half, float>(in, out, count, from_bf16);
  } else if (from == DType::kF16 && to == DType::kF32) {
    convert_each<Half, float>(in, out, count, from_f16);
  } else if (from == DType::kF32 && to == DType::kBF16) {
    convert_each<float, Half>(in, out, count, to_bf16);
  } else if (from == DType::kF32 && to == DType::kF16) {
    convert_each<float, Half>(in, out, count, to_f16);
  } else if (from == DType::kF16) {
    convert_each<Half, Half>(in, out, count, [](Half bits) { return to_bf16(from_f16(bits)); });
  } else {
    convert_each<Half, Half>(in, out, count, [](Half bits) { return to_f16(from_bf16(bits)); });
  }
}

}  // namespace longhaul
