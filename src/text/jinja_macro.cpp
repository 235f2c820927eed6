#include "jinja_macro.h"

#include "jinja_operators.h"
#include "jinja_text.h"

namespace longhaul::jinja {

std::optional<std::string_view> Interpreter::Macro::representation(Machine& machine) {
  const std::string name = routine_.name.empty() ? "anonymous" : quoted(routine_.name);
  return machine.copy(concat("<Macro ", name, ">"));
}

std::optional<Value> Interpreter::Macro::attribute(Machine& machine, std::string_view name) {
  if (name == "name") return routine_.name.empty() ? Value() : Value(routine_.name);
  if (name == "caller") return Value(routine_.takes_caller);
  if (name == "catch_kwargs") return Value(routine_.takes_named);
  if (name == "catch_varargs") return Value(routine_.takes_positional);
  if (name != "arguments") return std::nullopt;
  ListBuilder names(machine);
  for (const Parameter& parameter : routine_.parameters) {
    const auto id = static_cast<std::size_t>(parameter.name);
    names.add(std::string_view(interpreter_.program_.names[id]));
  }
  return machine.tuple(names.values());
}

Value Interpreter::Macro::call(Machine& /*machine*/, const Arguments& arguments) {
  return interpreter_.run_routine(routine_, definition_, arguments);
}

}  // namespace longhaul::jinja
