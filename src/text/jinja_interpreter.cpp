#include "jinja_interpreter.h"

#include <algorithm>
#include <variant>

#include "jinja_globals.h"
#include "jinja_macro.h"
#include "jinja_operators.h"
#include "jinja_print.h"

namespace longhaul::jinja {

void Scope::set(Machine& machine, NameId name, const Value& value) {
  for (auto& [bound, old] : bindings_) {
    if (bound != name) continue;
    old = value;
    return;
  }
  machine.charge(3 * sizeof(bindings_[0]));  // the vector leaves its old memory behind
  bindings_.emplace_back(name, value);
}

const Value* Scope::find(NameId name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent_) {
    for (const auto& [bound, value] : scope->bindings_) {
      if (bound == name) return &value;
    }
  }
  return nullptr;
}

// Sends what is written into a text of its own.
class Interpreter::Capture {
 public:
  explicit Capture(Interpreter& interpreter)
      : interpreter_(interpreter), before_(std::exchange(interpreter.out_, &text_)) {}
  ~Capture() { interpreter_.out_ = before_; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  Value text() const { return interpreter_.machine_.text(text_); }

 private:
  Interpreter& interpreter_;
  std::string text_;
  std::string* before_;
};

// The elements for which a loop's condition holds. Asked for one at a time, maybe ahead of the
// body, so that it has a scope of its own beside the body's.
class Interpreter::FilteredIterator final : public Iterator {
 public:
  FilteredIterator(Interpreter& interpreter, const For& node, Iterator* source, Scope* scope)
      : interpreter_(interpreter), node_(node), source_(source), scope_(scope) {}

  std::optional<Value> next(Machine& machine) override {
    while (const std::optional<Value> value = source_->next(machine)) {
      Scope* const before = std::exchange(interpreter_.scope_, scope_);
      interpreter_.assign(node_.target, *value);
      const bool holds = truth(machine, interpreter_.evaluate(*node_.condition));
      interpreter_.scope_ = before;
      if (holds) return value;
    }
    return std::nullopt;
  }

 private:
  Interpreter& interpreter_;
  const For& node_;
  Iterator* source_;
  Scope* scope_;
};

class Interpreter::RecursiveLoop final : public LoopBody {
 public:
  RecursiveLoop(Interpreter& interpreter, const For& node, Scope* scope)
      : interpreter_(interpreter), node_(node), scope_(scope) {}

  Value render_nested(const Value& iterable, std::int64_t depth) override {
    const Nesting nesting(interpreter_.machine_);
    const Capture capture(interpreter_);
    Scope* const before = std::exchange(interpreter_.scope_, scope_);
    interpreter_.run_loop(node_, iterable, depth, this);
    interpreter_.scope_ = before;
    return capture.text();
  }

