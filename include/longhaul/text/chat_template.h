// A model's chat template: conversations in, the text that the model was trained to see out, and
// which bytes of it the assistant wrote.
//
// The language is the part of Jinja2 that published templates use, with the meaning it has in
// `transformers`: block tags swallow the newline after them and the indentation before them, values
// cannot be changed in place, `break`, `continue` and `generation` tags exist, `tojson` keeps
// Unicode and HTML as they are, `raise_exception` and `strftime_now` can be called.
// docs/chat-templates.md lists what is understood and what it costs.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/text/text_span.h"

namespace longhaul {

// One turn. The template sees an object with the keys `role`, `content` and those of `extra`; null
// members are left out. Reasoning may stand under `reasoning_content`, `thinking` or `reasoning`:
// the template finds it under the first two names.
struct Message {
  std::string role;
  Json content;  // a string; an array of parts where the template takes them; null: left out
  Json::Members extra = {};  // reasoning_content, tool_calls, name, ...
};

struct RenderOptions {
  bool add_generation_prompt = false;
  // What the template may name besides `messages` and `add_generation_prompt`: bos_token,
  // eos_token, tools, documents, enable_thinking, ... `tools` and `documents` are none where they
  // are not given; any other name is undefined.
  Json::Members variables = {};
  // What strftime_now formats, with every field set as localtime_r sets them; absent: the local
  // time of the call.
  std::optional<std::tm> now = std::nullopt;
  // Bounds time and memory against hostile templates: an evaluated node or a written byte is one
  // unit, a list element 24. A rendering takes at most twice as many bytes; the limit is reached
  // within 2 seconds, and never in earnest: a conversation of 1 MB takes about 6 million units.
  std::int64_t work_limit = std::int64_t{1} << 27;
};

struct Rendered {
  std::string text;                       // UTF-8
  std::vector<TextSpan> generation = {};  // what `generation` tags enclose, in order
  // How many of these tags ran inside a macro or a captured block: where their text went is not
  // known.
  std::size_t unplaced_generation = 0;
};

// A conversation as training sees it.
struct MarkedConversation {
  std::string text;                 // UTF-8
  std::vector<TextSpan> assistant;  // the targets, in order, disjoint, none empty
};

// The template does not take this conversation: it called raise_exception, used what is undefined,
// went over the limit of work, or replies cannot be told from the rest. The message says which.
class LONGHAUL_VISIBLE ConversationRefused : public Error {
 public:
  using Error::Error;
  ~ConversationRefused() override;
};

// A parsed template; immutable, copies share it, safe from any thread.
class ChatTemplate {
 public:
  // `name` is what messages call the template, a file's name for example. Throws FormatError with
  // the line for a syntax error and for a construct that is not understood.
  static ChatTemplate parse(std::string_view source, std::string name);

  // Throws ConversationRefused, or FormatError with the line where the template turns out to use
  // what is not understood (a method, an attribute) only when it runs.
  Rendered render(std::span<const Message> messages, const RenderOptions& options = {}) const;

  // The whole conversation and the spans of its replies (messages with the role "assistant"): what
  // the template's `generation` tags enclose where it has them. Else a reply is what rendering up
  // to and with it adds to rendering the messages before it with the generation prompt, so it has
  // the end-of-turn token and what the template writes after it; an `eos_token` that ends every
  // rendering belongs to the last reply only. `options.add_generation_prompt` must be false.
  //
  // Throws ConversationRefused also when a shorter rendering is no prefix of the longer, as with
  // templates that drop the reasoning of earlier replies. Costs two renderings per reply.
  MarkedConversation mark_replies(std::span<const Message> messages,
                                  const RenderOptions& options = {}) const;

  bool has_generation_tag() const;
  const std::string& source() const;

 private:
  struct Program;
  explicit ChatTemplate(std::shared_ptr<const Program> program);
  MarkedConversation marked_by_tags(Rendered whole) const;

  std::shared_ptr<const Program> program_;
};

}  // namespace longhaul
