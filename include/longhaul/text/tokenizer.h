// Text to token ids and back, as the tokenizer.json of a Hugging Face model folder says. Ids and
// decoded text are those of the `tokenizers` package, or the file is refused when it is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/text/text_span.h"

namespace longhaul {

using TokenId = std::int32_t;

// What encode() puts around the text. Special tokens written in the text are recognised in both.
enum class SpecialTokens : std::uint8_t {
  kNone,  // the text alone
  kAdd,   // and what the post-processor adds to a single sequence: a BOS, an EOS
};

// Ids, and for each the bytes of the text that it stands for: spans in the order of the text, not
// trimmed; empty for what the post-processor adds. Where a normalizer changed the text, the bytes
// that became the token.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<TextSpan> spans;  // [ids]
};

// Immutable; copies are cheap and share the tables. Safe from any thread.
class Tokenizer {
 public:
  // Parses a tokenizer.json with a BPE model; `source` names it in messages. `truncation` and
  // `padding` are not applied: limits of length belong to the run. Throws FormatError that names
  // what is wrong or unsupported, and then what is supported.
  static Tokenizer parse(std::string_view json, const std::string& source);

  // The ids of `text`. Every maximal invalid UTF-8 subpart counts as one U+FFFD, which is what
  // Python's bytes.decode(errors="replace") makes of it. Takes n log n time at worst.
  std::vector<TokenId> encode(std::string_view text, SpecialTokens mode) const;
  // The same ids with their places, which loss masks need. Throws FormatError when a normalizer
  // changed the text so much that the tokens cannot be found in it.
  Encoding encode_with_spans(std::string_view text, SpecialTokens mode) const;

  // Valid UTF-8: bytes of an incomplete or invalid character come out as U+FFFD. Ids that name no
  // token give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  // The id whose exact content is `token`: added tokens first, then the vocabulary.
  std::optional<TokenId> find(std::string_view token) const;
  // The content of a token; empty for an id that names none. Lives as long as a copy of this.
  std::string_view token(TokenId id) const;
  bool is_special(TokenId id) const;
  // The largest id plus one: the least number of rows that an embedding needs.
  int vocabulary_size() const;

 private:
  friend class StreamingDecoder;
  struct Parts;

  // decode() before bytes that are not valid UTF-8 are replaced.
  std::string decode_bytes(std::span<const TokenId> ids, bool skip_special) const;

  explicit Tokenizer(std::shared_ptr<const Parts> parts);
  std::shared_ptr<const Parts> parts_;
};

// Reads `folder_or_file`/tokenizer.json, or the file itself. Throws IoError or FormatError.
Tokenizer load_tokenizer(const std::filesystem::path& folder_or_file);

// Decodes tokens as they are generated. What push() and finish() return is each valid UTF-8, and
// together it is decode() of all ids, unless byte tokens (<0xE4>) follow each other to an invalid
// whole: then only the number of U+FFFD may differ. Not safe from two threads at once.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(Tokenizer tokenizer, bool skip_special = true);

  // The text that became certain with `id`: empty while a character is incomplete.
  std::string push(TokenId id);
  // What is still held back, U+FFFD for an incomplete character. The next push begins a new text.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::vector<TokenId> window_;  // tokens before the next one, the context first
  std::size_t context_ = 0;      // tokens of the window that made text already
  std::size_t taken_ = 0;        // tokens of the window whose text was taken
  std::string held_;             // bytes of a character that is not complete
};

}  // namespace longhaul
