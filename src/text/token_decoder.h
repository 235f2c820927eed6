// The "decoder" of a tokenizer.json: from the contents of tokens to text.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "longhaul/core/json.h"

namespace longhaul {

// Immutable; safe from any thread.
class TokenDecoder {
 public:
  // `json` is the value of "decoder", null for none: then tokens are joined by spaces. Throws
  // FormatError.
  explicit TokenDecoder(const Json& json);

  std::string decode(std::vector<std::string> tokens) const;

 private:
  std::vector<std::function<void(std::vector<std::string>&)>> steps_;
};

}  // namespace longhaul
