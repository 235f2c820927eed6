#include <utility>

#include "longhaul/text/tokenizer.h"

#include "unicode.h"

namespace longhaul {

namespace {

// A text that still ends in U+FFFD after this many tokens does so for good.
constexpr std::size_t kLongestWait = 16;

}  // namespace

StreamingDecoder::StreamingDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string StreamingDecoder::push(TokenId id) {
  window_.push_back(id);
  const std::string text = tokenizer_.decode(window_, skip_special_);
  // U+FFFD at the end may be the beginning of a character.
  const bool may_change =
      text.ends_with(kReplacementCharacter) && window_.size() - given_ < kLongestWait;
  return may_change ? std::string() : take(text);
}

std::string StreamingDecoder::finish() {
  std::string rest = take(tokenizer_.decode(window_, skip_special_));
  window_.clear();
  given_ = 0;
  return rest;
}

// What `text`, that of the whole window, has beyond the tokens given out. They stay in the window,
// because a decoder may treat the first token of a text differently from all others.
std::string StreamingDecoder::take(const std::string& text) {
  const std::span<const TokenId> window = window_;
  const std::string before = tokenizer_.decode(window.first(given_), skip_special_);
  std::string rest;
  if (text.starts_with(before)) {
    rest = text.substr(before.size());
  } else {  // byte tokens given out as characters turned out to begin an invalid sequence
    rest = tokenizer_.decode(window.subspan(given_), skip_special_);
  }
  if (rest.empty()) return rest;
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(given_));
  given_ = window_.size();
  return rest;
}

}  // namespace longhaul
