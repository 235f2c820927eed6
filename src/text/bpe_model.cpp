#include "bpe_model.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "longhaul/core/error.h"

#include "token_options.h"
#include "unicode.h"

namespace longhaul {

namespace {

std::string byte_token(unsigned byte) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return std::string("<0x") + kHex[byte >> 4U] + kHex[byte & 15U] + '>';
}

struct MergePair {
  std::string left;
  std::string right;
};

// "a b" or ["a", "b"].
MergePair read_pair(const Json& merge) {
  if (merge.is_array()) {
    if (merge.size() != 2) refuse(merge, "expected two tokens");
    return {merge.at(0).as_string(), merge.at(1).as_string()};
  }
  const std::string& text = merge.as_string();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    refuse(merge, concat("got \"", text, "\", expected two tokens and one space between"));
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

// `model` itself, once nothing in it is unsupported.
const Json& checked_model(const Json& model) {
  if (const std::string type = model.string_or("type", "BPE"); type != "BPE") {
    throw FormatError(
        concat(model.where(), ": model \"", type, "\" is not supported; supported is BPE"));
  }
  for (const auto& [key, value] : model.members()) {
    if (key == "continuing_subword_prefix" || key == "end_of_word_suffix") {
      if (!value.is_null() && !value.as_string().empty()) {
        refuse(value, "is not supported; supported is none");
      }
    } else if (key == "dropout") {
      if (!value.is_null() && value.as_double() != 0.0) {
        refuse(value, "random merges are not supported; supported is no dropout");
      }
    }
  }
  return model;
}

}  // namespace

BpeModel::BpeModel(const Json& model) : merges_(checked_model(model).at("merges").size()) {
  ignores_merges_ = model.bool_or("ignore_merges", false);
  read_vocabulary(model.at("vocab"));
  read_unknown(model);
  index_characters();
  read_merges(model.at("merges"));
  find_whole_tokens();
}

void BpeModel::read_vocabulary(const Json& vocabulary) {
  for (const auto& [content, value] : vocabulary.members()) {
    const std::int64_t id = value.as_int();
    if (id < 0 || id > Vocabulary::kLargestId) {
      refuse(value, concat("got id ", id, ", expected 0 to ", Vocabulary::kLargestId));
    }
    if (!vocabulary_.add(content, static_cast<TokenId>(id))) {
      refuse(value, concat("id ", id, " belongs to another token too"));
    }
  }
}

void BpeModel::read_unknown(const Json& model) {
  fuses_unknown_ = model.bool_or("fuse_unk", false);
  if (const std::string unknown = model.string_or("unk_token", ""); !unknown.empty()) {
    unknown_ = vocabulary_.find(unknown);
    if (unknown_ == kNoToken) {
      refuse(model.at("unk_token"), concat("\"", unknown, "\" is not in the vocabulary"));
    }
  }
  byte_tokens_.fill(kNoToken);
  if (!model.bool_or("byte_fallback", false)) return;
  for (unsigned byte = 0; byte < byte_tokens_.size(); ++byte) {
    byte_tokens_[byte] = vocabulary_.find(byte_token(byte));
  }
}

void BpeModel::index_characters() {
  characters_.assign(kDirectCharacters, kNoToken);
  std::string character;
  for (char32_t c = 0; c < kDirectCharacters; ++c) {
    character.clear();
    append_utf8(character, c);
    characters_[c] = vocabulary_.find(character);
  }
}

void BpeModel::read_merges(const Json& merges) {
  joints_.assign(std::size_t{1} << kJointBits, false);
  std::uint32_t rank = 0;
  for (const Json& merge : merges.elements()) {
    if (merge.is_string() && merge.as_string().starts_with("#version")) continue;
    const auto [left, right] = read_pair(merge);
    const auto id_of = [&](const std::string& token) {
      const TokenId id = vocabulary_.find(token);
      if (id == kNoToken) refuse(merge, concat("\"", token, "\" is not in the vocabulary"));
      return id;
    };
    const TokenId left_id = id_of(left);
    const TokenId right_id = id_of(right);
    merges_.add(left_id, right_id, {rank++, id_of(left + right)});
    mark_joint(left, right);
  }
}

TokenId BpeModel::find_character(std::string_view character) const {
  const char32_t c = code_point_at(character, 0);
  return c < kDirectCharacters ? characters_[c] : vocabulary_.find(character);
}

namespace {

std::size_t joint_of(TokenId left, TokenId right, unsigned bits) {
  const std::uint64_t pair =
      static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
  return (pair * 0x9E3779B97F4A7C15U) >> (64U - bits);
}

}  // namespace

void BpeModel::mark_joint(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return;
  const TokenId last = find_character(left.substr(previous_character(left, left.size())));
  const TokenId first = find_character(right.substr(0, utf8_length(right[0])));
  // A character without a token never stands beside the place where two parts could be cut.
  if (last != kNoToken && first != kNoToken) joints_[joint_of(last, first, kJointBits)] = true;
}

bool BpeModel::may_join(TokenId left, TokenId right) const {
  return joints_[joint_of(left, right, kJointBits)];
}

void BpeModel::find_whole_tokens() {
  std::vector<bool> is_whole(static_cast<std::size_t>(vocabulary_.size()), false);
  is_whole_ = is_whole;
  std::vector<TokenId> ids;
  std::vector<TokenId> symbols;
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    if (!vocabulary_.has(id)) continue;
    ids.clear();
    encode_by_merges(vocabulary_.content(id), ids, symbols);
    is_whole[static_cast<std::size_t>(id)] = ids.size() == 1 && ids[0] == id;
  }
  is_whole_ = std::move(is_whole);
}

