#include "text_side.h"

#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {

TextSide load_text_side(const std::filesystem::path& folder,
                        const std::optional<std::string>& chat_template,
                        const Model& model) {
  Tokenizer tokenizer = load_tokenizer(folder);
  if (tokenizer.vocabulary_size() > model.vocabulary) {
    throw FormatError(concat((folder / "tokenizer.json").string(),
                             ": got ids up to ",
                             tokenizer.vocabulary_size() - 1,
                             ", expected less than ",
                             model.vocabulary,
                             ", the vocabulary of the model"));
  }
  TokenizerSettings settings = load_tokenizer_settings(folder, tokenizer);
  std::optional<ChatTemplate> chosen = choose_chat_template(settings, chat_template);
  return {std::move(tokenizer), std::move(settings), std::move(chosen)};
}

}  // namespace longhaul
