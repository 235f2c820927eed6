#include "jinja_scopes.h"

#include <set>
#include <unordered_map>
#include <variant>

namespace longhaul::jinja {

namespace {

// How a body comes to the value of a name before it assigns to it.
enum class Origin : std::uint8_t {
  kParameter,  // it is given
  kAround,     // from the body around it
  kVariables,  // from what the rendering was given
  kNowhere,    // hidden
};

// The names of one body, or of one branch in it; walked in the order of Jinja's own analysis.
class Names {
 public:
  // `around`: the body around this one, complete. `trunk`: what this is a branch of.
  explicit Names(const Names* around, const Names* trunk = nullptr)
      : around_(around), trunk_(trunk) {}

  void declare(NameId name) {
    stored_.insert(name);
    origins_[name] = Origin::kParameter;
  }
  void store(NameId name) {
    stored_.insert(name);
    if (has_here(name)) return;
    origins_[name] = is_known_around(name) ? Origin::kAround : Origin::kNowhere;
  }
  void load(NameId name) {
    if (!has_here(name) && !is_known_around(name)) origins_[name] = Origin::kVariables;
  }
  // Takes in branches, of which any may have been run or none.
  void join(std::initializer_list<const Names*> branches) {
    std::set<NameId> stored;
    for (const Names* branch : branches) {
      for (const NameId name : branch->stored_) {
        if (!is_stored(name)) stored.insert(name);
      }
    }
    for (const Names* branch : branches) {
      for (const auto& [name, origin] : branch->origins_) origins_[name] = origin;
      stored_.insert(branch->stored_.begin(), branch->stored_.end());
    }
    for (const NameId name : stored) {
      origins_[name] = is_known_around(name) ? Origin::kAround : Origin::kVariables;
    }
  }

  std::vector<NameId> hidden() const {
    std::set<NameId> sorted;
    for (const auto& [name, origin] : origins_) {
      if (origin == Origin::kNowhere) sorted.insert(name);
    }
    return {sorted.begin(), sorted.end()};
  }
  const Names* around() const { return around_; }

 private:
  bool has_here(NameId name) const {
    return origins_.contains(name) || (trunk_ != nullptr && trunk_->has_here(name));
  }
  bool is_stored(NameId name) const {
    return stored_.contains(name) || (trunk_ != nullptr && trunk_->is_stored(name));
  }
  bool is_known_around(NameId name) const {
    return around_ != nullptr && (around_->has_here(name) || around_->is_known_around(name));
  }

  const Names* around_;
  const Names* trunk_;
  std::unordered_map<NameId, Origin> origins_;
  std::set<NameId> stored_;
};

// Loads of an expression.
class Reader {
 public:
  explicit Reader(Names& names) : names_(names) {}

  void read(const ExpressionPtr& expression) {
    if (expression != nullptr) std::visit(*this, expression->node);
  }
  void read(const std::vector<ExpressionPtr>& expressions) {
    for (const ExpressionPtr& expression : expressions) read(expression);
  }

  void operator()(const Literal& /*node*/) {}
  void operator()(const NameExpression& node) { names_.load(node.name); }
  void operator()(const Unary& node) { read(node.operand); }
  void operator()(const Binary& node) {
    read(node.left);
    read(node.right);
  }
  void operator()(const Logical& node) {
    read(node.left);
    read(node.right);
  }
  void operator()(const Concatenation& node) { read(node.parts); }
  void operator()(const ComparisonChain& node) {
    read(node.first);
    for (const ComparisonChain::Link& link : node.links) read(link.right);
  }
  void operator()(const Conditional& node) {
    read(node.test);
    read(node.then);
    read(node.otherwise);
  }
  void operator()(const Attribute& node) { read(node.object); }
  void operator()(const Subscript& node) {
    read(node.object);
    read(node.index);
  }
  void operator()(const SliceExpression& node) {
    read(node.object);
    read(node.start);
    read(node.stop);
    read(node.step);
  }
  void operator()(const Display& node) { read(node.elements); }
  void operator()(const DictDisplay& node) {
    for (const DictDisplay::Pair& pair : node.pairs) {
      read(pair.key);
      read(pair.value);
    }
  }
  void operator()(const CallExpression& node) {
    read(node.callee);
    read_arguments(node.arguments);
  }
  void operator()(const FilterExpression& node) {
    read(node.input);
    read_arguments(node.arguments);
  }
  void operator()(const TestExpression& node) {
    read(node.input);
    read_arguments(node.arguments);
  }

