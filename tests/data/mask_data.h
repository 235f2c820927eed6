// The small tokenizers and templates of tests/data/datasets/masks.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "longhaul/data/encode.h"

namespace longhaul::test {

inline std::filesystem::path mask_data() {
  return std::filesystem::path(LONGHAUL_TEST_DATA) / "datasets" / "masks";
}

// `kind`: "smollm" (ChatML tokens, no BOS) or "llama2" (adds a BOS); `chat_template`: a file of the
// folder, none for no template.
inline SampleEncoder mask_encoder(const std::string& kind,
                                  const std::optional<std::string>& chat_template,
                                  LossOn loss_on = LossOn::kAssistant) {
  const auto tokenizer = load_tokenizer(mask_data() / kind);
  const auto settings = load_tokenizer_settings(mask_data() / kind, tokenizer);
  std::optional<ChatTemplate> parsed;
  if (chat_template)
    parsed = choose_chat_template(settings, (mask_data() / *chat_template).string());
  return {tokenizer, settings, parsed, loss_on};
}

}  // namespace longhaul::test
