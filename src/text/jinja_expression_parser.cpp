#include <algorithm>
#include <array>
#include <utility>

#include "longhaul/core/error.h"

#include "jinja_filters.h"
#include "jinja_parser.h"
#include "jinja_tests.h"

namespace longhaul::jinja {

namespace {

int depth_of(const ExpressionPtr& expression) {
  return expression == nullptr ? 0 : expression->depth;
}

int depth_of(const CallArguments& arguments) {
  int depth = std::max(depth_of(arguments.more_positional), depth_of(arguments.more_named));
  for (const ExpressionPtr& argument : arguments.positional) {
    depth = std::max(depth, depth_of(argument));
  }
  for (const CallArguments::Named& argument : arguments.named) {
    depth = std::max(depth, depth_of(argument.value));
  }
  return depth;
}

// The greatest depth below a node.
struct DepthBelow {
  int operator()(const Literal&) const { return 0; }
  int operator()(const NameExpression&) const { return 0; }
  int operator()(const Unary& node) const { return depth_of(node.operand); }
  int operator()(const Binary& node) const {
    return std::max(depth_of(node.left), depth_of(node.right));
  }
  int operator()(const Logical& node) const {
    return std::max(depth_of(node.left), depth_of(node.right));
  }
  int operator()(const Concatenation& node) const { return deepest(node.parts); }
  int operator()(const ComparisonChain& node) const {
    int depth = depth_of(node.first);
    for (const ComparisonChain::Link& link : node.links) {
      depth = std::max(depth, depth_of(link.right));
    }
    return depth;
  }
  int operator()(const Conditional& node) const {
    return std::max({depth_of(node.test), depth_of(node.then), depth_of(node.otherwise)});
  }
  int operator()(const Attribute& node) const { return depth_of(node.object); }
  int operator()(const Subscript& node) const {
    return std::max(depth_of(node.object), depth_of(node.index));
  }
  int operator()(const SliceExpression& node) const {
    return std::max(
        {depth_of(node.object), depth_of(node.start), depth_of(node.stop), depth_of(node.step)});
  }
  int operator()(const Display& node) const { return deepest(node.elements); }
  int operator()(const DictDisplay& node) const {
    int depth = 0;
    for (const DictDisplay::Pair& pair : node.pairs) {
      depth = std::max({depth, depth_of(pair.key), depth_of(pair.value)});
    }
    return depth;
  }
  int operator()(const CallExpression& node) const {
    return std::max(depth_of(node.callee), depth_of(node.arguments));
  }
  int operator()(const FilterExpression& node) const {
    return std::max(depth_of(node.input), depth_of(node.arguments));
  }
  int operator()(const TestExpression& node) const {
    return std::max(depth_of(node.input), depth_of(node.arguments));
  }

