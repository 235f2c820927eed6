// How filters, tests, methods and functions of C++ receive what a template hands them.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

struct Call {
  Machine& machine;
  std::string_view name;  // for messages
  Value input;            // what stands before `|`, `is` or `.`; none for functions
  Arguments arguments;
};

// One of these stands for each filter, method and function.
using Body = Value (*)(const Call& call);

// Arguments as Python binds them: by position, then by name. A parameter without a name takes its
// argument by position only.
class Bound {
 public:
  // The first `required` of `parameters` have no default. Throws ConversationRefused for too many,
  // missing or unknown arguments.
  Bound(const Call& call,
        std::initializer_list<std::string_view> parameters,
        std::size_t required = 0);

  bool has(std::size_t parameter) const { return values_[parameter].has_value(); }
  // Only where has() or the parameter is required.
  const Value& operator[](std::size_t parameter) const { return *values_[parameter]; }
  Value value_or(std::size_t parameter, const Value& fallback) const {
    return values_[parameter].value_or(fallback);
  }
  bool truth_or(std::size_t parameter, bool fallback) const;
  // Throw ConversationRefused where the argument is something else.
  std::int64_t integer_or(std::size_t parameter, std::int64_t fallback) const;
  std::string_view string_or(std::size_t parameter, std::string_view fallback) const;

 private:
  static constexpr std::size_t kMaxParameters = 5;

  [[noreturn]] void refuse_kind(const Value& value, std::string_view expected) const;

  const Call& call_;
  std::array<std::optional<Value>, kMaxParameters> values_;
};

}  // namespace longhaul::jinja
