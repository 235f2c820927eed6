#include "formats/ggml_types.h"

#include <array>
#include <cassert>
#include <cstring>

#include "longhaul/core/error.h"

#include "formats/elements.h"

namespace longhaul {
namespace {

struct TypeEntry {
  GgmlType type;
  std::string_view name;
  GgmlLayout layout;
};

// Bytes of a block: scales and offsets in fp16, then low bits, high bits, and for the K types the
// 6-bit or 8-bit scales of the sub-blocks.
constexpr std::array<TypeEntry, 11> kTypes = {{
    {GgmlType::kF32, "F32", {1, 4}},
    {GgmlType::kF16, "F16", {1, 2}},
    {GgmlType::kQ40, "Q4_0", {32, 2 + 16}},
    {GgmlType::kQ41, "Q4_1", {32, 2 + 2 + 16}},
    {GgmlType::kQ50, "Q5_0", {32, 2 + 4 + 16}},
    {GgmlType::kQ51, "Q5_1", {32, 2 + 2 + 4 + 16}},
    {GgmlType::kQ80, "Q8_0", {32, 2 + 32}},
    {GgmlType::kQ4K, "Q4_K", {256, 2 + 2 + 12 + 128}},
    {GgmlType::kQ5K, "Q5_K", {256, 2 + 2 + 12 + 32 + 128}},
    {GgmlType::kQ6K, "Q6_K", {256, 128 + 64 + 16 + 2}},
    {GgmlType::kBF16, "BF16", {1, 2}},
}};

struct UnsupportedType {
  std::uint32_t number;
  std::string_view name;
};

// Known, so that a refusal can name them.
constexpr std::array<UnsupportedType, 21> kUnsupported = {{
    {9, "Q8_1"},     {10, "Q2_K"},  {11, "Q3_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"},
    {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"},
    {24, "I8"},      {25, "I16"},   {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},
    {34, "TQ1_0"},   {35, "TQ2_0"}, {39, "MXFP4"},
}};

const TypeEntry& entry_of(GgmlType type) {
  for (const TypeEntry& entry : kTypes) {
    if (entry.type == type) return entry;
  }
  throw InvalidArgument(concat("unknown ggml type ", static_cast<int>(type)));
}

// A block, read front to back.
class Block {
 public:
  explicit Block(const std::byte* bytes) : bytes_(reinterpret_cast<const std::uint8_t*>(bytes)) {}

  float half() {
    std::uint16_t bits = 0;
    std::memcpy(&bits, take(2), 2);
    return from_f16(bits);
  }
  const std::uint8_t* take(std::int64_t count) {
    const std::uint8_t* begin = bytes_;
    bytes_ += count;
    return begin;
  }

 private:
  const std::uint8_t* bytes_;
};

// Element i of a block of 32 nibbles: the low ones come first.
int nibble(const std::uint8_t* quants, int i) {
  return i < 16 ? quants[i] & 0xF : quants[i - 16] >> 4;
}

// Bit i of 32, as the fifth bit of an element.
int fifth_bit(const std::uint8_t* bits, int i) {
  return ((bits[i / 8] >> (i % 8)) & 1) << 4;
}

void decode_q4_0(Block block, float* out) {
  const float scale = block.half();
  const std::uint8_t* quants = block.take(16);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(nibble(quants, i) - 8) * scale;
}

void decode_q4_1(Block block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* quants = block.take(16);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(nibble(quants, i)) * scale + least;
}

void decode_q5_0(Block block, float* out) {
  const float scale = block.half();
  const std::uint8_t* high = block.take(4);
  const std::uint8_t* quants = block.take(16);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>((nibble(quants, i) | fifth_bit(high, i)) - 16) * scale;
  }
}

void decode_q5_1(Block block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* high = block.take(4);
  const std::uint8_t* quants = block.take(16);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(nibble(quants, i) | fifth_bit(high, i)) * scale + least;
  }
}

void decode_q8_0(Block block, float* out) {
  const float scale = block.half();
  const std::uint8_t* quants = block.take(32);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(static_cast<std::int8_t>(quants[i])) * scale;
  }
}

struct ScaleAndLeast {
  int scale;
  int least;
};

// Sub-block j of eight: two 6-bit numbers, of which the upper two bits of the last four sub-blocks
// lie in the bytes of the first four.
ScaleAndLeast unpack_scales(const std::uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 0xF) | ((packed[j - 4] >> 6) << 4),
          (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4)};
}

