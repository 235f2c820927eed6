// A template's source as tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longhaul::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    kText,           // outside of tags, after whitespace control; `text` is never empty
    kBlockBegin,     // {%
    kBlockEnd,       // %}
    kVariableBegin,  // {{
    kVariableEnd,    // }}
    kName,
    kString,    // `text` is what the literal stands for
    kInteger,   // `integer`
    kFloat,     // `number`
    kOperator,  // `text` is one of + - * ** / // % ~ [ ] ( ) { } == != > >= < <= = . : | , ;
    kEnd,
  };

  Kind kind;
  int line;
  std::string text = {};
  std::int64_t integer = 0;
  double number = 0;
};

// Tokens of `source`, which is valid UTF-8, the last one kEnd. Comments are gone. As Jinja with
// trim_blocks and lstrip_blocks: line ends become \n, one at the very end is dropped; a block tag
// or comment takes the newline after it and the spaces between it and the line's beginning, `-` in
// a tag takes all white space on its side, `+` keeps all. Throws FormatError: "NAME, line N: ...".
std::vector<Token> tokenize(std::string_view source, std::string_view template_name);

}  // namespace longhaul::jinja
