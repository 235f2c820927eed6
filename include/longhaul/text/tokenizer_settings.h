// What the files beside tokenizer.json say about it: which tokens begin, end and pad a text, and
// the chat templates.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "longhaul/text/tokenizer.h"

namespace longhaul {

struct ChatTemplateSource {
  std::string name;    // "default" for the only one
  std::string text;    // Jinja
  std::string source;  // file and key, for messages
};

struct TokenizerSettings {
  std::optional<TokenId> bos;
  std::optional<TokenId> eos;  // ends a text
  std::optional<TokenId> pad;
  std::optional<TokenId> unk;
  // Ids after which generation stops: eos_token_id of generation_config.json (one or several), else
  // of config.json, and `eos`. Distinct, ascending.
  std::vector<TokenId> stop;
  // Every named token as templates see it: ("bos_token", "<s>"), ... in the order of the file.
  std::vector<std::pair<std::string, std::string>> named_tokens;
  std::vector<ChatTemplateSource> chat_templates;

  // The template called `name`; null when there is none.
  const ChatTemplateSource* find_chat_template(std::string_view name = "default") const;
};

// Reads tokenizer_config.json, special_tokens_map.json, generation_config.json, config.json and
// chat_template.jinja of a model folder, each of which may be missing. A token comes from the first
// of them that names it; a chat_template.jinja replaces the default template of
// tokenizer_config.json. Throws IoError, or FormatError when a file is malformed or names a token
// that the tokenizer does not have.
TokenizerSettings load_tokenizer_settings(const std::filesystem::path& folder,
                                          const Tokenizer& tokenizer);

}  // namespace longhaul
