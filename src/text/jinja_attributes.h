// object.name and object[key], as Jinja's sandbox resolves them, and the methods of Python's types.
#pragma once

#include <optional>
#include <string_view>

#include "jinja_call.h"
#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// object.name: Python's attribute, else the member. Undefined where there is neither; throws
// ConversationRefused when `object` is undefined, FormatError for an attribute that Python has and
// this interpreter has not.
Value get_attribute(Machine& machine, const Value& object, std::string_view name);

// object[key]: the element or member, else Python's attribute.
Value get_item(Machine& machine, const Value& object, const Value& key);

// Python's attribute only.
std::optional<Value> python_attribute(Machine& machine, const Value& object, std::string_view name);

struct MethodEntry {
  std::string_view name;
  Body body;
};

std::span<const MethodEntry> string_methods();
std::span<const MethodEntry> container_methods(Kind kind);

// A function of C++ as a template sees it.
class Function final : public Object {
 public:
  Function(std::string_view name, Body body, const Value& self = {})
      : name_(name), body_(body), self_(self) {}

  std::optional<std::string_view> representation(Machine&) override { return std::nullopt; }
  std::optional<Value> attribute(Machine&, std::string_view) override { return std::nullopt; }
  bool is_callable() const override { return true; }
  Value call(Machine& machine, const Arguments& arguments) override {
    return body_({machine, name_, self_, arguments});
  }

 private:
  std::string_view name_;
  Body body_;
  Value self_;
};

}  // namespace longhaul::jinja
