#include <utility>

#include "longhaul/text/tokenizer.h"

#include "unicode.h"

namespace longhaul {

StreamingDecoder::StreamingDecoder(Tokenizer tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string StreamingDecoder::push(TokenId id) {
  // Tokens are decoded behind others of the same text, because a decoder may treat the first token
  // of a text differently (no space before it).
  window_.push_back(id);
  const std::span<const TokenId> window = window_;
  const std::string before = tokenizer_.decode_bytes(window.first(taken_), skip_special_);
  const std::string all = tokenizer_.decode_bytes(window, skip_special_);
  if (all.size() <= before.size()) return {};
  taken_ = window_.size();
  // What followed the context can take its place, unless that alone makes nothing: a space that is
  // dropped from the beginning of a text.
  if (!tokenizer_.decode_bytes(window.subspan(context_), skip_special_).empty()) {
    window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(context_));
    context_ = taken_ = window_.size();
  }

  held_ += all.substr(before.size());
  const std::size_t complete = complete_length(held_);
  std::string text = replace_invalid_utf8(std::string_view(held_).substr(0, complete));
  held_.erase(0, complete);
  return text;
}

std::string StreamingDecoder::finish() {
  window_.clear();
  context_ = 0;
  taken_ = 0;
  return replace_invalid_utf8(std::exchange(held_, {}));
}

}  // namespace longhaul
