#include "added_tokens.h"

#include <algorithm>
#include <utility>

#include "longhaul/core/error.h"

#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

bool is_word_character(std::string_view character) {
  static const Regex expression(concat('[', kWordCharacters, ']'), "word characters");
  return expression.search(character, 0).has_value();
}

bool stands_alone(std::string_view text, TextRange match) {
  if (match.begin > 0) {
    const std::size_t before = previous_character(text, match.begin);
    if (is_word_character(text.substr(before, match.begin - before))) return false;
  }
  return match.end == text.size() ||
         !is_word_character(text.substr(match.end, utf8_length(text[match.end])));
}

std::size_t strip_left(std::string_view text, std::size_t begin, std::size_t least) {
  while (begin > least) {
    const std::size_t before = previous_character(text, begin);
    if (!is_white_space(code_point_at(text, before))) break;
    begin = before;
  }
  return begin;
}

std::size_t strip_right(std::string_view text, std::size_t end) {
  while (end < text.size() && is_white_space(code_point_at(text, end))) {
    end += utf8_length(text[end]);
  }
  return end;
}

AddedToken read_token(const Json& json) {
  const std::int64_t id = json.as_int("id");
  if (id < 0 || id > Vocabulary::kLargestId) {
    refuse(json, concat("got id ", id, ", expected 0 to ", Vocabulary::kLargestId));
  }
  AddedToken token;
  token.id = static_cast<TokenId>(id);
  token.content = json.as_string("content");
  token.is_special = json.as_bool("special");
  token.is_normalized = json.bool_or("normalized", !token.is_special);
  token.is_single_word = json.bool_or("single_word", false);
  token.strips_left = json.bool_or("lstrip", false);
  token.strips_right = json.bool_or("rstrip", false);
  return token;
}

// Special tokens first: of two that look the same once normalized, the first is found.
std::vector<AddedToken> in_order_of_search(std::vector<AddedToken> tokens, bool is_normalized) {
  std::erase_if(tokens, [=](const AddedToken& t) { return t.is_normalized != is_normalized; });
  std::stable_partition(
      tokens.begin(), tokens.end(), [](const AddedToken& t) { return t.is_special; });
  return tokens;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::stable_sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.content < b.content;
  });
  tokens_.erase(
      std::unique(tokens_.begin(),
                  tokens_.end(),
                  [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; }),
      tokens_.end());
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    Span& span = by_first_byte_.at(static_cast<unsigned char>(tokens_[i].content[0]));
    if (span.end == 0) span.begin = i;
    span.end = i + 1;
  }
}

std::size_t AddedTokenFinder::longest_at(std::string_view text, std::size_t at) const {
  std::size_t longest = tokens_.size();
  Span span = by_first_byte_[static_cast<unsigned char>(text[at])];
  // All tokens of the span agree with the text in `length` bytes.
  for (std::size_t length = 1; span.begin < span.end; ++length) {
    if (tokens_[span.begin].content.size() == length) longest = span.begin++;
    if (at + length == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + length]);
    const auto byte_of = [=](const AddedToken& t) {
      return static_cast<unsigned char>(t.content[length]);
    };
    const auto first = tokens_.begin() + static_cast<std::ptrdiff_t>(span.begin);
    const auto last = tokens_.begin() + static_cast<std::ptrdiff_t>(span.end);
    const auto low =
        std::partition_point(first, last, [&](const AddedToken& t) { return byte_of(t) < byte; });
    const auto high =
        std::partition_point(low, last, [&](const AddedToken& t) { return byte_of(t) == byte; });
    span = {static_cast<std::size_t>(low - tokens_.begin()),
            static_cast<std::size_t>(high - tokens_.begin())};
  }
  return longest;
}

std::vector<TokenOrText> AddedTokenFinder::split(std::string_view text) const {
  std::vector<TokenOrText> parts;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size() && !tokens_.empty();) {
    const std::size_t index = longest_at(text, at);
    if (index == tokens_.size()) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[index];
    TextRange match{at, at + token.content.size()};
    at = match.end;
    if (token.is_single_word && !stands_alone(text, match)) continue;
    if (token.strips_left) match.begin = std::max(done, strip_left(text, match.begin, done));
    if (token.strips_right) match.end = strip_right(text, match.end);
    if (match.begin >= match.end) continue;  // white space that the token before has taken
    if (done < match.begin) parts.push_back({kNoToken, {done, match.begin}});
    parts.push_back({token.id, match});
    done = match.end;
  }
  if (done < text.size()) parts.push_back({kNoToken, {done, text.size()}});
  return parts;
}

AddedTokens::AddedTokens(const Json& json, const Vocabulary& model, const Normalizer& normalizer)
    : in_text_({}), in_normalized_text_({}) {
  const std::vector<AddedToken> tokens = read(json, model);
  in_text_ = AddedTokenFinder(in_order_of_search(tokens, false));

  std::vector<AddedToken> normalized = in_order_of_search(tokens, true);
  for (AddedToken& token : normalized) {
    const std::string content = normalizer.apply(token.content).text;
    if (content.empty()) {
      refuse(json, concat("nothing is left of \"", token.content, "\" once it is normalized"));
    }
    token.content = content;
    normalized_[token.id] = content;
  }
  in_normalized_text_ = AddedTokenFinder(std::move(normalized));
}

std::vector<AddedToken> AddedTokens::read(const Json& json, const Vocabulary& model) {
  std::vector<AddedToken> tokens;
  if (json.is_null()) return tokens;
  for (const Json& element : json.elements()) {
    AddedToken token = read_token(element);
    if (token.content.empty()) continue;
    const TokenId in_model = model.find(token.content);
    const TokenId next = std::max<TokenId>(model.count(), vocabulary_.size());
    const TokenId expected = in_model != kNoToken ? in_model : next;
    if (token.id != expected) {
      refuse(element,
             concat("\"",
                    token.content,
                    "\" has id ",
                    token.id,
                    ", expected ",
                    expected,
                    in_model != kNoToken ? ", its id in the vocabulary" : ", the next free one"));
    }
    if (in_model == kNoToken && model.has(token.id)) {
      refuse(element, concat("id ", token.id, " belongs to another token too"));
    }
    if (!vocabulary_.add(token.content, token.id)) {
      refuse(element, concat("\"", token.content, "\" is added twice"));
    }
    is_special_.resize(static_cast<std::size_t>(vocabulary_.size()), false);
    is_special_[static_cast<std::size_t>(token.id)] = token.is_special;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string_view AddedTokens::decoded(TokenId id) const {
  const auto normalized = normalized_.find(id);
  return normalized != normalized_.end() ? normalized->second : vocabulary_.content(id);
}

bool AddedTokens::is_special(TokenId id) const {
  return vocabulary_.has(id) && is_special_[static_cast<std::size_t>(id)];
}

}  // namespace longhaul
