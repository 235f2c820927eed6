// The Hugging Face tokenizer files that a GGUF file's metadata stand for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "longhaul/core/json.h"

namespace longhaul {

struct GgufTokenizer {
  std::map<std::string, std::string> texts;  // file name -> content
  std::int64_t tokens = 0;
  // Ids below `tokens`; stop: what ends a reply, beside eos.
  std::optional<std::int64_t> bos, eos, pad, stop;
};

// Two kinds of vocabulary: "gpt2", byte-level BPE with its merges and the pre-tokenizer that
// tokenizer.ggml.pre names, and "llama", sentencepiece BPE, whose merges are rebuilt from the
// scores. Control tokens become special added tokens. `context` is the longest sequence.
// Throws FormatError that names the file and the key for anything that would tokenize differently.
GgufTokenizer make_gguf_tokenizer(const Json& metadata, std::int64_t context);

}  // namespace longhaul
