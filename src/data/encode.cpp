#include "longhaul/data/encode.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/io/input_file.h"

namespace longhaul {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

// Marks the tokens from the first to the last whose bytes meet a span. What stands between and has
// no bytes, such as the prefix that a tokenizer puts before a word, is a part of it.
void mark_spans(std::span<const TextSpan> tokens,
                std::span<const TextSpan> targets,
                std::vector<bool>& is_target) {
  std::size_t first = 0;
  for (const TextSpan& target : targets) {
    while (first < tokens.size() && tokens[first].end <= target.begin) ++first;
    std::size_t end = first;
    for (std::size_t t = first; t < tokens.size() && tokens[t].begin < target.end; ++t) {
      if (tokens[t].end > tokens[t].begin) end = t + 1;
    }
    for (std::size_t t = first; t < end; ++t) is_target[t] = true;
  }
}

RenderOptions render_options(const Sample& sample, const TokenizerSettings& settings) {
  RenderOptions options;
  options.now = training_date();
  options.variables = sample.variables;
  for (const auto& token : settings.named_tokens) {
    const bool is_given =
        std::any_of(sample.variables.begin(), sample.variables.end(), [&](const auto& variable) {
          return variable.first == token.first;
        });
    if (!is_given) options.variables.emplace_back(token.first, token.second);
  }
  return options;
}

SpecialTokens added_tokens(const Sample& sample) {
  return sample.is_chat() ? SpecialTokens::kNone : SpecialTokens::kAdd;
}

// The parts of `spans` from byte `begin` on.
std::vector<TextSpan> after(std::size_t begin, std::vector<TextSpan> spans) {
  for (TextSpan& span : spans) span.begin = std::max(span.begin, begin);
  std::erase_if(spans, [](const TextSpan& span) { return span.begin >= span.end; });
  return spans;
}

}  // namespace

std::int64_t count_targets(const EncodedSample& sample) {
  return std::count(sample.is_target.begin(), sample.is_target.end(), true);
}

std::tm training_date() {
  std::tm date{};
  date.tm_year = 2024 - 1900;
  date.tm_mon = 6;
  date.tm_mday = 26;
  date.tm_wday = 5;
  date.tm_yday = 207;
  return date;
}

std::optional<ChatTemplate> choose_chat_template(const TokenizerSettings& settings,
                                                 const std::optional<std::string>& choice) {
  if (!choice) {
    const ChatTemplateSource* own = settings.find_chat_template();
    if (own == nullptr) return std::nullopt;
    return ChatTemplate::parse(own->text, own->source);
  }
  if (*choice == "chatml") return ChatTemplate::parse(kChatMl, "chatml");
  return ChatTemplate::parse(read_text_file(*choice), *choice);
}

SampleEncoder::SampleEncoder(Tokenizer tokenizer,
                             TokenizerSettings settings,
                             std::optional<ChatTemplate> chat_template,
                             LossOn loss_on)
    : tokenizer_(std::move(tokenizer)),
      settings_(std::move(settings)),
      chat_template_(std::move(chat_template)),
      loss_on_(loss_on) {}

EncodedSample SampleEncoder::encode(const Sample& sample) const {
  const MarkedConversation marked = mark(sample);
  const bool is_whole_text = !sample.is_chat() && sample.prompt.empty();
  EncodedSample encoded;
  if (loss_on_ == LossOn::kAll || is_whole_text) {
    encoded.ids = tokenizer_.encode(marked.text, added_tokens(sample));
    encoded.is_target.assign(encoded.ids.size(), true);
  } else {
    encoded = encode_spans(marked, added_tokens(sample));
  }
  if (!sample.is_chat()) end_text(encoded);
  if (!encoded.ids.empty()) encoded.is_target.front() = false;
  if (count_targets(encoded) == 0) throw SampleRefused("no token is a target: there is no reply");
  return encoded;
}

EncodedSample SampleEncoder::encode_spans(const MarkedConversation& marked,
                                          SpecialTokens mode) const {
  try {
    Encoding encoding = tokenizer_.encode_with_spans(marked.text, mode);
    EncodedSample encoded{std::move(encoding.ids), {}};
    encoded.is_target.resize(encoded.ids.size());
    mark_spans(encoding.spans, marked.assistant, encoded.is_target);
    return encoded;
  } catch (const FormatError& error) {
    throw SampleRefused(error.what());
  }
}

void SampleEncoder::end_text(EncodedSample& text) const {
  if (!settings_.eos) {
    throw SampleRefused("the tokenizer has no eos_token, which ends a text or a completion");
  }
  if (text.ids.empty() || text.ids.back() != *settings_.eos) {
    text.ids.push_back(*settings_.eos);
    text.is_target.push_back(true);
  }
  text.is_target.back() = true;  // also where the post-processor added it
}

std::string SampleEncoder::render(const Sample& sample) const {
  return mark(sample).text;
}

MarkedConversation SampleEncoder::mark(const Sample& sample) const {
  if (!sample.is_chat()) {
    const std::size_t begin = sample.prompt.size();
    MarkedConversation marked{sample.prompt + sample.text, {}};
    if (!sample.text.empty()) marked.assistant = {{begin, marked.text.size()}};
    return marked;
  }
  if (!chat_template_) {
    throw SampleRefused(
        "a conversation needs a chat template and the model has none: set data.chat_template to "
        "chatml or a file");
  }
  try {
    RenderOptions options = render_options(sample, settings_);
    MarkedConversation marked = chat_template_->mark_replies(sample.messages, options);
    if (sample.prompt_messages == 0) return marked;
    options.add_generation_prompt = true;
    const auto prompt = std::span(sample.messages).first(sample.prompt_messages);
    const std::string before = chat_template_->render(prompt, options).text;
    if (!marked.text.starts_with(before)) {
      throw SampleRefused("the rendered prompt is no prefix of the rendered conversation");
    }
    marked.assistant = after(before.size(), std::move(marked.assistant));
    return marked;
  } catch (const ConversationRefused& refused) {
    throw SampleRefused(refused.what());
  }
}

}  // namespace longhaul
