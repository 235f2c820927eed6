// A tokenizer.json up to the first zero byte, and a text after it. What parses encodes the text to
// ids of its vocabulary, and decodes them to valid UTF-8, in one go as well as token by token.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"
#include "longhaul/text/tokenizer.h"

namespace {

void check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using longhaul::SpecialTokens;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  const std::string_view json = input.substr(0, zero);
  const std::string_view text = zero == std::string_view::npos ? json : input.substr(zero + 1);
  try {
    const auto tokenizer = longhaul::Tokenizer::parse(json, "input");
    longhaul::StreamingDecoder stream(tokenizer);
    const auto ids = tokenizer.encode(text, SpecialTokens::kAdd);
    for (const longhaul::TokenId id : ids) {
      check(id >= 0 && id < tokenizer.vocabulary_size());
      check(longhaul::is_utf8(stream.push(id)));
    }
    check(longhaul::is_utf8(stream.finish()));
    check(longhaul::is_utf8(tokenizer.decode(ids, false)));
    check(ids.size() >= tokenizer.encode(text, SpecialTokens::kNone).size());
  } catch (const longhaul::Error&) {  // a file that is refused, a pattern that backtracks too much
  }
  return 0;
}
