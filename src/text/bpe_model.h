// The "model" of a tokenizer.json: byte pair encoding of one word.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "longhaul/core/json.h"

#include "merge_table.h"
#include "vocabulary.h"

namespace longhaul {

// Immutable; safe from any thread.
class BpeModel {
 public:
  // Throws FormatError when the model is not BPE, has an option that would change ids in a way that
  // is not supported, or contradicts itself.
  explicit BpeModel(const Json& model);

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Appends the ids of `word`, valid UTF-8. `symbols` is scratch, kept between calls to save
  // allocations.
  void encode(std::string_view word,
              std::vector<TokenId>& ids,
              std::vector<TokenId>& symbols) const;

 private:
  void read_vocabulary(const Json& vocabulary);
  void read_merges(const Json& merges);
  void read_unknown(const Json& model);
  void index_characters();
  void mark_joint(std::string_view left, std::string_view right);
  void find_whole_tokens();

  void encode_by_merges(std::string_view word,
                        std::vector<TokenId>& ids,
                        std::vector<TokenId>& symbols) const;
  // Applies the merges to the characters of `part` and moves them from `symbols` to `ids`.
  void end_part(std::string_view part,
                std::vector<TokenId>& ids,
                std::vector<TokenId>& symbols) const;
  // Appends the byte tokens of `character`; false, and nothing, when one is missing.
  bool append_bytes(std::string_view character, std::vector<TokenId>& symbols) const;
  TokenId find_character(std::string_view character) const;
  bool may_join(TokenId left, TokenId right) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  bool ignores_merges_ = false;
  bool fuses_unknown_ = false;
  TokenId unknown_ = kNoToken;
  // <0x00> ... <0xFF>; kNoToken where they are missing. All missing without byte_fallback.
  std::array<TokenId, 256> byte_tokens_{};

  // The ids of single characters up to here are found without hashing.
  static constexpr char32_t kDirectCharacters = 0x3000;
  std::vector<TokenId> characters_;

  // A bit per hash of two characters that some merge joins: where the bit is not set, no merge ever
  // crosses, and a word falls into parts that can be encoded alone.
  static constexpr unsigned kJointBits = 20;
  std::vector<bool> joints_;

  // The tokens whose content, taken as a word, is encoded to that one token.
  std::vector<bool> is_whole_;
};

}  // namespace longhaul
