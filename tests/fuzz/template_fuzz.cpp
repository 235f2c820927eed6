// Any bytes as a chat template, rendered over a conversation with everything in it: text in valid
// UTF-8, ConversationRefused or FormatError, within the limit of work; and the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/core/utf8.h"
#include "longhaul/text/chat_template.h"

namespace {

using longhaul::ChatTemplate;
using longhaul::Json;
using longhaul::Message;
using longhaul::RenderOptions;

const std::vector<Message>& conversation() {
  static const std::vector<Message> messages{
      {"system", "Be brief. <b>&</b>"},
      {"user",
       Json::parse(R"([{"type": "text", "text": "Grüße 👋\u2028"}, {"n": [1, 2.5, null]}])", "c")},
      {"assistant",
       "a</think>b",
       {{"tool_calls",
         Json::parse(R"([{"function": {"name": "f", "arguments": {"x": 1}}}])", "c")}}},
      {"user", "One?"},
      {"assistant", " 1\n", {{"reasoning", "why"}}}};
  return messages;
}

RenderOptions options() {
  RenderOptions made;
  made.variables = {
      {"bos_token", "<s>"},
      {"eos_token", "</s>"},
      {"tools", Json::parse(R"([{"type": "function", "function": {"name": "f"}}])", "c")}};
  made.now = std::tm{};
  made.work_limit = 300000;
  return made;
}

// What a template makes of the conversation, or why not.
std::string outcome(const ChatTemplate& chat_template) {
  try {
    const longhaul::MarkedConversation marked =
        chat_template.mark_replies(conversation(), options());
    std::size_t end = 0;
    for (const longhaul::TextSpan& span : marked.assistant) {
      if (span.begin < end || span.end <= span.begin || span.end > marked.text.size()) std::abort();
      end = span.end;
    }
    if (!longhaul::is_utf8(marked.text)) std::abort();
    return marked.text;
  } catch (const longhaul::ConversationRefused& refusal) {
    return refusal.what();
  } catch (const longhaul::FormatError& error) {
    return error.what();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const ChatTemplate chat_template =
        ChatTemplate::parse({reinterpret_cast<const char*>(data), size}, "input");
    if (outcome(chat_template) != outcome(chat_template)) std::abort();
  } catch (const longhaul::FormatError&) {
  }
  return 0;
}