// Q4_K and Q5_K: eight sub-blocks of 32, whose nibbles lie in pairs in 32 bytes.
template <class FifthBit>
void decode_k45(float scale,
                float least,
                const std::uint8_t* packed,
                const std::uint8_t* quants,
                FifthBit fifth,
                float* out) {
  for (int j = 0; j < 8; ++j) {
    const ScaleAndLeast sub = unpack_scales(packed, j);
    const float sub_scale = scale * static_cast<float>(sub.scale);
    const float sub_least = least * static_cast<float>(sub.least);
    const std::uint8_t* pair = quants + static_cast<std::ptrdiff_t>(j / 2) * 32;
    for (int i = 0; i < 32; ++i) {
      const int low = j % 2 == 0 ? pair[i] & 0xF : pair[i] >> 4;
      out[j * 32 + i] = sub_scale * static_cast<float>(low + fifth(j, i)) - sub_least;
    }
  }
}

void decode_q4_k(Block block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* packed = block.take(12);
  decode_k45(
      scale, least, packed, block.take(128), [](int /*j*/, int /*i*/) { return 0; }, out);
}

void decode_q5_k(Block block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* packed = block.take(12);
  const std::uint8_t* high = block.take(32);
  decode_k45(
      scale,
      least,
      packed,
      block.take(128),
      [high](int j, int i) { return ((high[i] >> j) & 1) << 4; },
      out);
}

// Two halves of 128; in each, four runs of 32 share the bytes of the low and the high bits.
void decode_q6_k(Block block, float* out) {
  const std::uint8_t* low = block.take(128);
  const std::uint8_t* high = block.take(64);
  const std::uint8_t* scales = block.take(16);
  const float scale = block.half();
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128;
    const int run = i % 128 / 32;
    const int l = i % 32;
    const std::uint8_t byte = low[half * 64 + run % 2 * 32 + l];
    const int bits = run < 2 ? byte & 0xF : byte >> 4;
    const int upper = (high[half * 32 + l] >> (2 * run)) & 3;
    const auto sub_scale = static_cast<std::int8_t>(scales[i / 16]);
    out[i] = scale * static_cast<float>(sub_scale) * static_cast<float>((bits | upper << 4) - 32);
  }
}

template <class Decode>
void decode_all(std::span<const std::byte> blocks,
                std::span<float> out,
                GgmlLayout layout,
                Decode decode) {
  const auto count = static_cast<std::int64_t>(out.size()) / layout.block_elements;
  for (std::int64_t i = 0; i < count; ++i) {
    decode(Block(blocks.data() + i * layout.block_bytes), out.data() + i * layout.block_elements);
  }
}

}  // namespace

GgmlLayout layout_of(GgmlType type) {
  return entry_of(type).layout;
}

std::string_view name_of(GgmlType type) {
  return entry_of(type).name;
}

GgmlType parse_ggml_type(std::uint32_t number, const std::string& place) {
  std::string known;
  for (const TypeEntry& entry : kTypes) {
    if (static_cast<std::uint32_t>(entry.type) == number) return entry.type;
    known += concat(known.empty() ? "" : ", ", entry.name);
  }
  std::string_view name = "of an unknown kind";
  for (const UnsupportedType& entry : kUnsupported) {
    if (entry.number == number) name = entry.name;
  }
  throw FormatError(
      concat(place, ": type ", name, " (", number, ") is not supported, expected ", known));
}

DType exact_dtype(GgmlType type) {
  if (type == GgmlType::kF16) return DType::kF16;
  if (type == GgmlType::kBF16) return DType::kBF16;
  return DType::kF32;
}

void dequantize(GgmlType type, std::span<const std::byte> blocks, std::span<float> out) {
  const GgmlLayout layout = layout_of(type);
  const auto count = static_cast<std::int64_t>(out.size());
  require(
      count % layout.block_elements == 0 && static_cast<std::int64_t>(blocks.size()) ==
                                                count / layout.block_elements * layout.block_bytes,
      "dequantize ",
      name_of(type),
      ": ",
      blocks.size(),
      " bytes are not ",
      count,
      " elements");
  switch (type) {
    case GgmlType::kF32:
    case GgmlType::kF16:
    case GgmlType::kBF16:
      convert_elements(
          exact_dtype(type), blocks.data(), DType::kF32, std::as_writable_bytes(out).data(), count);
      return;
    case GgmlType::kQ40: return decode_all(blocks, out, layout, decode_q4_0);
    case GgmlType::kQ41: return decode_all(blocks, out, layout, decode_q4_1);
    case GgmlType::kQ50: return decode_all(blocks, out, layout, decode_q5_0);
    case GgmlType::kQ51: return decode_all(blocks, out, layout, decode_q5_1);
    case GgmlType::kQ80: return decode_all(blocks, out, layout, decode_q8_0);
    case GgmlType::kQ4K: return decode_all(blocks, out, layout, decode_q4_k);
    case GgmlType::kQ5K: return decode_all(blocks, out, layout, decode_q5_k);
    case GgmlType::kQ6K: return decode_all(blocks, out, layout, decode_q6_k);
  }
}

}  // namespace longhaul
