// Samples to token ids, and which of them are targets of the loss: design of the mask.
//
// A token is a target when any of its bytes lies in a target span of the text, so a token that
// straddles the beginning or the end of a span is one. A special token that ends a turn is a target
// where the span has it. The first token of a sample is never predicted, so it counts as no target.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/data/rules.h"
#include "longhaul/data/samples.h"
#include "longhaul/text/chat_template.h"
#include "longhaul/text/tokenizer.h"
#include "longhaul/text/tokenizer_settings.h"

namespace longhaul {

struct EncodedSample {
  std::vector<TokenId> ids;
  std::vector<bool> is_target;  // [ids]; never set for the first
};

// How many tokens of the sample are targets.
std::int64_t count_targets(const EncodedSample& sample);

// The date that templates see in training, 26 July 2024 00:00: a run that is resumed on another day
// must render the same bytes. It is the date that Llama 3.2's template falls back to.
std::tm training_date();

// The chat template of the run. `choice`: none for the model's own (its template called "default",
// null result when it has none), "chatml" for ChatML, else a file. Throws IoError or FormatError.
std::optional<ChatTemplate> choose_chat_template(const TokenizerSettings& settings,
                                                 const std::optional<std::string>& choice);

// Immutable; safe from any thread.
class SampleEncoder {
 public:
  SampleEncoder(Tokenizer tokenizer,
                TokenizerSettings settings,
                std::optional<ChatTemplate> chat_template,
                LossOn loss_on);

  // Chats are rendered by the template and encoded without added tokens; targets are its replies,
  // after the first `prompt_messages` messages. A text is encoded as the tokenizer does by itself;
  // its prompt and it are one text for the tokenizer; `eos_token` ends it and is a target.
  //
  // Throws SampleRefused when there is no target, when the template refuses the conversation or
  // cannot tell its replies apart, when the tokenizer changes the text so much that the replies
  // cannot be found among its tokens, when there is no template for a chat or no eos_token for a
  // text.
  EncodedSample encode(const Sample& sample) const;

  // The text that encode() gives the tokenizer.
  std::string render(const Sample& sample) const;

  const Tokenizer& tokenizer() const { return tokenizer_; }
  const TokenizerSettings& settings() const { return settings_; }

 private:
  MarkedConversation mark(const Sample& sample) const;
  EncodedSample encode_spans(const MarkedConversation& marked, SpecialTokens mode) const;
  void end_text(EncodedSample& text) const;

  Tokenizer tokenizer_;
  TokenizerSettings settings_;
  std::optional<ChatTemplate> chat_template_;
  LossOn loss_on_;
};

}  // namespace longhaul