 private:
  void read_arguments(const CallArguments& arguments) {
    read(arguments.positional);
    for (const CallArguments::Named& argument : arguments.named) read(argument.value);
    read(arguments.more_positional);
    read(arguments.more_named);
  }

  Names& names_;
};

void store(Names& names, const Target& target) {
  for (const Target& element : target.elements) store(names, element);
  if (!target.elements.empty()) return;
  if (target.attribute.empty()) {
    names.store(target.name);
  } else {
    names.load(target.name);
  }
}

void declare(Names& names, const Target& target) {
  for (const Target& element : target.elements) declare(names, element);
  if (target.elements.empty()) names.declare(target.name);
}

void read(Names& names, const ExpressionPtr& expression) {
  Reader(names).read(expression);
}

// What a statement does to the names of the body it stands in; bodies inside it come later.
class Surveyor {
 public:
  explicit Surveyor(Names& names) : names_(names) {}

  void survey(const Block& block) {
    for (const Statement& statement : block) std::visit(*this, statement.node);
  }

  void operator()(const Text& /*node*/) {}
  void operator()(const Print& node) { read(names_, node.value); }
  void operator()(const For& node) { read(names_, node.iterable); }
  void operator()(const If& node) {
    const If::Branch& first = node.branches.front();
    read(names_, first.test);
    Names body(names_.around(), &names_);
    Surveyor(body).survey(first.body);
    // Jinja sees all of `elif` as one branch.
    Names others(names_.around(), &names_);
    Names otherwise(names_.around(), &names_);
    for (std::size_t i = 1; i < node.branches.size(); ++i) {
      const If::Branch& branch = node.branches[i];
      if (branch.test == nullptr) {
        Surveyor(otherwise).survey(branch.body);
        continue;
      }
      read(others, branch.test);
      Names other(names_.around(), &others);
      Surveyor(other).survey(branch.body);
      others.join({&other});
    }
    names_.join({&body, &others, &otherwise});
  }
  void operator()(const Set& node) {
    read(names_, node.value);
    store(names_, node.target);
  }
  void operator()(const SetBlock& node) { store(names_, node.target); }
  void operator()(const With& node) { Reader(names_).read(node.values); }
  void operator()(const FilterBlock& node) { read(names_, node.filter); }
  void operator()(const MacroDefinition& node) { names_.store(node.name); }
  void operator()(const CallBlock& node) { read(names_, node.call); }
  void operator()(const Generation& /*node*/) {}
  void operator()(const Break& /*node*/) {}
  void operator()(const Continue& /*node*/) {}

 private:
  Names& names_;
};

// Goes into the bodies inside a body whose names are complete.
class Descent {
 public:
  explicit Descent(const Names& around) : around_(around) {}

  void descend(Block& block) {
    for (Statement& statement : block) std::visit(*this, statement.node);
  }

  void operator()(For& node) {
    Names body(&around_);
    declare(body, node.target);
    finish(body, node.body, node.hidden);
    Names otherwise(&around_);
    finish(otherwise, node.otherwise, node.hidden_otherwise);
  }
  void operator()(If& node) {
    for (If::Branch& branch : node.branches) descend(branch.body);
  }
  void operator()(SetBlock& node) {
    Names body(&around_);
    finish(body, node.body, node.hidden);
  }
  void operator()(With& node) {
    Names body(&around_);
    for (const Target& target : node.targets) declare(body, target);
    finish(body, node.body, node.hidden);
  }
  void operator()(FilterBlock& node) {
    Names body(&around_);
    Surveyor(body).survey(node.body);
    read(body, node.filter);
    node.hidden = body.hidden();
    Descent(body).descend(node.body);
  }
  void operator()(MacroDefinition& node) { enter(node.routine); }
  void operator()(CallBlock& node) { enter(node.routine); }
  void operator()(Generation& node) { enter(node.routine); }
  template <class Other>
  void operator()(Other& /*node*/) {}

 private:
  static void finish(Names& names, Block& body, std::vector<NameId>& hidden) {
    Surveyor(names).survey(body);
    hidden = names.hidden();
    Descent(names).descend(body);
  }
  void enter(Routine& routine) {
    Names body(&around_);
    for (const Parameter& parameter : routine.parameters) body.declare(parameter.name);
    for (const Parameter& parameter : routine.parameters) read(body, parameter.fallback);
    finish(body, routine.body, routine.hidden);
  }

  const Names& around_;
};

}  // namespace

void find_hidden_names(Program& program) {
  Names root(nullptr);
  Surveyor(root).survey(program.body);
  program.hidden = root.hidden();
  Descent(root).descend(program.body);
}

}  // namespace longhaul::jinja
