#include "formats/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "longhaul/core/error.h"

#include "formats/gguf_pre_tokenizer.h"

namespace longhaul {
namespace {

// U+2581, sentencepiece's space.
constexpr std::string_view kSpaceMark = "\u2581";

// tokenizer.ggml.token_type
enum class TokenType : std::uint8_t {
  kNormal = 1,
  kUnknown,
  kControl,
  kUserDefined,
  kUnused,
  kByte
};

[[noreturn]] void refuse(const Json& value, const std::string& what) {
  throw FormatError(concat(value.where(), ": ", what));
}

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<TokenType> types;
  std::unordered_map<std::string_view, std::int64_t> ids;  // views of `tokens`

  bool has(std::string_view token) const { return ids.contains(token); }
};

std::vector<TokenType> read_types(const Json& metadata, std::size_t count) {
  const Json json = metadata.find("tokenizer.ggml.token_type");
  if (json.is_null()) return std::vector<TokenType>(count, TokenType::kNormal);
  std::vector<TokenType> types;
  for (const Json& element : json.elements()) {
    const std::int64_t type = element.as_int();
    if (type < 1 || type > 6) refuse(element, concat("got ", type, ", expected 1 to 6"));
    types.push_back(static_cast<TokenType>(type));
  }
  if (types.size() != count) {
    refuse(json, concat("has ", types.size(), " elements for ", count, " tokens"));
  }
  return types;
}

Vocabulary read_vocabulary(const Json& metadata) {
  Vocabulary vocabulary;
  const Json json = metadata.at("tokenizer.ggml.tokens");
  for (const Json& token : json.elements()) vocabulary.tokens.push_back(token.as_string());
  if (vocabulary.tokens.empty()) refuse(json, "is empty");
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    if (!vocabulary.ids.emplace(vocabulary.tokens[i], id).second) {
      refuse(json.at(i), concat("token \"", vocabulary.tokens[i], "\" occurs more than once"));
    }
  }
  vocabulary.types = read_types(metadata, vocabulary.tokens.size());
  return vocabulary;
}

class Builder {
 public:
  Builder(const Json& metadata, std::int64_t context)
      : metadata_(metadata), context_(context), vocabulary_(read_vocabulary(metadata)) {}

