#include "longhaul/models/model.h"

#include <algorithm>
#include <array>
#include <bit>

#include "longhaul/core/error.h"

#include "family.h"

namespace longhaul {
namespace {

struct Family {
  std::string_view name;
  Model (*make)(const Json&, DType);
};

constexpr std::array<Family, 5> kFamilies{{{"gpt2", make_gpt2},
                                           {"llama", make_llama},
                                           {"mistral", make_mistral},
                                           {"qwen2", make_qwen2},
                                           {"qwen3", make_qwen3}}};

constexpr std::int64_t kHeadTileBytes = 64LL << 20;
constexpr std::int64_t kLargestHeadTile = 1024;
constexpr std::int64_t kSmallestHeadTile = 64;

[[noreturn]] void refuse(const Json& value, const std::string& expected) {
  throw FormatError(concat(value.where(), ": got ", value.dump(), ", expected ", expected));
}

}  // namespace

std::string supported_families() {
  std::string names;
  for (const Family& family : kFamilies) {
    names += concat(names.empty() ? "" : ", ", family.name);
  }
  return names;
}

Model make_model(const Json& config, DType dtype) {
  const Json type = config.at("model_type");
  if (const Json quantized = config.find("quantization_config"); !quantized.is_null()) {
    refuse(quantized, "no quantization: longhaul trains fp32, fp16 and bf16 checkpoints");
  }
  for (const Family& family : kFamilies) {
    if (type.is_string() && type.as_string() == family.name) return family.make(config, dtype);
  }
  refuse(type, "one of " + supported_families());
}

void allow(const Json& config,
           std::string_view key,
           std::initializer_list<std::string_view> values) {
  const Json value = config.find(key);
  if (value.is_null()) return;
  std::string expected;
  for (const std::string_view allowed : values) {
    if (value.is_string() && value.as_string() == allowed) return;
    expected += concat(expected.empty() ? "" : " or ", allowed);
  }
  refuse(value, expected);
}

void allow(const Json& config, std::string_view key, bool value) {
  const Json found = config.find(key);
  if (!found.is_null() && found.as_bool() != value) refuse(found, value ? "true" : "false");
}

void allow_number(const Json& config, std::string_view key, double value) {
  const Json found = config.find(key);
  if (!found.is_null() && found.as_double() != value) refuse(found, concat(value));
}

std::int64_t size_at(const Json& config, std::string_view key) {
  const Json value = config.at(key);
  if (value.as_int() < 1 || value.as_int() > INT32_MAX) refuse(value, "a size from 1 to 2^31 - 1");
  return value.as_int();
}

std::int64_t layers_at(const Json& config, std::string_view key) {
  constexpr std::int64_t kMost = 10'000;
  const std::int64_t layers = size_at(config, key);
  if (layers > kMost) refuse(config.at(key), concat("at most ", kMost, " layers"));
  return layers;
}

std::int64_t size_or(const Json& config, std::string_view key, std::int64_t fallback) {
  return config.find(key).is_null() ? fallback : size_at(config, key);
}

std::int64_t head_tile_tokens(std::int64_t vocabulary, DType dtype) {
  const std::int64_t rows = kHeadTileBytes / (vocabulary * size_of(dtype));
  const auto power = static_cast<std::int64_t>(
      std::bit_floor(static_cast<std::uint64_t>(std::max(rows, kSmallestHeadTile))));
  return std::min(power, kLargestHeadTile);
}

}  // namespace longhaul
