#include "longhaul/config/value_type.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

bool is_plain(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::kScalar && !node.is_quoted;
}

// True when the whole text is one decimal number that T can hold.
template <class T>
bool read_number(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && rest == end;
}

bool is_in(const NumberRange& range, double value) {
  const bool is_above = range.takes_low ? value >= range.low : value > range.low;
  const bool is_below = range.takes_high ? value <= range.high : value < range.high;
  return std::isfinite(value) && is_above && is_below;
}

std::string to_words(const NumberRange& range) {
  const std::string low = to_shortest_text(range.low);
  const std::string high = to_shortest_text(range.high);
  if (std::isinf(range.high)) return concat(range.takes_low ? "at least " : "above ", low);
  if (range.takes_low) return concat("from ", low, range.takes_high ? " to " : " to below ", high);
  return concat("above ", low, range.takes_high ? ", at most " : " and below ", high);
}

}  // namespace

ValueType<std::string> text_value(const std::string& meaning) {
  return {meaning,
          [](const ConfigNode& node, std::string& value) {
            if (node.kind != ConfigNode::Kind::kScalar || node.text.empty()) return false;
            value = node.text;
            return true;
          },
          to_yaml_scalar};
}

ValueType<std::int64_t> integer_value(std::int64_t low, std::int64_t high) {
  const bool has_high = high != std::numeric_limits<std::int64_t>::max();
  return {has_high ? concat("an integer from ", low, " to ", high) : concat("an integer >= ", low),
          [low, high](const ConfigNode& node, std::int64_t& value) {
            return is_plain(node) && read_number(node.text, value) && value >= low && value <= high;
          },
          [](std::int64_t value) { return std::to_string(value); }};
}

ValueType<std::uint64_t> seed_value() {
  return {concat("an integer from 0 to ", std::numeric_limits<std::uint64_t>::max()),
          [](const ConfigNode& node, std::uint64_t& value) {
            return is_plain(node) && read_number(node.text, value);
          },
          [](std::uint64_t value) { return std::to_string(value); }};
}

ValueType<double> number_value(const NumberRange& range) {
  return {"a number " + to_words(range),
          [range](const ConfigNode& node, double& value) {
            return is_plain(node) && read_number(node.text, value) && is_in(range, value);
          },
          to_shortest_text};
}

ValueType<bool> bool_value() {
  return {"true or false",
          [](const ConfigNode& node, bool& value) {
            value = node.text == "true";
            return is_plain(node) && (value || node.text == "false");
          },
          [](bool value) -> std::string { return value ? "true" : "false"; }};
}

ValueType<Bytes> size_value() {
  return {"a size such as 24GiB",
          [](const ConfigNode& node, Bytes& value) {
            if (node.kind != ConfigNode::Kind::kScalar) return false;
            try {
              value = parse_bytes(node.text);
            } catch (const InvalidArgument&) {
              return false;
            }
            return value.count >= 1;
          },
          [](Bytes value) {
            if (value.count % (1_GiB).count == 0) return concat(value.count / (1_GiB).count, "GiB");
            if (value.count % (1_MiB).count == 0) return concat(value.count / (1_MiB).count, "MiB");
            return std::to_string(value.count);
          }};
}

std::string to_shortest_text(double value) {
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  std::string shortest(text.data(), end);
  // "2e-05" as people write it: "2e-5".
  const std::size_t exponent = shortest.find('e');
  if (exponent != std::string::npos && shortest[exponent + 2] == '0') {
    shortest.erase(exponent + 2, 1);
  }
  return shortest;
}

}  // namespace longhaul
