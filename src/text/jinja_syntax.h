// The syntax tree of a template. Built once by parse_template(), read by any number of renderings
// at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jinja_value.h"

namespace longhaul::jinja {

struct FilterEntry;
struct TestEntry;

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

// Index into Program::names.
using NameId = int;

enum class UnaryOperator : std::uint8_t { kNot, kNegative, kPositive };
enum class BinaryOperator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kPower,
};
enum class Comparison : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct CallArguments {
  struct Named {
    std::string_view name;
    ExpressionPtr value;
  };
  std::vector<ExpressionPtr> positional;
  std::vector<Named> named;
  ExpressionPtr more_positional;  // *arguments; may be null
  ExpressionPtr more_named;       // **arguments; may be null
};

struct Literal {
  Value value;
};
struct NameExpression {
  NameId name;
};
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
struct Binary {
  BinaryOperator op;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Logical {
  bool is_and;
  ExpressionPtr left;
  ExpressionPtr right;
};
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};
struct ComparisonChain {
  struct Link {
    Comparison op;
    ExpressionPtr right;
  };
  ExpressionPtr first;
  std::vector<Link> links;
};
struct Conditional {
  ExpressionPtr test;
  ExpressionPtr then;
  ExpressionPtr otherwise;  // may be null: undefined
};
struct Attribute {
  ExpressionPtr object;
  std::string_view name;
};
struct Subscript {
  ExpressionPtr object;
  ExpressionPtr index;
};
struct SliceExpression {
  ExpressionPtr object;
  ExpressionPtr start;  // may be null, as the next two
  ExpressionPtr stop;
  ExpressionPtr step;
};
struct Display {
  bool is_tuple;
  std::vector<ExpressionPtr> elements;
};
struct DictDisplay {
  struct Pair {
    ExpressionPtr key;
    ExpressionPtr value;
  };
  std::vector<Pair> pairs;
};
struct CallExpression {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterExpression {
  ExpressionPtr input;  // null at the head of a filter block: the block's text
  const FilterEntry* filter;
  CallArguments arguments;
};
struct TestExpression {
  ExpressionPtr input;
  const TestEntry* test;
  CallArguments arguments;
};

struct Expression {
  using Node = std::variant<Literal,
                            NameExpression,
                            Unary,
                            Binary,
                            Logical,
                            Concatenation,
                            ComparisonChain,
                            Conditional,
                            Attribute,
                            Subscript,
                            SliceExpression,
                            Display,
                            DictDisplay,
                            CallExpression,
                            FilterExpression,
                            TestExpression>;
  int line;
  int depth;  // of the tree below, itself included
  Node node;
};

struct Statement;
using Block = std::vector<Statement>;

// What `set`, `for` and `with` assign to: a name, an attribute of a namespace, or a tuple of these.
struct Target {
  NameId name = -1;            // or -1: a tuple
  std::string_view attribute;  // empty: the name itself
  std::vector<Target> elements;
};

struct Parameter {
  NameId name;
  ExpressionPtr fallback;  // may be null: undefined
};

// The body of a macro or of a call block, and what callers may hand it.
struct Routine {
  std::string_view name;  // empty: a call block
  std::vector<Parameter> parameters;
  Block body;
  bool takes_caller = false;  // the body asks for `caller`, `kwargs`, `varargs`
  bool takes_named = false;
  bool takes_positional = false;
  std::vector<NameId> hidden = {};  // as in each body below: see jinja_scopes.h
};

struct Text {
  std::string_view text;
};
struct Print {
  ExpressionPtr value;
};
struct For {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be null
  bool is_recursive;
  Block body;
  Block otherwise;
  std::vector<NameId> hidden = {};
  std::vector<NameId> hidden_otherwise = {};
};
struct If {
  struct Branch {
    ExpressionPtr test;  // null: else
    Block body;
  };
  std::vector<Branch> branches;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // may be null
  Block body;
  std::vector<NameId> hidden = {};
};
struct With {
  std::vector<Target> targets;
  std::vector<ExpressionPtr> values;
  Block body;
  std::vector<NameId> hidden = {};
};
struct FilterBlock {
  ExpressionPtr filter;
  Block body;
  std::vector<NameId> hidden = {};
};
struct MacroDefinition {
  NameId name;
  Routine routine;
};
struct CallBlock {
  ExpressionPtr call;  // a CallExpression
  Routine routine;
};
struct Generation {
  Routine routine;  // without parameters
};
struct Break {};
struct Continue {};

struct Statement {
  using Node = std::variant<Text,
                            Print,
                            For,
                            If,
                            Set,
                            SetBlock,
                            With,
                            FilterBlock,
                            MacroDefinition,
                            CallBlock,
                            Generation,
                            Break,
                            Continue>;
  int line;
  Node node;
};

struct Program {
  std::string template_name;
  std::string source;
  std::deque<std::string> strings;  // what the tree's string_views and literals refer to
  std::vector<std::string> names;   // of variables
  Block body;
  std::vector<NameId> hidden;
  bool has_generation_tag = false;
};

}  // namespace longhaul::jinja
