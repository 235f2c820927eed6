#include "vocabulary.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace longhaul {

namespace {

std::uint32_t hash_of(std::string_view content) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(content));
}

}  // namespace

bool Vocabulary::add(std::string_view content, TokenId id) {
  if (has(id) || find(content) != kNoToken) return false;
  if (static_cast<std::size_t>(count_) * 2 >= slots_.size()) grow();
  if (id >= size()) tokens_.resize(static_cast<std::size_t>(id) + 1);
  tokens_[static_cast<std::size_t>(id)] = {static_cast<std::uint32_t>(bytes_.size()),
                                           static_cast<std::uint32_t>(content.size())};
  bytes_ += content;
  const std::uint32_t hash = hash_of(content);
  slots_[slot_of(content, hash)] = {hash, id};
  ++count_;
  longest_ = std::max(longest_, content.size());
  return true;
}

TokenId Vocabulary::find(std::string_view content) const {
  if (slots_.empty() || content.size() > longest_) return kNoToken;
  return slots_[slot_of(content, hash_of(content))].id;
}

bool Vocabulary::has(TokenId id) const {
  return id >= 0 && id < size() && tokens_[static_cast<std::size_t>(id)].length != Token::kMissing;
}

std::string_view Vocabulary::content(TokenId id) const {
  if (!has(id)) return {};
  const Token& token = tokens_[static_cast<std::size_t>(id)];
  return std::string_view(bytes_).substr(token.begin, token.length);
}

// The slot that holds `content`, or the free one where it belongs.
std::size_t Vocabulary::slot_of(std::string_view content, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].id != kNoToken &&
         (slots_[at].hash != hash || this->content(slots_[at].id) != content)) {
    at = (at + 1) & mask;
  }
  return at;
}

void Vocabulary::grow() {
  std::vector<Slot> old = std::exchange(slots_, {});
  slots_.resize(std::max<std::size_t>(256, old.size() * 2));
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.id == kNoToken) continue;
    std::size_t at = slot.hash & mask;
    while (slots_[at].id != kNoToken) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

}  // namespace longhaul
