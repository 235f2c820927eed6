// The bytes that each token stands for, found by laying the bytes of the tokens beside the text.
// Where no normalizer changed the text they are the same bytes, but for a space that a tokenizer
// puts before the first word, and the result is exact. Elsewhere a changed character and its marks
// are one piece, and the tokens of the piece all stand for the whole of it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"
#include "longhaul/text/tokenizer.h"

#include "unicode.h"

namespace longhaul {
namespace {

// Two texts agree again where this many bytes are equal, or all that are left.
constexpr std::size_t kAgreement = 6;
// How far apart they are compared: the longest change that is looked for, in bytes of both.
constexpr std::size_t kLongestChange = 256;
// The longest change that may be a normalizer's work on one character and its marks.
constexpr std::size_t kLongestCharacter = 64;

struct Change {
  std::size_t removed = 0;  // bytes of the text
  std::size_t added = 0;    // bytes of the tokens
};

bool agree(std::string_view text, std::string_view tokens) {
  if (text.size() < kAgreement || tokens.size() < kAgreement) return text == tokens;
  return text.substr(0, kAgreement) == tokens.substr(0, kAgreement);
}

// Whether a normalizer may have made `tokens` of `text`: the same characters in another form.
bool are_equivalent(std::string_view text, std::string_view tokens) {
  if (text.empty() || tokens.empty() || !is_utf8(text) || !is_utf8(tokens)) return false;
  const auto plain = [](std::string_view characters) {
    return to_lower_case(to_normal_form(characters, NormalForm::kNfkd));
  };
  return plain(text) == plain(tokens);
}

// The shortest change that makes both agree, or that a normalizer may have made.
std::optional<Change> find_change(std::string_view text, std::string_view tokens) {
  for (std::size_t length = 1; length <= kLongestChange; ++length) {
    for (std::size_t added = 0; added <= std::min(length, tokens.size()); ++added) {
      const Change change{length - added, added};
      if (change.removed > text.size()) continue;
      if (agree(text.substr(change.removed), tokens.substr(added))) return change;
      if (length <= kLongestCharacter &&
          are_equivalent(text.substr(0, change.removed), tokens.substr(0, added))) {
        return change;
      }
    }
  }
  return std::nullopt;
}

// For every byte of `tokens` the bytes of `text` that it stands for.
std::vector<TextSpan> align(std::string_view text, std::string_view tokens) {
  std::vector<TextSpan> spans;
  spans.reserve(tokens.size());
  std::size_t at = 0;
  while (spans.size() < tokens.size()) {
    const std::size_t next = spans.size();
    if (at < text.size() && text[at] == tokens[next]) {
      spans.push_back({at, at + 1});
      ++at;
      continue;
    }
    const auto change = find_change(text.substr(at), tokens.substr(next));
    if (!change) {
      throw FormatError(concat("the tokenizer changes the text from byte ",
                               at,
                               " on so much that its tokens cannot be found in it"));
    }
    spans.insert(spans.end(), change->added, TextSpan{at, at + change->removed});
    at += change->removed;
  }
  return spans;
}

}  // namespace

Encoding Tokenizer::encode_with_spans(std::string_view text, SpecialTokens mode) const {
  Encoding encoding{encode(text, SpecialTokens::kNone), {}};
  std::string bytes;
  std::vector<std::size_t> ends;  // of each token in `bytes`
  // Decoders drop the space before the first word, so every other token is decoded behind it.
  for (const TokenId id : encoding.ids) {
    if (ends.empty()) {
      bytes = decode_bytes({&id, 1}, /*skip_special=*/false);
      ends.push_back(bytes.size());
    } else {
      const std::array pair = {encoding.ids.front(), id};
      bytes += decode_bytes(pair, /*skip_special=*/false).substr(ends.front());
      ends.push_back(bytes.size());
    }
  }
  const std::vector<TextSpan> places = align(text, bytes);
  std::size_t begin = 0;
  std::size_t last = 0;
  for (const std::size_t end : ends) {
    if (begin == end) {
      encoding.spans.push_back({last, last});
      continue;
    }
    last = places[end - 1].end;
    encoding.spans.push_back({places[begin].begin, last});
    begin = end;
  }
  if (mode == SpecialTokens::kNone) return encoding;

  std::vector<TokenId> ids = encode(text, SpecialTokens::kAdd);
  const auto own = std::search(ids.begin(), ids.end(), encoding.ids.begin(), encoding.ids.end());
  const auto before = static_cast<std::size_t>(own - ids.begin());
  encoding.spans.insert(encoding.spans.begin(), before, TextSpan{0, 0});
  encoding.spans.resize(ids.size(), TextSpan{text.size(), text.size()});
  encoding.ids = std::move(ids);
  return encoding;
}

}  // namespace longhaul
