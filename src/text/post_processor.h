// The "post_processor" of a tokenizer.json, as far as it adds ids to a single sequence.
#pragma once

#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/text/tokenizer.h"

namespace longhaul {

struct PostProcessor {
  std::vector<TokenId> before;  // the text
  std::vector<TokenId> after;
};

// `json` is the value of "post_processor", null for none; ids lie in [0, vocabulary_size). Throws
// FormatError.
PostProcessor parse_post_processor(const Json& json, int vocabulary_size);

}  // namespace longhaul
