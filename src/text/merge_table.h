// The merges of byte pair encoding (Sennrich et al. 2016) and their application.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "vocabulary.h"

namespace longhaul {

struct Merge {
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t rank = kNever;  // the lowest is applied first
  TokenId result = kNoToken;

  bool exists() const { return rank != kNever; }
};

// Which two neighbours become one token. Reading is safe from any thread.
class MergeTable {
 public:
  // Room for `count` merges, all that will be added.
  explicit MergeTable(std::size_t count);

  // A second merge of the same pair replaces the first.
  void add(TokenId left, TokenId right, Merge merge);
  // A merge that does not exist when the pair is not in the table.
  Merge find(TokenId left, TokenId right) const;

  // Applies the merge of the lowest rank, the leftmost of equals, until none is left.
  // O(n log n); nothing is allocated for few symbols.
  void apply(std::vector<TokenId>& symbols) const;

 private:
  // Open addressing: at most half of the slots are taken.
  struct Slot {
    TokenId left = kNoToken;
    TokenId right = kNoToken;
    Merge merge;
  };

  std::size_t slot_of(TokenId left, TokenId right) const;
  void apply_to_few(std::vector<TokenId>& symbols) const;
  void apply_to_many(std::vector<TokenId>& symbols) const;

  std::vector<Slot> slots_;
};

}  // namespace longhaul
