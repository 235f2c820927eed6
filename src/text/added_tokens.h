// The "added_tokens" of a tokenizer.json: tokens that are looked for in the text itself, before
// anything else happens to it.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/json.h"

#include "normalizer.h"
#include "regex.h"
#include "vocabulary.h"

namespace longhaul {

struct AddedToken {
  TokenId id = kNoToken;
  std::string content;
  bool is_special = false;
  bool is_normalized = false;  // looked for after the normalizer, in its normalized form
  bool is_single_word = false;
  bool strips_left = false;  // takes the white space before it
  bool strips_right = false;
};

// A part of a text: an added token, or text between them.
struct TokenOrText {
  TokenId id = kNoToken;  // kNoToken: text
  TextRange range;
};

// Finds any of a set of tokens: at the leftmost place the longest. Immutable.
class AddedTokenFinder {
 public:
  // Of two tokens with the same content the first counts.
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  // The parts of `text` from left to right; none is empty.
  std::vector<TokenOrText> split(std::string_view text) const;

 private:
  // Index of the longest token that `text` has at `at`, or size().
  std::size_t longest_at(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;  // ascending by content
  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::array<Span, 256> by_first_byte_{};
};

// Immutable; safe from any thread.
class AddedTokens {
 public:
  // `json` is the value of "added_tokens". Throws FormatError when an id is not the one that the
  // `tokenizers` package gives the token: that of `model`, or the next free one.
  AddedTokens(const Json& json, const Vocabulary& model, const Normalizer& normalizer);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  bool is_special(TokenId id) const;
  // What decoding makes of a token: its content, normalized if it is looked for in that form.
  std::string_view decoded(TokenId id) const;

  const AddedTokenFinder& in_text() const { return in_text_; }
  const AddedTokenFinder& in_normalized_text() const { return in_normalized_text_; }

 private:
  std::vector<AddedToken> read(const Json& json, const Vocabulary& model);

  Vocabulary vocabulary_;
  std::vector<bool> is_special_;
  std::map<TokenId, std::string> normalized_;
  AddedTokenFinder in_text_;
  AddedTokenFinder in_normalized_text_;
};

}  // namespace longhaul