bool BpeModel::append_bytes(std::string_view character, std::vector<TokenId>& symbols) const {
  const auto token_of = [this](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  if (std::any_of(
          character.begin(), character.end(), [&](char c) { return token_of(c) == kNoToken; })) {
    return false;
  }
  std::transform(character.begin(), character.end(), std::back_inserter(symbols), token_of);
  return true;
}

void BpeModel::encode(std::string_view word,
                      std::vector<TokenId>& ids,
                      std::vector<TokenId>& symbols) const {
  if (const TokenId id = vocabulary_.find(word);
      id != kNoToken && (ignores_merges_ || is_whole_[static_cast<std::size_t>(id)])) {
    ids.push_back(id);
    return;
  }
  encode_by_merges(word, ids, symbols);
}

void BpeModel::end_part(std::string_view part,
                        std::vector<TokenId>& ids,
                        std::vector<TokenId>& symbols) const {
  if (symbols.size() > 1) {
    const TokenId id = vocabulary_.find(part);
    if (id != kNoToken && is_whole_[static_cast<std::size_t>(id)]) {
      symbols.assign(1, id);
    } else {
      merges_.apply(symbols);
    }
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  symbols.clear();
}

void BpeModel::encode_by_merges(std::string_view word,
                                std::vector<TokenId>& ids,
                                std::vector<TokenId>& symbols) const {
  symbols.clear();
  std::size_t part_begin = 0;

  TokenId previous = kNoToken;  // the token of the character before, if it has one
  bool has_unknown = false;     // an unknown token is due before the next known character
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t length = utf8_length(word[at]);
    const std::string_view character = word.substr(at, length);
    const TokenId id = find_character(character);
    if (id != kNoToken) {
      if (has_unknown) symbols.push_back(unknown_);
      has_unknown = false;
      if (previous != kNoToken && !may_join(previous, id)) {
        end_part(word.substr(part_begin, at - part_begin), ids, symbols);
        part_begin = at;
      }
      symbols.push_back(id);
    } else if (!append_bytes(character, symbols) && unknown_ != kNoToken) {
      if (has_unknown && !fuses_unknown_) symbols.push_back(unknown_);
      has_unknown = true;
    }
    previous = id;
    at += length;
  }
  if (has_unknown) symbols.push_back(unknown_);
  end_part(word.substr(part_begin), ids, symbols);
}

}  // namespace longhaul