  static int deepest(const std::vector<ExpressionPtr>& expressions) {
    int depth = 0;
    for (const ExpressionPtr& expression : expressions) {
      depth = std::max(depth, depth_of(expression));
    }
    return depth;
  }
};

}  // namespace

ExpressionPtr Parser::make(int line, Expression::Node node) const {
  const int depth = 1 + std::visit(DepthBelow{}, node);
  if (depth > kMaxTreeDepth) fail(line, "an expression is nested too deep");
  return std::make_unique<const Expression>(Expression{line, depth, std::move(node)});
}

ExpressionPtr Parser::parse_expression(bool takes_conditional) {
  const Nested nested(*this);
  return takes_conditional ? parse_conditional() : parse_or();
}

ExpressionPtr Parser::parse_conditional() {
  const Nested nested(*this);
  const int line = current().line;
  ExpressionPtr expression = parse_or();
  while (skip_word("if")) {
    ExpressionPtr test = parse_or();
    ExpressionPtr otherwise = skip_word("else") ? parse_conditional() : nullptr;
    expression =
        make(line, Conditional{std::move(test), std::move(expression), std::move(otherwise)});
  }
  return expression;
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr left = parse_and();
  while (is_word("or")) {
    const int line = take().line;
    ExpressionPtr right = parse_and();
    left = make(line, Logical{false, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr left = parse_not();
  while (is_word("and")) {
    const int line = take().line;
    ExpressionPtr right = parse_not();
    left = make(line, Logical{true, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr Parser::parse_not() {
  if (!is_word("not")) return parse_comparison();
  const Nested nested(*this);
  const int line = take().line;
  return make(line, Unary{UnaryOperator::kNot, parse_not()});
}

ExpressionPtr Parser::parse_comparison() {
  constexpr std::array<std::pair<std::string_view, Comparison>, 6> kComparisons{{
      {"==", Comparison::kEqual},
      {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater},
      {">=", Comparison::kGreaterEqual},
  }};
  const int line = current().line;
  ComparisonChain chain;
  ExpressionPtr first = parse_sum();
  while (true) {
    const auto* const op = std::find_if(kComparisons.begin(), kComparisons.end(), [&](auto entry) {
      return is_operator(entry.first);
    });
    Comparison comparison = Comparison::kIn;
    if (op != kComparisons.end()) {
      comparison = op->second;
    } else if (is_word("not") && following().kind == Token::Kind::kName &&
               following().text == "in") {
      take();
      comparison = Comparison::kNotIn;
    } else if (!is_word("in")) {
      break;
    }
    take();
    chain.links.push_back({comparison, parse_sum()});
  }
  if (chain.links.empty()) return first;
  chain.first = std::move(first);
  return make(line, std::move(chain));
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (is_operator("+") || is_operator("-")) {
    const Token op = take();
    ExpressionPtr right = parse_concatenation();
    left = make(op.line,
                Binary{op.text == "+" ? BinaryOperator::kAdd : BinaryOperator::kSubtract,
                       std::move(left),
                       std::move(right)});
  }
  return left;
}

ExpressionPtr Parser::parse_concatenation() {
  const int line = current().line;
  ExpressionPtr first = parse_product();
  if (!is_operator("~")) return first;
  Concatenation concatenation;
  concatenation.parts.push_back(std::move(first));
  while (skip_operator("~")) concatenation.parts.push_back(parse_product());
  return make(line, std::move(concatenation));
}

ExpressionPtr Parser::parse_product() {
  constexpr std::array<std::pair<std::string_view, BinaryOperator>, 4> kProducts{{
      {"*", BinaryOperator::kMultiply},
      {"/", BinaryOperator::kDivide},
      {"//", BinaryOperator::kFloorDivide},
      {"%", BinaryOperator::kModulo},
  }};
  ExpressionPtr left = parse_power();
  while (true) {
    const auto* const op = std::find_if(
        kProducts.begin(), kProducts.end(), [&](auto entry) { return is_operator(entry.first); });
    if (op == kProducts.end()) return left;
    const int line = take().line;
    ExpressionPtr right = parse_power();
    left = make(line, Binary{op->second, std::move(left), std::move(right)});
  }
}

// Left-associative, unlike Python's.
ExpressionPtr Parser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  while (is_operator("**")) {
    const int line = take().line;
    ExpressionPtr right = parse_unary(true);
    left = make(line, Binary{BinaryOperator::kPower, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr Parser::parse_unary(bool takes_filters) {
  const Nested nested(*this);
  const int line = current().line;
  ExpressionPtr expression;
  if (skip_operator("-")) {
    expression = make(line, Unary{UnaryOperator::kNegative, parse_unary(false)});
  } else if (skip_operator("+")) {
    expression = make(line, Unary{UnaryOperator::kPositive, parse_unary(false)});
  } else {
    expression = parse_primary();
  }
  expression = parse_postfix(std::move(expression));
  return takes_filters ? parse_filters_and_tests(std::move(expression)) : std::move(expression);
}

ExpressionPtr Parser::parse_primary() {
  const int line = current().line;
  switch (current().kind) {
    case Token::Kind::kName: return parse_name();
    case Token::Kind::kString: return parse_string();
    case Token::Kind::kInteger: return make(line, Literal{take().integer});
    case Token::Kind::kFloat: return make(line, Literal{take().number});
    default: break;
  }
  if (skip_operator("(")) {
    ExpressionPtr expression = parse_tuple(true, true);
    expect_operator(")");
    return expression;
  }
  if (is_operator("[")) return parse_list();
  if (is_operator("{")) return parse_dict();
  fail_unexpected("an expression");
}

ExpressionPtr Parser::parse_name() {
  const Token token = take();
  if (token.text == "true" || token.text == "True") return make(token.line, Literal{true});
  if (token.text == "false" || token.text == "False") return make(token.line, Literal{false});
  if (token.text == "none" || token.text == "None") return make(token.line, Literal{});
  if (token.text == "self" || token.text == "lipsum") {
    fail(token.line, concat("the name '", token.text, "' is not supported in chat templates"));
  }
  return make(token.line, NameExpression{loaded_name(token.text)});
}

// Strings that stand side by side are one.
ExpressionPtr Parser::parse_string() {
  const int line = current().line;
  std::string text;
  while (is_kind(Token::Kind::kString)) text += take().text;
  return make(line, Literal{keep(std::move(text))});
}

bool Parser::is_tuple_end() const {
  return is_kind(Token::Kind::kVariableEnd) || is_kind(Token::Kind::kBlockEnd) || is_operator(")");
}

ExpressionPtr Parser::parse_tuple(bool takes_conditional, bool stands_in_parentheses) {
  const int line = current().line;
  std::vector<ExpressionPtr> elements;
  bool is_tuple = false;
  while (!is_tuple_end()) {
    elements.push_back(parse_expression(takes_conditional));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !elements.empty()) return std::move(elements.front());
  if (!is_tuple && !stands_in_parentheses) fail_unexpected("an expression");
  return make(line, Display{true, std::move(elements)});
}

ExpressionPtr Parser::parse_list() {
  const int line = take().line;
  std::vector<ExpressionPtr> elements;
  while (!is_operator("]")) {
    elements.push_back(parse_expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("]");
  return make(line, Display{false, std::move(elements)});
}

ExpressionPtr Parser::parse_dict() {
  const int line = take().line;
  DictDisplay dict;
  while (!is_operator("}")) {
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    dict.pairs.push_back({std::move(key), parse_expression()});
    if (!skip_operator(",")) break;
  }
  expect_operator("}");
  return make(line, std::move(dict));
}

ExpressionPtr Parser::parse_postfix(ExpressionPtr expression) {
  while (true) {
    if (is_operator(".") || is_operator("[")) {
      expression = parse_subscript(std::move(expression));
    } else if (is_operator("(")) {
      expression = parse_call(std::move(expression));
    } else {
      return expression;
    }
  }
}

ExpressionPtr Parser::parse_filters_and_tests(ExpressionPtr expression) {
  while (true) {
    if (is_operator("|")) {
      expression = parse_filter_chain(std::move(expression));
    } else if (is_word("is")) {
      expression = parse_test(std::move(expression));
    } else if (is_operator("(")) {
      expression = parse_call(std::move(expression));
    } else {
      return expression;
    }
  }
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr object) {
  const Token token = take();
  if (token.text == "[") return parse_subscript_index(std::move(object), token.line);
  if (is_kind(Token::Kind::kName)) {
    return make(token.line, Attribute{std::move(object), keep(take().text)});
  }
  if (!is_kind(Token::Kind::kInteger)) fail_unexpected("a name or a number");
  ExpressionPtr index = make(token.line, Literal{take().integer});
  return make(token.line, Subscript{std::move(object), std::move(index)});
}

ExpressionPtr Parser::parse_subscript_index(ExpressionPtr object, int line) {
  const auto bound = [&]() -> ExpressionPtr {
    return is_operator(":") || is_operator("]") ? nullptr : parse_expression();
  };
  ExpressionPtr first = bound();
  if (first != nullptr && is_operator(",")) {
    std::vector<ExpressionPtr> elements;
    elements.push_back(std::move(first));
    while (skip_operator(",") && !is_operator("]")) elements.push_back(parse_expression());
    first = make(line, Display{true, std::move(elements)});
  }
  if (!skip_operator(":")) {
    if (first == nullptr) first = make(line, Display{true, {}});
    expect_operator("]");
    return make(line, Subscript{std::move(object), std::move(first)});
  }
  ExpressionPtr stop = bound();
  ExpressionPtr step = skip_operator(":") ? bound() : nullptr;
  expect_operator("]");
  return make(
      line, SliceExpression{std::move(object), std::move(first), std::move(stop), std::move(step)});
}

ExpressionPtr Parser::parse_call(ExpressionPtr callee) {
  const int line = current().line;
  CallArguments arguments = parse_arguments();
  return make(line, CallExpression{std::move(callee), std::move(arguments)});
}

CallArguments Parser::parse_arguments() {
  const int line = current().line;
  const auto ensure = [&](bool holds) {
    if (!holds) fail(line, "arguments stand in an order that no call has");
  };
  CallArguments arguments;
  expect_operator("(");
  while (!is_operator(")")) {
    if (skip_operator("*")) {
      ensure(arguments.more_positional == nullptr && arguments.more_named == nullptr);
      arguments.more_positional = parse_expression();
    } else if (skip_operator("**")) {
      ensure(arguments.more_named == nullptr);
      arguments.more_named = parse_expression();
    } else if (is_kind(Token::Kind::kName) && following().kind == Token::Kind::kOperator &&
               following().text == "=") {
      ensure(arguments.more_named == nullptr);
      const std::string name = take().text;
      take();
      for (const CallArguments::Named& other : arguments.named) {
        if (other.name == name) fail(line, concat("the argument '", name, "' stands there twice"));
      }
      arguments.named.push_back({keep(name), parse_expression()});
    } else {
      ensure(arguments.more_positional == nullptr && arguments.more_named == nullptr &&
             arguments.named.empty());
      arguments.positional.push_back(parse_expression());
    }
    if (!skip_operator(",")) break;
  }
  expect_operator(")");
  return arguments;
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_name();
  while (skip_operator(".")) name += "." + expect_name();
  return name;
}

ExpressionPtr Parser::parse_filter_chain(ExpressionPtr input) {
  while (skip_operator("|")) input = parse_filter(std::move(input));
  return input;
}

ExpressionPtr Parser::parse_filter(ExpressionPtr input) {
  const int line = current().line;
  const std::string name = parse_dotted_name();
  const FilterEntry* filter = find_filter(name);
  if (filter == nullptr) {
    fail(line, concat("the filter '", name, "' is not supported in chat templates"));
  }
  CallArguments arguments = is_operator("(") ? parse_arguments() : CallArguments{};
  return make(line, FilterExpression{std::move(input), filter, std::move(arguments)});
}

ExpressionPtr Parser::parse_test(ExpressionPtr input) {
  const int line = take().line;  // is
  const bool is_negated = skip_word("not");
  const std::string name = parse_dotted_name();
  const TestEntry* test = find_test(name);
  if (test == nullptr) {
    fail(line, concat("the test '", name, "' is not supported in chat templates"));
  }
  CallArguments arguments;
  const bool begins_expression = is_kind(Token::Kind::kName) || is_kind(Token::Kind::kString) ||
                                 is_kind(Token::Kind::kInteger) || is_kind(Token::Kind::kFloat) ||
                                 is_operator("[") || is_operator("{");
  if (is_operator("(")) {
    arguments = parse_arguments();
  } else if (begins_expression && !is_word("else") && !is_word("or") && !is_word("and")) {
    if (is_word("is")) fail(line, "tests cannot be chained");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPtr expression =
      make(line, TestExpression{std::move(input), test, std::move(arguments)});
  if (!is_negated) return expression;
  return make(line, Unary{UnaryOperator::kNot, std::move(expression)});
}

}  // namespace longhaul::jinja
