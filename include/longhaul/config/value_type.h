// Kinds of values in a configuration: how one is read, written, and described to a person.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/core/units.h"

namespace longhaul {

template <class T>
struct ValueType {
  // What is taken, to complete "expected ..." and to stand in the documentation.
  std::string expected;
  // Sets the value and returns true; false when the node holds no such value.
  std::function<bool(const ConfigNode&, T&)> read;
  // In YAML, such that read() gives the same value.
  std::function<std::string(const T&)> write;
};

// One past or at the ends of a range of numbers.
struct NumberRange {
  double low = 0.0;
  double high = 0.0;  // infinity for none
  bool takes_low = true;
  bool takes_high = true;
};

// Any scalar as it stands, not empty. `meaning` is what it is: "a folder", "a file".
ValueType<std::string> text_value(const std::string& meaning);
// Decimal digits with an optional minus; low <= value <= high.
ValueType<std::int64_t> integer_value(std::int64_t low, std::int64_t high);
ValueType<std::uint64_t> seed_value();
ValueType<double> number_value(const NumberRange& range);
ValueType<bool> bool_value();
// "24GiB", "512 MiB", or a number of bytes; at least 1.
ValueType<Bytes> size_value();

// `word`, unquoted, for an empty optional; else the inner type.
template <class T>
ValueType<std::optional<T>> word_or(const std::string& word, const ValueType<T>& inner) {
  const auto is_word = [word](const ConfigNode& node) {
    return node.kind == ConfigNode::Kind::kScalar && !node.is_quoted && node.text == word;
  };
  const bool is_list = inner.expected.find(" or ") != std::string::npos;
  return {word + (is_list ? ", " : " or ") + inner.expected,
          [is_word, inner](const ConfigNode& node, std::optional<T>& value) {
            if (is_word(node)) {
              value.reset();
              return true;
            }
            return inner.read(node, value.emplace());
          },
          [word, inner](const std::optional<T>& value) {
            if (!value) return word;
            const std::string written = inner.write(*value);
            return written == word ? '"' + written + '"' : written;
          }};
}

// One of a few words. `note` joins the description: what is not there yet.
template <class T>
ValueType<T> one_of(std::vector<std::pair<std::string, T>> words, const std::string& note = {}) {
  std::string expected;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) expected += i + 1 == words.size() ? " or " : ", ";
    expected += words[i].first;
  }
  if (!note.empty()) expected += " (" + note + ")";
  return {expected,
          [words](const ConfigNode& node, T& value) {
            for (const auto& [word, meaning] : words) {
              if (node.kind != ConfigNode::Kind::kScalar || node.text != word) continue;
              value = meaning;
              return true;
            }
            return false;
          },
          [words](const T& value) {
            for (const auto& [word, meaning] : words) {
              if (meaning == value) return word;
            }
            return std::string{};
          }};
}

// The shortest decimal that reads back as the same fp64 number.
std::string to_shortest_text(double value);

}  // namespace longhaul
