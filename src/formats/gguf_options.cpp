#include "formats/gguf_options.h"

#include <array>
#include <charconv>
#include <cmath>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

[[noreturn]] void refuse(const Json& value, const std::string& what) {
  throw FormatError(concat(value.where(), ": ", what));
}

std::int64_t checked_size(const Json& value) {
  const std::int64_t size = value.as_int();
  if (size < 1 || size > (std::int64_t{1} << 31)) {
    refuse(value, concat("got ", size, ", expected 1 to 2^31"));
  }
  return size;
}

double checked_number(const Json& value) {
  const double number = value.as_double();
  if (!std::isfinite(number) || number <= 0.0) {
    refuse(value, concat("got ", number, ", expected a number above 0"));
  }
  return shortest_decimal(static_cast<float>(number));
}

}  // namespace

double shortest_decimal(float value) {
  std::array<char, 32> text{};
  const auto* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double result = 0.0;
  std::from_chars(text.data(), end, result);
  return result;
}

GgufOptions::GgufOptions(const Json& metadata, const std::string& architecture)
    : metadata_(metadata), prefix_(architecture + ".") {}

Json GgufOptions::find(const std::string& key) {
  known_.insert(prefix_ + key);
  return metadata_.find(prefix_ + key);
}

std::int64_t GgufOptions::size(const std::string& key) {
  ignore(key);
  return checked_size(metadata_.at(prefix_ + key));
}

std::int64_t GgufOptions::size_or(const std::string& key, std::int64_t fallback) {
  const Json value = find(key);
  return value.is_null() ? fallback : checked_size(value);
}

double GgufOptions::number(const std::string& key) {
  ignore(key);
  return checked_number(metadata_.at(prefix_ + key));
}

double GgufOptions::number_or(const std::string& key, double fallback) {
  const Json value = find(key);
  return value.is_null() ? fallback : checked_number(value);
}

void GgufOptions::expect(const std::string& key, const Json& expected) {
  const Json value = find(key);
  if (!value.is_null() && value != expected) {
    refuse(value, concat("got ", value.dump(), ", only ", expected.dump(), " is supported"));
  }
}

void GgufOptions::ignore(const std::string& key) {
  known_.insert(prefix_ + key);
}

void GgufOptions::refuse_others() const {
  for (const auto& [key, value] : metadata_.members()) {
    if (key.starts_with(prefix_) && !known_.contains(key)) {
      refuse(value, "this option is not supported");
    }
  }
}

}  // namespace longhaul
