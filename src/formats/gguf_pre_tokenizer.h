// How a byte-level vocabulary cuts text before it merges: what tokenizer.ggml.pre names.
#pragma once

#include "longhaul/core/json.h"

namespace longhaul {

// Members of tokenizer.json, and what the name says beside them.
struct GgufPreTokenizer {
  Json normalizer;
  Json pre_tokenizer;
  Json decoder;
  bool ignores_merges = false;  // a piece that is a token is taken whole
  bool adds_bos = false;        // where tokenizer.ggml.add_bos_token is missing
};

// Throws FormatError that names the file and the known names when tokenizer.ggml.pre is not one of
// them; a missing key means "default".
GgufPreTokenizer make_gguf_pre_tokenizer(const Json& metadata);

}  // namespace longhaul
