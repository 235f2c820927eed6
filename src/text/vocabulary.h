// Tokens by content and by id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/text/tokenizer.h"

namespace longhaul {

constexpr TokenId kNoToken = -1;

// One content per id and one id per content, below 4 GiB in all; ids may leave gaps. Reading is
// safe from any thread.
class Vocabulary {
 public:
  // Embeddings of 2^22 rows are beyond any model; a larger id is an error of the file.
  static constexpr std::int64_t kLargestId = (std::int64_t{1} << 22U) - 1;

  // False when the content or the id, which lies in [0, kLargestId], is taken.
  bool add(std::string_view content, TokenId id);

  // kNoToken when there is none.
  TokenId find(std::string_view content) const;
  bool has(TokenId id) const;
  // Empty when !has(id). Valid until the next add().
  std::string_view content(TokenId id) const;

  // The largest id plus one.
  int size() const { return static_cast<int>(tokens_.size()); }
  int count() const { return count_; }
  std::size_t longest() const { return longest_; }  // bytes

 private:
  struct Token {
    static constexpr std::uint32_t kMissing = std::numeric_limits<std::uint32_t>::max();

    std::uint32_t begin = 0;
    std::uint32_t length = kMissing;
  };
  // Open addressing: at most half of the slots are taken.
  struct Slot {
    std::uint32_t hash = 0;
    TokenId id = kNoToken;
  };

  std::size_t slot_of(std::string_view content, std::uint32_t hash) const;
  void grow();

  std::string bytes_;  // all contents, one after another
  std::vector<Token> tokens_;
  std::vector<Slot> slots_;
  int count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace longhaul
