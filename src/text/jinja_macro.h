// Macros, and the bodies of call blocks, as values.
#pragma once

#include <optional>
#include <string_view>

#include "jinja_interpreter.h"

namespace longhaul::jinja {

class Interpreter::Macro final : public Object {
 public:
  // `definition` is the scope around the definition: its variables are seen as they are when the
  // macro is called.
  Macro(Interpreter& interpreter, const Routine& routine, Scope* definition)
      : interpreter_(interpreter), routine_(routine), definition_(definition) {}

  std::optional<std::string_view> representation(Machine& machine) override;
  std::optional<Value> attribute(Machine& machine, std::string_view name) override;
  bool is_callable() const override { return true; }
  Value call(Machine& machine, const Arguments& arguments) override;

 private:
  Interpreter& interpreter_;
  const Routine& routine_;
  Scope* definition_;
};

}  // namespace longhaul::jinja
