// From tokens to the syntax tree. The grammar is Jinja's, with the tags and literals that chat
// templates use; the rest of Jinja is refused by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jinja_lexer.h"
#include "jinja_syntax.h"

namespace longhaul::jinja {

// Throws FormatError: "NAME, line N: ...".
std::shared_ptr<const Program> parse_template(std::string_view source, std::string name);

// The recursive descent; an object lives for one template.
class Parser {
 public:
  Parser(std::string_view source, std::string name);

  std::shared_ptr<const Program> run();

 private:
  // Bound the recursion of the parser (a bracket takes three levels, a tag one) and of the tree.
  static constexpr int kMaxNesting = 200;
  static constexpr int kMaxTreeDepth = 250;

  class Nested;

  // The end of a body: one of these words begins the tag after it.
  using EndTags = std::vector<std::string_view>;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool is_kind(Token::Kind kind) const { return current().kind == kind; }
  bool is_operator(std::string_view text) const;
  bool is_word(std::string_view word) const;
  bool skip_operator(std::string_view text);
  bool skip_word(std::string_view word);
  void expect_operator(std::string_view text);
  void expect_word(std::string_view word);
  std::string expect_name();
  [[noreturn]] void fail(int line, std::string_view what) const;
  [[noreturn]] void fail_unexpected(std::string_view expected) const;
  std::string described(const Token& token) const;

  // What the tree refers to.
  std::string_view keep(std::string text);
  NameId name_id(const std::string& name);
  NameId loaded_name(const std::string& name);
  NameId stored_name(const std::string& name, int line);

  // Statements: jinja_parser.cpp.
  Block parse_block(const EndTags& end_tags);
  Block parse_body(const EndTags& end_tags);
  Block parse_body_to(std::string_view end_tag);
  Statement parse_statement();
  Statement::Node parse_tag(const std::string& tag, int line);
  Statement::Node parse_print(int line);
  Statement::Node parse_for();
  Statement::Node parse_if();
  Statement::Node parse_set();
  Statement::Node parse_with();
  Statement::Node parse_macro(int line);
  Statement::Node parse_call_block(int line);
  Statement::Node parse_filter_block();
  void parse_parameters(Routine& routine);
  void parse_routine_body(Routine& routine, std::string_view end_tag);
  Target parse_target(bool takes_namespaces);
  Target parse_single_target(bool takes_namespaces);

  // Expressions: jinja_expression_parser.cpp.
  ExpressionPtr parse_expression(bool takes_conditional = true);
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool takes_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_string();
  // One expression, or several with commas between them as a tuple, up to the end of the tag or a
  // closing parenthesis.
  ExpressionPtr parse_tuple(bool takes_conditional, bool stands_in_parentheses);
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr expression);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr expression);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_subscript_index(ExpressionPtr object, int line);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filter(ExpressionPtr input);
  ExpressionPtr parse_filter_chain(ExpressionPtr input);
  ExpressionPtr parse_test(ExpressionPtr input);
  CallArguments parse_arguments();
  std::string parse_dotted_name();
  bool is_tuple_end() const;
  ExpressionPtr make(int line, Expression::Node node) const;

  struct OpenRoutine {
    Routine* routine;
    std::vector<std::string> stored = {};
  };

  std::shared_ptr<Program> program_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  int open_loops_ = 0;     // that `break` may leave
  int loop_subtrees_ = 0;  // for statements around, in which nobody may assign to `loop`
  std::vector<OpenRoutine> open_routines_;
  std::unordered_map<std::string, NameId> name_ids_;
};

// Counts one level of the parser's recursion.
class Parser::Nested {
 public:
  explicit Nested(Parser& parser) : parser_(parser) {
    if (++parser_.nesting_ > kMaxNesting) {
      parser_.fail(parser_.current().line, "tags or brackets are nested too deep");
    }
  }
  ~Nested() { --parser_.nesting_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Parser& parser_;
};

}  // namespace longhaul::jinja
