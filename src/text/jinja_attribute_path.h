// The `attribute` argument of filters: "function.name", 0, "tags.0".
#pragma once

#include <vector>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// Strings in lower case, other values as they are: the keys that filters compare by.
Value without_case(Machine& machine, const Value& value);

class AttributePath {
 public:
  // None: the value itself. What is undefined on the way becomes `fallback`, unless that is none.
  AttributePath(Machine& machine, const Value& attribute, const Value& fallback = {});

  Value of(Machine& machine, Value value) const;

 private:
  std::span<const Value> parts_;  // in the machine's memory
  Value fallback_;
};

// Several, with commas between them, as `sort` takes them.
class AttributePaths {
 public:
  AttributePaths(Machine& machine, const Value& attribute);

  // A list that orders by the first attribute, then by the second, ...
  Value key_of(Machine& machine, const Value& value, bool ignores_case) const;

 private:
  std::vector<AttributePath> paths_;
};

}  // namespace longhaul::jinja
