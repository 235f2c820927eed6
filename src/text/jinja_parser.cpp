#include "jinja_parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"

#include "jinja_scopes.h"
#include "jinja_text.h"

namespace longhaul::jinja {

std::shared_ptr<const Program> parse_template(std::string_view source, std::string name) {
  if (!is_utf8(source)) throw FormatError(concat(name, ": a chat template must be valid UTF-8"));
  return Parser(source, std::move(name)).run();
}

Parser::Parser(std::string_view source, std::string name) : program_(std::make_shared<Program>()) {
  program_->template_name = std::move(name);
  program_->source = source;
  tokens_ = tokenize(source, program_->template_name);
}

std::shared_ptr<const Program> Parser::run() {
  program_->body = parse_block({});
  find_hidden_names(*program_);
  return program_;
}

bool Parser::is_operator(std::string_view text) const {
  return is_kind(Token::Kind::kOperator) && current().text == text;
}

bool Parser::is_word(std::string_view word) const {
  return is_kind(Token::Kind::kName) && current().text == word;
}

bool Parser::skip_operator(std::string_view text) {
  if (!is_operator(text)) return false;
  take();
  return true;
}

bool Parser::skip_word(std::string_view word) {
  if (!is_word(word)) return false;
  take();
  return true;
}

void Parser::expect_operator(std::string_view text) {
  if (!skip_operator(text)) fail_unexpected(concat("'", text, "'"));
}

void Parser::expect_word(std::string_view word) {
  if (!skip_word(word)) fail_unexpected(concat("'", word, "'"));
}

std::string Parser::expect_name() {
  if (!is_kind(Token::Kind::kName)) fail_unexpected("a name");
  return take().text;
}

void Parser::fail(int line, std::string_view what) const {
  throw FormatError(concat(program_->template_name, ", line ", line, ": ", what));
}

void Parser::fail_unexpected(std::string_view expected) const {
  fail(current().line, concat("unexpected ", described(current()), ", expected ", expected));
}

std::string Parser::described(const Token& token) const {
  switch (token.kind) {
    case Token::Kind::kText: return "text";
    case Token::Kind::kBlockBegin: return "'{%'";
    case Token::Kind::kBlockEnd: return "'%}'";
    case Token::Kind::kVariableBegin: return "'{{'";
    case Token::Kind::kVariableEnd: return "'}}'";
    case Token::Kind::kString: return concat("string ", quoted(token.text));
    case Token::Kind::kInteger: return concat("number ", token.integer);
    case Token::Kind::kFloat: return concat("number ", token.number);
    case Token::Kind::kEnd: return "end of the template";
    case Token::Kind::kName:
    case Token::Kind::kOperator: break;
  }
  return concat("'", token.text, "'");
}

std::string_view Parser::keep(std::string text) {
  return program_->strings.emplace_back(std::move(text));
}

NameId Parser::name_id(const std::string& name) {
  const auto [entry, is_new] =
      name_ids_.try_emplace(name, static_cast<NameId>(program_->names.size()));
  if (is_new) program_->names.push_back(name);
  return entry->second;
}

// A routine takes `caller`, `kwargs` or `varargs` where its body asks for what it did not set.
NameId Parser::loaded_name(const std::string& name) {
  for (OpenRoutine& open : open_routines_) {
    if (std::find(open.stored.begin(), open.stored.end(), name) != open.stored.end()) continue;
    if (name == "caller") open.routine->takes_caller = true;
    if (name == "kwargs") open.routine->takes_named = true;
    if (name == "varargs") open.routine->takes_positional = true;
  }
  return name_id(name);
}

NameId Parser::stored_name(const std::string& name, int line) {
  if (name == "loop" && loop_subtrees_ > 0) fail(line, "nothing can be assigned to 'loop' here");
  for (OpenRoutine& open : open_routines_) {
    if (name == "caller" || name == "kwargs" || name == "varargs") open.stored.push_back(name);
  }
  return name_id(name);
}

// Statements and text up to a tag that begins with one of `end_tags`, of which {% is taken; to the
// end of the template where there are none.
Block Parser::parse_block(const EndTags& end_tags) {
  Block block;
  while (!is_kind(Token::Kind::kEnd)) {
    const int line = current().line;
    if (is_kind(Token::Kind::kText)) {
      block.push_back({line, Text{keep(take().text)}});
    } else if (is_kind(Token::Kind::kVariableBegin)) {
      take();
      block.push_back({line, Print{parse_tuple(true, false)}});
      if (!is_kind(Token::Kind::kVariableEnd)) fail_unexpected("'}}'");
      take();
    } else {
      take();  // {%
      const bool is_end =
          is_kind(Token::Kind::kName) &&
          std::find(end_tags.begin(), end_tags.end(), current().text) != end_tags.end();
      if (is_end) return block;
      block.push_back(parse_statement());
      if (!is_kind(Token::Kind::kBlockEnd)) fail_unexpected("'%}'");
      take();
    }
  }
  if (!end_tags.empty()) {
    fail(current().line,
         concat("the template ends where a tag '", end_tags.back(), "' is missing"));
  }
  return block;
}

// The end of the tag that opens a body, and the body.
Block Parser::parse_body(const EndTags& end_tags) {
  skip_operator(":");
  if (!is_kind(Token::Kind::kBlockEnd)) fail_unexpected("'%}'");
  take();
  return parse_block(end_tags);
}

Block Parser::parse_body_to(std::string_view end_tag) {
  Block body = parse_body({end_tag});
  take();  // the word
  return body;
}

Statement Parser::parse_statement() {
  const Nested nested(*this);
  const int line = current().line;
  if (!is_kind(Token::Kind::kName)) fail_unexpected("the name of a tag");
  const std::string tag = take().text;
  return {line, parse_tag(tag, line)};
}

Statement::Node Parser::parse_tag(const std::string& tag, int line) {
  if (tag == "for") return parse_for();
  if (tag == "if") return parse_if();
  if (tag == "set") return parse_set();
  if (tag == "with") return parse_with();
  if (tag == "macro") return parse_macro(line);
  if (tag == "call") return parse_call_block(line);
  if (tag == "filter") return parse_filter_block();
  if (tag == "print") return parse_print(line);
  if (tag == "generation") {
    program_->has_generation_tag = true;
    Generation generation;
    parse_routine_body(generation.routine, "endgeneration");
    return generation;
  }
  if (tag == "break" || tag == "continue") {
    if (open_loops_ == 0) fail(line, concat("'", tag, "' stands outside of a loop"));
    if (tag == "break") return Break{};
    return Continue{};
  }
  constexpr std::array<std::string_view, 9> kOtherTags{
      "autoescape", "block", "debug", "do", "extends", "from", "import", "include", "trans"};
  if (std::find(kOtherTags.begin(), kOtherTags.end(), tag) != kOtherTags.end()) {
    fail(line, concat("the tag '", tag, "' is not supported in chat templates"));
  }
  fail(line, concat("there is no tag '", tag, "', or it has nothing to close here"));
}

Statement::Node Parser::parse_for() {
  For loop{};
  ++loop_subtrees_;
  loop.target = parse_target(false);
  expect_word("in");
  loop.iterable = parse_tuple(false, false);
  if (skip_word("if")) loop.condition = parse_expression();
  loop.is_recursive = skip_word("recursive");
  // A recursive loop is a function of its own, which no outer loop can be left from.
  const int outer_loops = std::exchange(open_loops_, loop.is_recursive ? 0 : open_loops_);
  ++open_loops_;
  loop.body = parse_body({"endfor", "else"});
  --open_loops_;
  if (take().text == "else") loop.otherwise = parse_body_to("endfor");
  open_loops_ = outer_loops;
  --loop_subtrees_;
  return loop;
}

// Several expressions are printed one after the other, as `~` would.
Statement::Node Parser::parse_print(int line) {
  Concatenation printed;
  while (!is_kind(Token::Kind::kBlockEnd)) {
    if (!printed.parts.empty()) expect_operator(",");
    printed.parts.push_back(parse_expression());
  }
  return Print{make(line, std::move(printed))};
}

Statement::Node Parser::parse_if() {
  If condition;
  std::string word;
  do {
    If::Branch branch;
    branch.test = parse_tuple(false, false);
    branch.body = parse_body({"elif", "else", "endif"});
    condition.branches.push_back(std::move(branch));
    word = take().text;
  } while (word == "elif");
  if (word == "else") condition.branches.push_back({nullptr, parse_body_to("endif")});
  return condition;
}

Statement::Node Parser::parse_set() {
  Target target = parse_target(true);
  if (skip_operator("=")) return Set{std::move(target), parse_tuple(true, false)};
  ExpressionPtr filter = is_operator("|") ? parse_filter_chain(nullptr) : nullptr;
  return SetBlock{std::move(target), std::move(filter), parse_body_to("endset")};
}

Statement::Node Parser::parse_with() {
  With with;
  while (!is_kind(Token::Kind::kBlockEnd) && !is_operator(":")) {
    if (!with.targets.empty()) expect_operator(",");
    with.targets.push_back(parse_target(false));
    expect_operator("=");
    with.values.push_back(parse_expression());
  }
  with.body = parse_body_to("endwith");
  return with;
}

Statement::Node Parser::parse_macro(int line) {
  MacroDefinition macro{};
  const std::string name = expect_name();
  macro.name = stored_name(name, line);
  macro.routine.name = keep(name);
  parse_parameters(macro.routine);
  parse_routine_body(macro.routine, "endmacro");
  return macro;
}

Statement::Node Parser::parse_call_block(int line) {
  CallBlock block;
  if (is_operator("(")) parse_parameters(block.routine);
  block.call = parse_expression();
  if (!std::holds_alternative<CallExpression>(block.call->node)) {
    fail(line, "a call block needs a call");
  }
  parse_routine_body(block.routine, "endcall");
  return block;
}

Statement::Node Parser::parse_filter_block() {
  ExpressionPtr filter = parse_filter_chain(parse_filter(nullptr));
  return FilterBlock{std::move(filter), parse_body_to("endfilter")};
}

void Parser::parse_parameters(Routine& routine) {
  expect_operator("(");
  while (!is_operator(")")) {
    if (!routine.parameters.empty()) expect_operator(",");
    const int line = current().line;
    const std::string name = expect_name();
    Parameter parameter{name_id(name), nullptr};
    const auto is_same = [&](const Parameter& other) { return other.name == parameter.name; };
    if (std::any_of(routine.parameters.begin(), routine.parameters.end(), is_same)) {
      fail(line, concat("the parameter '", name, "' stands there twice"));
    }
    if (skip_operator("=")) {
      parameter.fallback = parse_expression();
    } else if (!routine.parameters.empty() && routine.parameters.back().fallback != nullptr) {
      fail(line, concat("the parameter '", name, "' needs a default like the one before it"));
    }
    routine.parameters.push_back(std::move(parameter));
  }
  take();
}

void Parser::parse_routine_body(Routine& routine, std::string_view end_tag) {
  open_routines_.push_back({&routine});
  const int loops = std::exchange(open_loops_, 0);
  routine.body = parse_body_to(end_tag);
  open_loops_ = loops;
  open_routines_.pop_back();
  for (const Parameter& parameter : routine.parameters) {
    const std::string& name = program_->names[static_cast<std::size_t>(parameter.name)];
    if (name == "caller") routine.takes_caller = false;
    if (name == "kwargs") routine.takes_named = false;
    if (name == "varargs") routine.takes_positional = false;
  }
}

Target Parser::parse_target(bool takes_namespaces) {
  Target target = parse_single_target(takes_namespaces);
  if (!is_operator(",")) return target;
  Target tuple;
  tuple.elements.push_back(std::move(target));
  while (skip_operator(",")) {
    if (is_tuple_end() || is_operator("=")) break;
    tuple.elements.push_back(parse_single_target(takes_namespaces));
  }
  return tuple;
}

Target Parser::parse_single_target(bool takes_namespaces) {
  const Nested nested(*this);
  if (skip_operator("(")) {
    Target target = parse_target(false);
    expect_operator(")");
    return target;
  }
  constexpr std::array<std::string_view, 6> kConstants{
      "true", "false", "none", "True", "False", "None"};
  const bool is_constant =
      std::find(kConstants.begin(), kConstants.end(), current().text) != kConstants.end();
  if (!is_kind(Token::Kind::kName) || is_constant) {
    fail(current().line, concat("nothing can be assigned to ", described(current())));
  }
  const Token token = take();
  Target target;
  if (takes_namespaces && skip_operator(".")) {
    target.name = loaded_name(token.text);
    target.attribute = keep(expect_name());
  } else {
    target.name = stored_name(token.text, token.line);
  }
  return target;
}

}  // namespace longhaul::jinja