 private:
  Interpreter& interpreter_;
  const For& node_;
  Scope* scope_;
};

Interpreter::Interpreter(Machine& machine,
                         const Program& program,
                         std::span<const Member> variables)
    : machine_(machine), program_(program) {
  globals_.reserve(program.names.size());
  for (const std::string& name : program.names) {
    if (name == "loop") loop_name_ = static_cast<NameId>(globals_.size());
    const Value* given = find_member(machine, variables, std::string_view(name));
    const std::optional<Value> known =
        given != nullptr ? std::optional(*given) : global_value(machine, name);
    globals_.push_back(
        known.value_or(machine.undefined({Missing::What::kName, Kind::kNone, name})));
  }
}

void Interpreter::run() {
  scope_ = open_scope(program_.hidden);
  run_block(program_.body);
}

Scope* Interpreter::open_scope(const std::vector<NameId>& hidden) {
  auto* const scope = machine_.make<Scope>(scope_, machine_.memory());
  Scope* const outer = std::exchange(scope_, scope);
  hide(hidden);
  scope_ = outer;
  return scope;
}

void Interpreter::hide(const std::vector<NameId>& names) {
  for (const NameId id : names) {
    const std::string_view name = program_.names[static_cast<std::size_t>(id)];
    scope_->set(machine_, id, machine_.undefined({Missing::What::kName, Kind::kNone, name}));
  }
}

Interpreter::Flow Interpreter::run_block(const Block& block) {
  for (const Statement& statement : block) {
    const Flow flow = run_statement(statement);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run_statement(const Statement& statement) {
  const Nesting nesting(machine_);
  machine_.charge(1);
  machine_.at(statement.line);
  return std::visit([this](const auto& node) { return execute(node); }, statement.node);
}

void Interpreter::write(std::string_view text) {
  machine_.charge(text.size());
  *out_ += text;
}

Interpreter::Flow Interpreter::execute(const Text& node) {
  write(node.text);
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const Print& node) {
  append_text(machine_, *out_, evaluate(*node.value));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const For& node) {
  const Value iterable = evaluate(*node.iterable);
  if (node.is_recursive) {
    auto* body = machine_.make<RecursiveLoop>(*this, node, scope_);
    write(body->render_nested(iterable, 0).text());
    return Flow::kNext;
  }
  return run_loop(node, iterable, 0, nullptr);
}

Interpreter::Flow Interpreter::run_loop(const For& node,
                                        const Value& iterable,
                                        std::int64_t depth,
                                        LoopBody* body) {
  Iterator* source = iterate(machine_, iterable);
  if (node.condition != nullptr) {
    source = machine_.make<FilteredIterator>(*this, node, source, open_scope({}));
  }
  auto* loop = machine_.make<Loop>(
      node.condition == nullptr ? iterable : Value(source), source, depth, body);
  Scope* const outer = scope_;
  scope_ = open_scope({});
  // As in Jinja, `else` asks whether an iteration got to its end, not whether there was one.
  bool was_completed = false;
  Flow flow = Flow::kNext;
  while (flow != Flow::kBreak) {
    const std::optional<Value> element = loop->next(machine_);
    if (!element.has_value()) break;
    scope_->clear();
    hide(node.hidden);
    if (loop_name_ >= 0) scope_->set(machine_, loop_name_, static_cast<Object*>(loop));
    assign(node.target, *element);
    flow = run_block(node.body);
    was_completed |= flow == Flow::kNext;
  }
  scope_->clear();
  scope_ = outer;
  if (was_completed || node.otherwise.empty()) return Flow::kNext;
  scope_ = open_scope(node.hidden_otherwise);
  flow = run_block(node.otherwise);
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute(const If& node) {
  for (const If::Branch& branch : node.branches) {
    if (branch.test == nullptr || truth(machine_, evaluate(*branch.test))) {
      return run_block(branch.body);
    }
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const Set& node) {
  require_namespaces(node.target);
  assign(node.target, evaluate(*node.value));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const SetBlock& node) {
  Scope* const outer = scope_;
  scope_ = open_scope(node.hidden);
  const auto [flow, text] = captured(node.body);
  if (flow == Flow::kNext) {
    Value value = text;
    if (node.filter != nullptr) {
      block_text_ = text;
      value = evaluate(*node.filter);
    }
    scope_ = outer;
    assign(node.target, value);
  }
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute(const With& node) {
  Scope* const outer = scope_;
  Scope* const inner = open_scope(node.hidden);
  for (std::size_t i = 0; i < node.targets.size(); ++i) {
    const Value value = evaluate(*node.values[i]);
    scope_ = inner;
    assign(node.targets[i], value);
    scope_ = outer;
  }
  scope_ = inner;
  const Flow flow = run_block(node.body);
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute(const FilterBlock& node) {
  Scope* const outer = scope_;
  scope_ = open_scope(node.hidden);
  const auto [flow, text] = captured(node.body);
  if (flow == Flow::kNext) {
    block_text_ = text;
    append_text(machine_, *out_, evaluate(*node.filter));
  }
  scope_ = outer;
  return flow;
}

Interpreter::Flow Interpreter::execute(const MacroDefinition& node) {
  scope_->set(machine_, node.name, machine_.make<Macro>(*this, node.routine, scope_));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const CallBlock& node) {
  const Value caller(machine_.make<Macro>(*this, node.routine, scope_));
  const auto& call_node = std::get<CallExpression>(node.call->node);
  append_text(machine_, *out_, call(*call_node.callee, call_node.arguments, &caller));
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const Generation& node) {
  const bool is_placed = out_ == &output_ && !is_in_generation_;
  if (!is_placed) ++unplaced_generation_;
  const std::size_t begin = output_.size();
  Scope* const outer = scope_;
  scope_ = open_scope(node.routine.hidden);
  is_in_generation_ = true;
  bind_parameters(node.routine, {});
  run_block(node.routine.body);
  scope_ = outer;
  if (is_placed) {
    is_in_generation_ = false;
    generation_.push_back({begin, output_.size()});
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const Break& /*node*/) {
  return Flow::kBreak;
}
Interpreter::Flow Interpreter::execute(const Continue& /*node*/) {
  return Flow::kContinue;
}

std::pair<Interpreter::Flow, Value> Interpreter::captured(const Block& block) {
  const Capture capture(*this);
  const Flow flow = run_block(block);
  return {flow, capture.text()};
}

Value Interpreter::run_routine(const Routine& routine,
                               Scope* definition,
                               const Arguments& arguments) {
  const Nesting nesting(machine_);
  Scope* const before = std::exchange(scope_, definition);
  scope_ = open_scope(routine.hidden);
  bind_parameters(routine, arguments);
  const Value text = captured(routine.body).second;
  scope_ = before;
  return text;
}

void Interpreter::bind_parameters(const Routine& routine, const Arguments& arguments) {
  std::vector<NamedArgument> named(arguments.named.begin(), arguments.named.end());
  const auto take_named = [&](std::string_view name) -> std::optional<Value> {
    const auto found = std::find_if(
        named.begin(), named.end(), [&](const NamedArgument& entry) { return entry.name == name; });
    if (found == named.end()) return std::nullopt;
    const Value value = found->value;
    named.erase(found);
    return value;
  };
  std::vector<const Parameter*> missing;
  for (std::size_t i = 0; i < routine.parameters.size(); ++i) {
    const Parameter& parameter = routine.parameters[i];
    const std::string_view name = program_.names[static_cast<std::size_t>(parameter.name)];
    const std::optional<Value> given =
        i < arguments.positional.size() ? std::optional(arguments.positional[i]) : take_named(name);
    if (!given.has_value()) missing.push_back(&parameter);
    scope_->set(machine_,
                parameter.name,
                given.value_or(machine_.undefined({Missing::What::kName, Kind::kNone, name})));
  }
  bind_special(routine, arguments, named);
  for (const Parameter* parameter : missing) {
    if (parameter->fallback == nullptr) continue;
    scope_->set(machine_, parameter->name, evaluate(*parameter->fallback));
  }
}

// caller, kwargs and varargs.
void Interpreter::bind_special(const Routine& routine,
                               const Arguments& arguments,
                               std::vector<NamedArgument>& named) {
  const auto set = [&](std::string_view name, const Value& value) {
    for (std::size_t i = 0; i < program_.names.size(); ++i) {
      if (program_.names[i] == name) scope_->set(machine_, static_cast<NameId>(i), value);
    }
  };
  if (routine.takes_caller) {
    const auto caller = std::find_if(named.begin(), named.end(), [](const NamedArgument& entry) {
      return entry.name == "caller";
    });
    if (caller == named.end()) {
      set("caller",
          machine_.undefined({Missing::What::kMessage, Kind::kNone, "No caller defined"}));
    } else {
      set("caller", caller->value);
      named.erase(caller);
    }
  }
  if (routine.takes_named) {
    std::vector<Member> members;
    members.reserve(named.size());
    for (const NamedArgument& entry : named) members.push_back({entry.name, entry.value});
    set("kwargs", machine_.dict(members));
  } else if (!named.empty()) {
    machine_.refuse("macro '", routine.name, "' has no argument '", named.front().name, "'");
  }
  const std::size_t taken = std::min(arguments.positional.size(), routine.parameters.size());
  const std::span<const Value> rest = arguments.positional.subspan(taken);
  if (routine.takes_positional) {
    set("varargs", Value::tuple(rest));
  } else if (!rest.empty()) {
    machine_.refuse("macro '", routine.name, "' takes at most ", taken, " arguments");
  }
}

void Interpreter::require_namespaces(const Target& target) {
  for (const Target& element : target.elements) require_namespaces(element);
  if (target.attribute.empty()) return;
  const Value owner = variable(target.name);
  if (!owner.is_object() || dynamic_cast<Namespace*>(owner.object()) == nullptr) {
    machine_.refuse("only attributes of a namespace can be assigned to");
  }
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (!target.attribute.empty()) {
    const Value owner = variable(target.name);
    const bool is_assigned =
        owner.is_object() && owner.object()->assign(machine_, target.attribute, value);
    if (!is_assigned) machine_.refuse("only attributes of a namespace can be assigned to");
    return;
  }
  if (target.elements.empty()) {
    scope_->set(machine_, target.name, value);
    return;
  }
  const std::span<const Value> values = elements_of(machine_, value);
  if (values.size() != target.elements.size()) {
    machine_.refuse(
        "cannot unpack ", values.size(), " values into ", target.elements.size(), " names");
  }
  for (std::size_t i = 0; i < values.size(); ++i) assign(target.elements[i], values[i]);
}

}  // namespace longhaul::jinja
