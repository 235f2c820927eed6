#include "merge_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>
#include <utility>

namespace longhaul {

namespace {

// Up to here a scan for the lowest rank is faster than a heap.
constexpr std::size_t kFew = 48;

// A merge of the symbol at `at` with the next one, as it was when it entered the queue.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t at;

  bool operator<(const Candidate& other) const {  // the queue serves the largest first
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

constexpr std::uint32_t kEnd = std::numeric_limits<std::uint32_t>::max();

// A symbol in a doubly linked list over its vector.
struct Link {
  TokenId id = kNoToken;  // kNoToken: swallowed by its left neighbour
  std::uint32_t previous = kEnd;
  std::uint32_t next = kEnd;
  Merge merge;  // with the next symbol, as of now
};

}  // namespace

MergeTable::MergeTable(std::size_t count) : slots_(std::bit_ceil(2 * count + 2)) {}

void MergeTable::add(TokenId left, TokenId right, Merge merge) {
  slots_[slot_of(left, right)] = {left, right, merge};
}

Merge MergeTable::find(TokenId left, TokenId right) const {
  return slots_[slot_of(left, right)].merge;
}

std::size_t MergeTable::slot_of(TokenId left, TokenId right) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t pair =
      static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
  // Fibonacci hashing: the upper bits of the product depend on every bit of the pair.
  std::size_t at = (pair * 0x9E3779B97F4A7C15U) >> 32U & mask;
  while (slots_[at].left != kNoToken && (slots_[at].left != left || slots_[at].right != right)) {
    at = (at + 1) & mask;
  }
  return at;
}

void MergeTable::apply(std::vector<TokenId>& symbols) const {
  if (symbols.size() <= kFew) {
    apply_to_few(symbols);
  } else {
    apply_to_many(symbols);
  }
}

void MergeTable::apply_to_few(std::vector<TokenId>& symbols) const {
  std::array<Merge, kFew> merges;  // of symbol i with symbol i + 1
  std::size_t count = symbols.size();
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = find(symbols[i], symbols[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (!merges[best].exists()) break;
    symbols[best] = merges[best].result;
    --count;
    for (std::size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      merges[i - 1] = merges[i];
    }
    if (best > 0) merges[best - 1] = find(symbols[best - 1], symbols[best]);
    if (best + 1 < count) merges[best] = find(symbols[best], symbols[best + 1]);
  }
  symbols.resize(count);
}

void MergeTable::apply_to_many(std::vector<TokenId>& symbols) const {
  const auto count = static_cast<std::uint32_t>(symbols.size());
  std::vector<Link> links(count);
  std::vector<Candidate> first;
  for (std::uint32_t i = 0; i < count; ++i) {
    links[i].id = symbols[i];
    if (i > 0) links[i].previous = i - 1;
    if (i + 1 == count) continue;
    links[i].next = i + 1;
    links[i].merge = find(symbols[i], symbols[i + 1]);
    if (links[i].merge.exists()) first.push_back({links[i].merge.rank, i});
  }
  std::priority_queue<Candidate> queue({}, std::move(first));

  const auto refresh = [&](std::uint32_t at) {
    Link& link = links[at];
    link.merge = link.next == kEnd ? Merge{} : find(link.id, links[link.next].id);
    if (link.merge.exists()) queue.push({link.merge.rank, at});
  };
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Link& link = links[best.at];
    if (link.id == kNoToken || link.merge.rank != best.rank) continue;  // no longer so
    link.id = link.merge.result;
    Link& swallowed = links[link.next];
    link.next = swallowed.next;
    swallowed.id = kNoToken;
    if (link.next != kEnd) links[link.next].previous = best.at;
    if (link.previous != kEnd) refresh(link.previous);
    refresh(best.at);
  }

  symbols.clear();
  for (std::uint32_t i = 0; i != kEnd; i = links[i].next) symbols.push_back(links[i].id);
}

}  // namespace longhaul
