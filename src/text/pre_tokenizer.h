// The "pre_tokenizer" of a tokenizer.json: cuts a text into the words that the model encodes one by
// one.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/json.h"

#include "regex.h"

namespace longhaul {

// A text and its words, from left to right, without overlap and none of them empty. What lies
// between them is dropped.
struct Words {
  std::string text;
  std::vector<TextRange> ranges;
  // The text begins where the whole input begins: what "prepend_scheme": "first" asks.
  bool is_at_start = false;
};

// Immutable; safe from any thread.
class PreTokenizer {
 public:
  // `json` is the value of "pre_tokenizer", null for none. Throws FormatError.
  explicit PreTokenizer(const Json& json);

  // `is_at_start`: nothing of the input stands before `text`. Throws FormatError when the text
  // grows beyond measure.
  Words apply(std::string text, bool is_at_start) const;

 private:
  std::vector<std::function<void(Words&)>> steps_;
};

}  // namespace longhaul
