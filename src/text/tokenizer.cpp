#include "longhaul/text/tokenizer.h"

#include <limits>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/core/utf8.h"

#include "added_tokens.h"
#include "bpe_model.h"
#include "normalizer.h"
#include "post_processor.h"
#include "pre_tokenizer.h"
#include "text_file.h"
#include "token_decoder.h"
#include "unicode.h"

namespace longhaul {

struct Tokenizer::Parts {
  explicit Parts(const Json& json)
      : model(json.at("model")),
        normalizer(json.find("normalizer")),
        pre_tokenizer(json.find("pre_tokenizer")),
        added(json.find("added_tokens"), model.vocabulary(), normalizer),
        decoder(json.find("decoder")),
        size(std::max(model.vocabulary().size(), added.vocabulary().size())),
        post_processor(parse_post_processor(json.find("post_processor"), size)) {}

  void encode_text(std::string_view text, bool is_at_start, std::vector<TokenId>& ids) const;
  // What the decoder gets for `ids`.
  std::vector<std::string> contents(std::span<const TokenId> ids, bool skip_special) const;

  BpeModel model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokens added;
  TokenDecoder decoder;
  int size;
  PostProcessor post_processor;
};

// `text` holds no added token that is looked for before the normalizer.
void Tokenizer::Parts::encode_text(std::string_view text,
                                   bool is_at_start,
                                   std::vector<TokenId>& ids) const {
  const NormalizedText normalized = normalizer.apply(std::string(text));
  std::vector<TokenId> symbols;
  for (const TokenOrText& part : added.in_normalized_text().split(normalized.text)) {
    if (part.id != kNoToken) {
      ids.push_back(part.id);
      continue;
    }
    const Words words =
        pre_tokenizer.apply(std::string(part.range.in(normalized.text)),
                            is_at_start && normalized.keeps_start && part.range.begin == 0);
    for (const TextRange word : words.ranges) model.encode(word.in(words.text), ids, symbols);
  }
}

// Special tokens are skipped by id. The `tokenizers` package (0.23) goes by the normalized content,
// and so keeps those that the normalizer changes.
std::vector<std::string> Tokenizer::Parts::contents(std::span<const TokenId> ids,
                                                    bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    if (skip_special && added.is_special(id)) continue;
    if (added.vocabulary().has(id)) {
      tokens.emplace_back(added.decoded(id));
    } else if (model.vocabulary().has(id)) {
      tokens.emplace_back(model.vocabulary().content(id));
    }
  }
  return tokens;
}

Tokenizer::Tokenizer(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

Tokenizer Tokenizer::parse(std::string_view json, const std::string& source) {
  return Tokenizer(std::make_shared<const Parts>(Json::parse(json, source)));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, SpecialTokens mode) const {
  // Positions within a word are 32 bits wide.
  require(text.size() <= std::numeric_limits<std::int32_t>::max() / 4,
          "Tokenizer::encode: the text has ",
          text.size(),
          " bytes, expected at most 2^29");
  std::string repaired;
  if (!is_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> ids;
  if (mode == SpecialTokens::kAdd) ids = parts_->post_processor.before;
  for (const TokenOrText& part : parts_->added.in_text().split(text)) {
    if (part.id != kNoToken) {
      ids.push_back(part.id);
    } else {
      parts_->encode_text(part.range.in(text), part.range.begin == 0, ids);
    }
  }
  if (mode == SpecialTokens::kAdd) {
    const std::vector<TokenId>& after = parts_->post_processor.after;
    ids.insert(ids.end(), after.begin(), after.end());
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  return parts_->decoder.decode(parts_->contents(ids, skip_special), InvalidBytes::kReplace);
}

std::string Tokenizer::decode_bytes(std::span<const TokenId> ids, bool skip_special) const {
  return parts_->decoder.decode(parts_->contents(ids, skip_special), InvalidBytes::kKeep);
}

std::optional<TokenId> Tokenizer::find(std::string_view token) const {
  TokenId id = parts_->added.vocabulary().find(token);
  if (id == kNoToken) id = parts_->model.vocabulary().find(token);
  return id == kNoToken ? std::nullopt : std::optional<TokenId>(id);
}

std::string_view Tokenizer::token(TokenId id) const {
  const Vocabulary& added = parts_->added.vocabulary();
  return added.has(id) ? added.content(id) : parts_->model.vocabulary().content(id);
}

bool Tokenizer::is_special(TokenId id) const {
  return parts_->added.is_special(id);
}

int Tokenizer::vocabulary_size() const {
  return parts_->size;
}

Tokenizer load_tokenizer(const std::filesystem::path& folder_or_file) {
  const std::filesystem::path file = std::filesystem::is_directory(folder_or_file)
                                         ? folder_or_file / "tokenizer.json"
                                         : folder_or_file;
  return Tokenizer::parse(read_text_file(file), file.string());
}

}  // namespace longhaul
