// Expressions: the second half of jinja_interpreter.h.
#include <variant>

#include "jinja_attributes.h"
#include "jinja_filters.h"
#include "jinja_interpreter.h"
#include "jinja_operators.h"
#include "jinja_print.h"
#include "jinja_tests.h"

namespace longhaul::jinja {

Value Interpreter::evaluate(const Expression& expression) {
  const Nesting nesting(machine_);
  machine_.charge(1);
  const int line = machine_.line();
  machine_.at(expression.line);
  const Value value =
      std::visit([this](const auto& node) { return value_of(node); }, expression.node);
  machine_.at(line);
  return value;
}

Value Interpreter::evaluate_or_none(const ExpressionPtr& expression) {
  return expression == nullptr ? Value() : evaluate(*expression);
}

Value Interpreter::variable(NameId name) {
  const Value* found = scope_->find(name);
  return found != nullptr ? *found : globals_[static_cast<std::size_t>(name)];
}

Value Interpreter::value_of(const Literal& node) {
  return node.value;
}

Value Interpreter::value_of(const NameExpression& node) {
  return variable(node.name);
}

Value Interpreter::value_of(const Unary& node) {
  return unary(machine_, node.op, evaluate(*node.operand));
}

Value Interpreter::value_of(const Binary& node) {
  const Value left = evaluate(*node.left);
  return binary(machine_, node.op, left, evaluate(*node.right));
}

Value Interpreter::value_of(const Logical& node) {
  const Value left = evaluate(*node.left);
  return truth(machine_, left) == node.is_and ? evaluate(*node.right) : left;
}

Value Interpreter::value_of(const Concatenation& node) {
  std::string text;
  for (const ExpressionPtr& part : node.parts) append_text(machine_, text, evaluate(*part));
  return machine_.text(text);
}

Value Interpreter::value_of(const ComparisonChain& node) {
  Value left = evaluate(*node.first);
  for (const ComparisonChain::Link& link : node.links) {
    const Value right = evaluate(*link.right);
    if (!compare(machine_, link.op, left, right)) return false;
    left = right;
  }
  return true;
}

Value Interpreter::value_of(const Conditional& node) {
  if (truth(machine_, evaluate(*node.test))) return evaluate(*node.then);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  return machine_.undefined(
      {Missing::What::kMessage,
       Kind::kNone,
       "the inline if-expression evaluated to false and has no else section"});
}

Value Interpreter::value_of(const Attribute& node) {
  return get_attribute(machine_, evaluate(*node.object), node.name);
}

Value Interpreter::value_of(const Subscript& node) {
  const Value object = evaluate(*node.object);
  return get_item(machine_, object, evaluate(*node.index));
}

Value Interpreter::value_of(const SliceExpression& node) {
  const Value object = evaluate(*node.object);
  const Value start = evaluate_or_none(node.start);
  const Value stop = evaluate_or_none(node.stop);
  return slice(machine_, object, start, stop, evaluate_or_none(node.step));
}

Value Interpreter::value_of(const Display& node) {
  ListBuilder elements(machine_);
  for (const ExpressionPtr& element : node.elements) elements.add(evaluate(*element));
  return node.is_tuple ? machine_.tuple(elements.values()) : elements.list();
}

Value Interpreter::value_of(const DictDisplay& node) {
  std::vector<Member> members;
  for (const DictDisplay::Pair& pair : node.pairs) {
    const Value key = evaluate(*pair.key);
    set_member(machine_, members, key, evaluate(*pair.value));
  }
  return machine_.dict(members);
}

Value Interpreter::value_of(const CallExpression& node) {
  return call(*node.callee, node.arguments, nullptr);
}

Value Interpreter::value_of(const FilterExpression& node) {
  const Value input = node.input == nullptr ? block_text_ : evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  return node.filter->body({machine_, node.filter->name, input, arguments});
}

Value Interpreter::value_of(const TestExpression& node) {
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  return node.test->body({machine_, node.test->name, input, arguments});
}

Value Interpreter::call(const Expression& callee,
                        const CallArguments& arguments,
                        const Value* caller) {
  const Value function = evaluate(callee);
  const Arguments values = evaluate_arguments(arguments, caller);
  if (function.is_undefined()) machine_.refuse_undefined(function);
  if (!function.is_object() || !function.object()->is_callable()) {
    machine_.refuse("'", type_name(function.kind()), "' object is not callable");
  }
  return function.object()->call(machine_, values);
}

void Interpreter::add_named(const Value& more, std::vector<NamedArgument>& named) {
  if (!more.is_dict()) machine_.refuse("'**' in a call needs a dict");
  for (const Member& member : more.members()) {
    if (!member.key.is_string()) machine_.refuse("'**' in a call needs a dict of names");
    for (const NamedArgument& other : named) {
      if (other.name == member.key.text()) {
        machine_.refuse("a call got two values for the argument '", other.name, "'");
      }
    }
    machine_.charge(sizeof(NamedArgument) + named.size() / 8);
    named.push_back({member.key.text(), member.value});
  }
}

// In the machine's memory, because generators keep their arguments.
Arguments Interpreter::evaluate_arguments(const CallArguments& arguments, const Value* caller) {
  if (arguments.positional.empty() && arguments.named.empty() && caller == nullptr &&
      arguments.more_positional == nullptr && arguments.more_named == nullptr) {
    return {};
  }
  ListBuilder positional(machine_);
  std::vector<NamedArgument> named;
  for (const ExpressionPtr& argument : arguments.positional) positional.add(evaluate(*argument));
  for (const CallArguments::Named& argument : arguments.named) {
    named.push_back({argument.name, evaluate(*argument.value)});
  }
  if (caller != nullptr) named.push_back({"caller", *caller});
  if (arguments.more_positional != nullptr) {
    const Value more = evaluate(*arguments.more_positional);
    for (const Value& value : elements_of(machine_, more)) positional.add(value);
  }
  if (arguments.more_named != nullptr) add_named(evaluate(*arguments.more_named), named);
  return {machine_.copy_all(std::span<const Value>(positional.values())),
          machine_.copy_all(std::span<const NamedArgument>(named))};
}

}  // namespace longhaul::jinja
