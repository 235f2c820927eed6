// Runs a syntax tree: scopes, statements, expressions.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "longhaul/text/text_span.h"

#include "jinja_loop.h"
#include "jinja_machine.h"
#include "jinja_syntax.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// The variables that one body sets; lookups go on in the scopes around it. Scopes live as long as
// the machine, because a macro keeps the one it was defined in.
class Scope {
 public:
  Scope(Scope* parent, std::pmr::memory_resource* memory) : parent_(parent), bindings_(memory) {}

  void set(Machine& machine, NameId name, const Value& value);
  const Value* find(NameId name) const;
  void clear() { bindings_.clear(); }

 private:
  Scope* parent_;
  std::pmr::vector<std::pair<NameId, Value>> bindings_;
};

class Interpreter {
 public:
  // What `variables` does not name is a global function or undefined.
  Interpreter(Machine& machine, const Program& program, std::span<const Member> variables);

  void run();

  const std::string& output() const { return output_; }
  // What `generation` tags wrote, in order.
  const std::vector<TextSpan>& generation() const { return generation_; }
  // `generation` tags whose text went through a macro or a captured block: nobody knows where to.
  std::size_t unplaced_generation() const { return unplaced_generation_; }

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };

  class Capture;
  class Macro;
  class RecursiveLoop;
  class FilteredIterator;
  friend class Macro;

  // Statements: jinja_interpreter.cpp.
  Flow run_block(const Block& block);
  Flow run_statement(const Statement& statement);
  Flow execute(const Text& node);
  Flow execute(const Print& node);
  Flow execute(const For& node);
  Flow execute(const If& node);
  Flow execute(const Set& node);
  Flow execute(const SetBlock& node);
  Flow execute(const With& node);
  Flow execute(const FilterBlock& node);
  Flow execute(const MacroDefinition& node);
  Flow execute(const CallBlock& node);
  Flow execute(const Generation& node);
  Flow execute(const Break& node);
  Flow execute(const Continue& node);

  void write(std::string_view text);
  // What the loop's `else` asks of the loop around it.
  Flow run_loop(const For& node, const Value& iterable, std::int64_t depth, LoopBody* body);
  Value run_routine(const Routine& routine, Scope* definition, const Arguments& arguments);
  void bind_parameters(const Routine& routine, const Arguments& arguments);
  void bind_special(const Routine& routine,
                    const Arguments& arguments,
                    std::vector<NamedArgument>& named);
  // What `block` writes, taken away from the output.
  std::pair<Flow, Value> captured(const Block& block);
  void assign(const Target& target, const Value& value);
  void require_namespaces(const Target& target);
  // A scope inside the current one, in which `hidden` are undefined.
  Scope* open_scope(const std::vector<NameId>& hidden);
  void hide(const std::vector<NameId>& names);

  // Expressions: jinja_evaluate.cpp.
  Value evaluate(const Expression& expression);
  Value evaluate_or_none(const ExpressionPtr& expression);
  Value value_of(const Literal& node);
  Value value_of(const NameExpression& node);
  Value value_of(const Unary& node);
  Value value_of(const Binary& node);
  Value value_of(const Logical& node);
  Value value_of(const Concatenation& node);
  Value value_of(const ComparisonChain& node);
  Value value_of(const Conditional& node);
  Value value_of(const Attribute& node);
  Value value_of(const Subscript& node);
  Value value_of(const SliceExpression& node);
  Value value_of(const Display& node);
  Value value_of(const DictDisplay& node);
  Value value_of(const CallExpression& node);
  Value value_of(const FilterExpression& node);
  Value value_of(const TestExpression& node);
  // Adds what `**more` in a call passes.
  void add_named(const Value& more, std::vector<NamedArgument>& named);
  Arguments evaluate_arguments(const CallArguments& arguments, const Value* caller = nullptr);
  Value call(const Expression& callee, const CallArguments& arguments, const Value* caller);
  Value variable(NameId name);

  Machine& machine_;
  const Program& program_;
  std::vector<Value> globals_;  // by NameId
  Scope* scope_ = nullptr;
  std::string output_;
  std::string* out_ = &output_;  // where text goes: the output, or what is being captured
  Value block_text_;             // the input of a filter block's or set block's filter
  NameId loop_name_ = -1;        // of `loop`; -1 where no template text names it
  std::vector<TextSpan> generation_;
  bool is_in_generation_ = false;
  std::size_t unplaced_generation_ = 0;
};

}  // namespace longhaul::jinja