  GgufTokenizer build() {
    result_.tokens = static_cast<std::int64_t>(vocabulary_.tokens.size());
    result_.bos = special_id("bos");
    result_.eos = special_id("eos");
    result_.pad = special_id("padding");
    result_.stop = special_id("eot");
    unknown_ = special_id("unknown");
    const Json model = metadata_.at("tokenizer.ggml.model");
    Json tokenizer;
    if (model.as_string() == "gpt2") {
      tokenizer = byte_level();
    } else if (model.as_string() == "llama") {
      tokenizer = sentencepiece();
    } else {
      refuse(model, concat("got \"", model.as_string(), R"(", expected "gpt2" or "llama")"));
    }
    result_.texts["tokenizer.json"] = tokenizer.dump(2) + "\n";
    result_.texts["tokenizer_config.json"] = tokenizer_config().dump(2) + "\n";
    return std::move(result_);
  }

 private:
  std::optional<std::int64_t> special_id(const char* name) const {
    const Json json = metadata_.find(concat("tokenizer.ggml.", name, "_token_id"));
    if (json.is_null()) return std::nullopt;
    const std::int64_t id = json.as_int();
    if (id < 0 || id >= static_cast<std::int64_t>(vocabulary_.tokens.size())) {
      refuse(json, concat("got ", id, ", expected 0 to ", vocabulary_.tokens.size() - 1));
    }
    return id;
  }

  Json token_text(std::optional<std::int64_t> id) const {
    return id ? Json(vocabulary_.tokens[static_cast<std::size_t>(*id)]) : Json();
  }

  bool is_special(std::int64_t id) const {
    const TokenType type = vocabulary_.types[static_cast<std::size_t>(id)];
    return type == TokenType::kControl || type == TokenType::kUnknown || id == result_.bos ||
           id == result_.eos || id == result_.pad || id == result_.stop || id == unknown_;
  }

  Json added_tokens() const {
    std::vector<Json> added;
    for (std::int64_t id = 0; id < result_.tokens; ++id) {
      const TokenType type = vocabulary_.types[static_cast<std::size_t>(id)];
      if (!is_special(id) && type != TokenType::kUserDefined) continue;
      added.push_back(Json::make_object({{"id", id},
                                         {"content", token_text(id)},
                                         {"single_word", false},
                                         {"lstrip", false},
                                         {"rstrip", false},
                                         {"normalized", false},
                                         {"special", is_special(id)}}));
    }
    return Json::make_array(added);
  }

  Json vocabulary_json() const {
    Json::Members members;
    for (std::int64_t id = 0; id < result_.tokens; ++id) {
      members.emplace_back(vocabulary_.tokens[static_cast<std::size_t>(id)], id);
    }
    return Json::make_object(members);
  }

  // What stands around every text: bos and eos where the file asks for them.
  Json post_processor() const {
    std::vector<Json> single;
    Json::Members tokens;
    const auto add = [&](std::int64_t id) {
      const Json text = token_text(id);
      single.push_back(
          Json::make_object({{"SpecialToken", Json::make_object({{"id", text}, {"type_id", 0}})}}));
      tokens.emplace_back(text.as_string(),
                          Json::make_object({{"id", text},
                                             {"ids", Json::make_array({Json(id)})},
                                             {"tokens", Json::make_array({text})}}));
    };
    const auto sequence = [](const char* id, int type) {
      return Json::make_object({{"Sequence", Json::make_object({{"id", id}, {"type_id", type}})}});
    };
    if (adds_bos_) add(*result_.bos);
    single.push_back(sequence("A", 0));
    if (adds_eos_) add(*result_.eos);
    if (tokens.empty()) return {};
    if (tokens.size() == 2 && tokens[0].first == tokens[1].first) tokens.pop_back();
    std::vector<Json> pair = single;
    pair.push_back(sequence("B", 1));
    return Json::make_object({{"type", "TemplateProcessing"},
                              {"single", Json::make_array(single)},
                              {"pair", Json::make_array(pair)},
                              {"special_tokens", Json::make_object(tokens)}});
  }

  void decide_additions(bool adds_bos_by_default) {
    adds_bos_ = metadata_.bool_or("tokenizer.ggml.add_bos_token", adds_bos_by_default);
    adds_eos_ = metadata_.bool_or("tokenizer.ggml.add_eos_token", false);
    if (adds_bos_ && !result_.bos) metadata_.at("tokenizer.ggml.bos_token_id");
    if (adds_eos_ && !result_.eos) metadata_.at("tokenizer.ggml.eos_token_id");
  }

  Json byte_level() {
    const GgufPreTokenizer pre = make_gguf_pre_tokenizer(metadata_);
    decide_additions(pre.adds_bos);
    const Json merges = metadata_.at("tokenizer.ggml.merges");
    for (const Json& merge : merges.elements()) {
      const std::string& text = merge.as_string();
      // A part is never empty: the separator is a space after the first character.
      const auto space = text.find(' ', 1);
      const bool is_known = space != std::string::npos && vocabulary_.has(text.substr(0, space)) &&
                            vocabulary_.has(text.substr(space + 1)) &&
                            vocabulary_.has(text.substr(0, space) + text.substr(space + 1));
      if (!is_known) refuse(merge, concat("\"", text, "\" does not merge tokens into a token"));
    }
    return tokenizer_json({{"normalizer", pre.normalizer},
                           {"pre_tokenizer", pre.pre_tokenizer},
                           {"decoder", pre.decoder},
                           {"unk_token", Json()},
                           {"fuse_unk", false},
                           {"byte_fallback", false},
                           {"ignore_merges", pre.ignores_merges},
                           {"merges", merges}});
  }

  Json sentencepiece() {
    decide_additions(true);
    if (metadata_.bool_or("tokenizer.ggml.remove_extra_whitespaces", false)) {
      refuse(metadata_.at("tokenizer.ggml.remove_extra_whitespaces"), "is not supported");
    }
    if (metadata_.contains("tokenizer.ggml.precompiled_charsmap")) {
      refuse(metadata_.at("tokenizer.ggml.precompiled_charsmap"), "is not supported");
    }
    const bool adds_space = metadata_.bool_or("tokenizer.ggml.add_space_prefix", true);
    const Json to_mark = Json::make_object({{"type", "Replace"},
                                            {"pattern", Json::make_object({{"String", " "}})},
                                            {"content", kSpaceMark}});
    const Json from_mark =
        Json::make_object({{"type", "Replace"},
                           {"pattern", Json::make_object({{"String", kSpaceMark}})},
                           {"content", " "}});
    std::vector<Json> normalizers;
    std::vector<Json> decoders = {from_mark,
                                  Json::make_object({{"type", "ByteFallback"}}),
                                  Json::make_object({{"type", "Fuse"}})};
    if (adds_space) {
      normalizers.push_back(Json::make_object({{"type", "Prepend"}, {"prepend", kSpaceMark}}));
      decoders.push_back(
          Json::make_object({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}));
    }
    normalizers.push_back(to_mark);
    return tokenizer_json({{"normalizer", sequence_of("normalizers", normalizers)},
                           {"pre_tokenizer", Json()},
                           {"decoder", sequence_of("decoders", decoders)},
                           {"unk_token", token_text(unknown_)},
                           {"fuse_unk", true},
                           {"byte_fallback", true},
                           {"ignore_merges", false},
                           {"merges", Json::make_array(merges_from_scores())}});
  }

  // Sentencepiece joins the neighbours whose piece scores best; as a list of merges, that is every
  // split of every piece into two pieces, by falling score. Splits of one piece keep an order of
  // their own, that of the published conversions: longer parts first, then by id.
  std::vector<Json> merges_from_scores() const {
    const Json scores = metadata_.at("tokenizer.ggml.scores");
    if (scores.size() != vocabulary_.tokens.size()) {
      refuse(scores,
             concat("has ", scores.size(), " elements for ", vocabulary_.tokens.size(), " tokens"));
    }
    struct Merge {
      double score;
      std::int64_t left_length, right_length;  // in characters
      std::int64_t left, right;
    };
    std::vector<Merge> merges;
    for (std::size_t i = 0; i < vocabulary_.tokens.size(); ++i) {
      if (!joins(static_cast<std::int64_t>(i))) continue;
      const std::string_view token = vocabulary_.tokens[i];
      const double score = scores.at(i).as_double();
      const std::size_t first = merges.size();
      for (std::size_t cut = 1; cut < token.size(); ++cut) {
        const auto left = vocabulary_.ids.find(token.substr(0, cut));
        if (left == vocabulary_.ids.end() || !joins(left->second)) continue;
        const auto right = vocabulary_.ids.find(token.substr(cut));
        if (right == vocabulary_.ids.end() || !joins(right->second)) continue;
        merges.push_back({score,
                          characters(left->first),
                          characters(right->first),
                          left->second,
                          right->second});
      }
      std::sort(merges.begin() + static_cast<std::ptrdiff_t>(first),
                merges.end(),
                [](const Merge& a, const Merge& b) {
                  return std::tie(a.left, a.right) < std::tie(b.left, b.right);
                });
    }
    std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
      return std::tie(a.score, a.left_length, a.right_length) >
             std::tie(b.score, b.left_length, b.right_length);
    });
    std::vector<Json> result;
    result.reserve(merges.size());
    for (const Merge& merge : merges) {
      result.emplace_back(concat(vocabulary_.tokens[static_cast<std::size_t>(merge.left)],
                                 ' ',
                                 vocabulary_.tokens[static_cast<std::size_t>(merge.right)]));
    }
    return result;
  }

  bool joins(std::int64_t id) const {
    const TokenType type = vocabulary_.types[static_cast<std::size_t>(id)];
    return type == TokenType::kNormal || type == TokenType::kUserDefined;
  }

  static std::int64_t characters(std::string_view text) {
    return std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; });
  }

  static Json sequence_of(const char* key, const std::vector<Json>& parts) {
    if (parts.size() == 1) return parts.front();
    return Json::make_object({{"type", "Sequence"}, {key, Json::make_array(parts)}});
  }

  // `parts`: the members that differ between the two kinds.
  Json tokenizer_json(const Json::Members& parts) const {
    const Json part = Json::make_object(parts);
    const Json model = Json::make_object({{"type", "BPE"},
                                          {"dropout", Json()},
                                          {"unk_token", part.at("unk_token")},
                                          {"continuing_subword_prefix", Json()},
                                          {"end_of_word_suffix", Json()},
                                          {"fuse_unk", part.at("fuse_unk")},
                                          {"byte_fallback", part.at("byte_fallback")},
                                          {"ignore_merges", part.at("ignore_merges")},
                                          {"vocab", vocabulary_json()},
                                          {"merges", part.at("merges")}});
    return Json::make_object({{"version", "1.0"},
                              {"truncation", Json()},
                              {"padding", Json()},
                              {"added_tokens", added_tokens()},
                              {"normalizer", part.at("normalizer")},
                              {"pre_tokenizer", part.at("pre_tokenizer")},
                              {"post_processor", post_processor()},
                              {"decoder", part.at("decoder")},
                              {"model", model}});
  }

  Json tokenizer_config() const {
    Json::Members members = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                             {"model_max_length", context_},
                             {"clean_up_tokenization_spaces", false},
                             {"add_bos_token", adds_bos_},
                             {"add_eos_token", adds_eos_}};
    const std::array<std::pair<const char*, std::optional<std::int64_t>>, 4> named = {
        {{"bos_token", result_.bos},
         {"eos_token", result_.eos},
         {"unk_token", unknown_},
         {"pad_token", result_.pad}}};
    for (const auto& [key, id] : named) {
      if (id) members.emplace_back(key, token_text(id));
    }
    if (const Json chat = chat_templates(); !chat.is_null()) {
      members.emplace_back("chat_template", chat);
    }
    return Json::make_object(members);
  }

  // One text, or a list of named ones where the file has more than one.
  Json chat_templates() const {
    constexpr std::string_view kKey = "tokenizer.chat_template";
    const Json single = metadata_.find(kKey);
    std::vector<Json> named;
    for (const auto& [key, value] : metadata_.members()) {
      if (!key.starts_with(kKey) || key.size() < kKey.size() + 2 || key[kKey.size()] != '.') {
        continue;
      }
      named.push_back(Json::make_object(
          {{"name", key.substr(kKey.size() + 1)}, {"template", value.as_string()}}));
    }
    if (named.empty()) return single.is_null() ? Json() : Json(single.as_string());
    if (!single.is_null()) {
      named.insert(named.begin(),
                   Json::make_object({{"name", "default"}, {"template", single.as_string()}}));
    }
    return Json::make_array(named);
  }

  const Json& metadata_;
  std::int64_t context_;
  Vocabulary vocabulary_;
  std::optional<std::int64_t> unknown_;
  bool adds_bos_ = false;
  bool adds_eos_ = false;
  GgufTokenizer result_;
};

}  // namespace

GgufTokenizer make_gguf_tokenizer(const Json& metadata, std::int64_t context) {
  return Builder(metadata, context).build();
}

}  // namespace longhaul
