#include "jinja_call.h"

#include <algorithm>

#include "jinja_operators.h"

namespace longhaul::jinja {

Bound::Bound(const Call& call,
             std::initializer_list<std::string_view> parameters,
             std::size_t required)
    : call_(call) {
  const std::span<const Value> positional = call.arguments.positional;
  if (positional.size() > parameters.size()) {
    call.machine.refuse(
        call.name, "() takes at most ", parameters.size(), " arguments, got ", positional.size());
  }
  std::copy(positional.begin(), positional.end(), values_.begin());
  for (const NamedArgument& argument : call.arguments.named) {
    const auto* const found = std::find(parameters.begin(), parameters.end(), argument.name);
    if (found == parameters.end() || argument.name.empty()) {
      call.machine.refuse(call.name, "() has no argument '", argument.name, "'");
    }
    std::optional<Value>& value = values_[static_cast<std::size_t>(found - parameters.begin())];
    if (value.has_value()) {
      call.machine.refuse(call.name, "() got two values for the argument '", argument.name, "'");
    }
    value = argument.value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (!values_[i].has_value()) {
      call.machine.refuse(call.name, "() needs ", required, " argument", required > 1 ? "s" : "");
    }
  }
}

bool Bound::truth_or(std::size_t parameter, bool fallback) const {
  return has(parameter) ? truth(call_.machine, (*this)[parameter]) : fallback;
}

std::int64_t Bound::integer_or(std::size_t parameter, std::int64_t fallback) const {
  if (!has(parameter)) return fallback;
  const Value& value = (*this)[parameter];
  if (!value.is_integral()) refuse_kind(value, "an integer");
  return value.as_int();
}

std::string_view Bound::string_or(std::size_t parameter, std::string_view fallback) const {
  if (!has(parameter)) return fallback;
  const Value& value = (*this)[parameter];
  if (!value.is_string()) refuse_kind(value, "a string");
  return value.text();
}

void Bound::refuse_kind(const Value& value, std::string_view expected) const {
  call_.machine.refuse(call_.name, "() needs ", expected, ", got '", type_name(value.kind()), "'");
}

}  // namespace longhaul::jinja
