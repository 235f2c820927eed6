#include "jinja_attribute_path.h"

#include <charconv>

#include "jinja_attributes.h"
#include "jinja_operators.h"
#include "jinja_text.h"

namespace longhaul::jinja {

Value without_case(Machine& machine, const Value& value) {
  if (!value.is_string()) return value;
  machine.charge(value.text().size());
  return machine.text(lower(value.text()));
}

AttributePath::AttributePath(Machine& machine, const Value& attribute, const Value& fallback)
    : fallback_(fallback) {
  if (attribute.is_none()) return;
  ListBuilder parts(machine);
  if (!attribute.is_string()) {
    parts.add(attribute);
  } else {
    for (const std::string_view part : split(attribute.text(), ".", -1)) {
      std::int64_t index = 0;
      const char* const end = part.data() + part.size();
      const auto result = std::from_chars(part.data(), end, index);
      const bool is_index = !part.empty() && part.front() != '-' && result.ptr == end;
      parts.add(is_index ? Value(index) : Value(part));
    }
  }
  parts_ = machine.list(parts.values()).elements();
}

Value AttributePath::of(Machine& machine, Value value) const {
  for (const Value& part : parts_) {
    value = get_item(machine, value, part);
    if (value.is_undefined() && !fallback_.is_none()) value = fallback_;
  }
  return value;
}

AttributePaths::AttributePaths(Machine& machine, const Value& attribute) {
  if (!attribute.is_string()) {
    paths_.emplace_back(machine, attribute);
    return;
  }
  for (const std::string_view part : split(attribute.text(), ",", -1)) {
    paths_.emplace_back(machine, part);
  }
}

Value AttributePaths::key_of(Machine& machine, const Value& value, bool ignores_case) const {
  ListBuilder key(machine);
  for (const AttributePath& path : paths_) {
    const Value attribute = path.of(machine, value);
    key.add(ignores_case ? without_case(machine, attribute) : attribute);
  }
  return key.list();
}

}  // namespace longhaul::jinja
