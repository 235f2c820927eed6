// The "decoder" of a tokenizer.json: from the contents of tokens to text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longhaul/core/json.h"

namespace longhaul {

// What becomes of bytes that are not valid UTF-8.
enum class InvalidBytes { kReplace, kKeep };

// Immutable; safe from any thread.
class TokenDecoder {
 public:
  // `json` is the value of "decoder", null for none: then tokens are joined by spaces. Throws
  // FormatError.
  explicit TokenDecoder(const Json& json);

  // With kKeep the result for some tokens begins with the result for the first of them: bytes of a
  // character that later tokens may complete stay what they are.
  std::string decode(std::vector<std::string> tokens, InvalidBytes invalid) const;

 private:
  std::vector<std::function<void(std::vector<std::string>&, InvalidBytes)>> steps_;
};

}  // namespace longhaul
