#include "longhaul/text/tokenizer_settings.h"

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"

#include "text_file.h"
#include "token_options.h"

namespace longhaul {

namespace {

namespace fs = std::filesystem;

// Null when there is no such file.
Json read_optional(const fs::path& file) {
  if (!fs::exists(file)) return {};
  Json json = Json::parse(read_text_file(file), file.string());
  if (!json.is_object()) refuse(json, "expected an object");
  return json;
}

Json member(const Json& json, std::string_view key) {
  return json.is_object() ? json.find(key) : Json();
}

// A token is written as its content, or as an object that holds it.
std::optional<std::string> content_of(const Json& token) {
  if (token.is_string()) return token.as_string();
  if (token.is_object() && token.contains("content")) return token.as_string("content");
  return std::nullopt;
}

void add_named_tokens(const Json& json, TokenizerSettings& settings) {
  if (!json.is_object()) return;
  auto& named = settings.named_tokens;
  for (const auto& [key, value] : json.members()) {
    if (!key.ends_with("_token")) continue;
    const std::optional<std::string> content = content_of(value);
    const bool is_known = std::any_of(
        named.begin(), named.end(), [&key = key](const auto& entry) { return entry.first == key; });
    if (content && !is_known) named.emplace_back(key, *content);
  }
}

TokenId checked_id(const Json& json, const Tokenizer& tokenizer) {
  const std::int64_t id = json.as_int();
  if (id < 0 || id >= tokenizer.vocabulary_size()) {
    refuse(json,
           concat("got id ",
                  id,
                  ", expected 0 to ",
                  tokenizer.vocabulary_size() - 1,
                  ", the ids of the tokenizer"));
  }
  return static_cast<TokenId>(id);
}

std::vector<TokenId> ids_of(const Json& json, const Tokenizer& tokenizer) {
  if (json.is_null()) return {};
  if (!json.is_array()) return {checked_id(json, tokenizer)};
  std::vector<TokenId> ids;
  for (const Json& element : json.elements()) ids.push_back(checked_id(element, tokenizer));
  return ids;
}

class Reader {
 public:
  Reader(const fs::path& folder, const Tokenizer& tokenizer)
      : folder_(folder),
        tokenizer_(tokenizer),
        config_(read_optional(folder / "tokenizer_config.json")),
        special_(read_optional(folder / "special_tokens_map.json")),
        generation_(read_optional(folder / "generation_config.json")),
        model_(read_optional(folder / "config.json")) {}

  TokenizerSettings read() const {
    TokenizerSettings settings;
    add_named_tokens(config_, settings);
    add_named_tokens(special_, settings);
    settings.bos = token_named("bos", settings);
    settings.eos = token_named("eos", settings);
    settings.pad = token_named("pad", settings);
    settings.unk = token_named("unk", settings);

    const Json own = member(generation_, "eos_token_id");
    settings.stop = ids_of(own.is_null() ? member(model_, "eos_token_id") : own, tokenizer_);
    if (settings.eos) settings.stop.push_back(*settings.eos);
    std::sort(settings.stop.begin(), settings.stop.end());
    settings.stop.erase(std::unique(settings.stop.begin(), settings.stop.end()),
                        settings.stop.end());

    settings.chat_templates = chat_templates();
    return settings;
  }

 private:
  // By content from the tokenizer's files, else by id from the model's.
  std::optional<TokenId> token_named(std::string_view name, TokenizerSettings& settings) const {
    const std::string key = concat(name, "_token");
    auto& named = settings.named_tokens;
    const auto found = std::find_if(
        named.begin(), named.end(), [&](const auto& entry) { return entry.first == key; });
    if (found != named.end()) {
      const std::optional<TokenId> id = tokenizer_.find(found->second);
      if (!id) {
        throw FormatError(concat(folder_.string(),
                                 ": ",
                                 key,
                                 " \"",
                                 found->second,
                                 "\" is not a token of the tokenizer"));
      }
      return id;
    }
    for (const Json& file : {generation_, model_}) {
      const std::vector<TokenId> ids = ids_of(member(file, key + "_id"), tokenizer_);
      if (ids.empty()) continue;
      named.emplace_back(key, std::string(tokenizer_.token(ids.front())));
      return ids.front();
    }
    return std::nullopt;
  }

  std::vector<ChatTemplateSource> chat_templates() const {
    const Json json = member(config_, "chat_template");
    std::vector<ChatTemplateSource> templates;
    if (json.is_string()) {
      templates.push_back({"default", json.as_string(), json.where()});
    } else if (!json.is_null()) {
      for (const Json& element : json.elements()) {
        const Json text = element.at("template");
        templates.push_back({element.as_string("name"), text.as_string(), text.where()});
      }
    }
    if (const fs::path file = folder_ / "chat_template.jinja"; fs::exists(file)) {
      std::erase_if(templates, [](const auto& t) { return t.name == "default"; });
      templates.push_back({"default", read_text_file(file), file.string()});
    }
    return templates;
  }

  const fs::path& folder_;
  const Tokenizer& tokenizer_;
  Json config_;
  Json special_;
  Json generation_;
  Json model_;
};

}  // namespace

const ChatTemplateSource* TokenizerSettings::find_chat_template(std::string_view name) const {
  const auto found = std::find_if(chat_templates.begin(),
                                  chat_templates.end(),
                                  [=](const ChatTemplateSource& t) { return t.name == name; });
  return found == chat_templates.end() ? nullptr : &*found;
}

TokenizerSettings load_tokenizer_settings(const fs::path& folder, const Tokenizer& tokenizer) {
  return Reader(folder, tokenizer).read();
}

}  // namespace longhaul
