#include "longhaul/text/chat_template.h"

#include <algorithm>
#include <array>
#include <utility>

#include "jinja_interpreter.h"
#include "jinja_machine.h"
#include "jinja_operators.h"
#include "jinja_parser.h"

namespace longhaul {

namespace {

using jinja::Machine;
using jinja::Member;
using jinja::Value;

// `json` outlives the machine, so that its strings need no copies; keys do.
Value value_from(Machine& machine, const Json& json) {
  const jinja::Nesting nesting(machine);
  switch (json.kind()) {
    case Json::Kind::kNull: return {};
    case Json::Kind::kBool: return json.as_bool();
    case Json::Kind::kInt: return json.as_int();
    case Json::Kind::kFloat: return json.as_double();
    case Json::Kind::kString: return std::string_view(json.as_string());
    case Json::Kind::kArray: {
      std::vector<Value> elements;
      for (const Json& element : json.elements()) elements.push_back(value_from(machine, element));
      return machine.list(elements);
    }
    case Json::Kind::kObject: break;
  }
  std::vector<Member> members;
  for (const auto& [key, member] : json.members()) {
    members.push_back({machine.text(key), value_from(machine, member)});
  }
  return machine.dict(members);
}

void set(std::vector<Member>& members, std::string_view key, const Value& value) {
  const auto found = std::find_if(members.begin(), members.end(), [&](const Member& member) {
    return member.key.text() == key;
  });
  if (found != members.end()) {
    found->value = value;
  } else {
    members.push_back({key, value});
  }
}

// As transformers 5 hands a message to the template.
Value value_from(Machine& machine, const Message& message) {
  constexpr std::array<std::string_view, 3> kReasoning{
      "reasoning_content", "thinking", "reasoning"};
  std::vector<Member> members{{"role", std::string_view(message.role)}};
  if (!message.content.is_null()) {
    members.push_back({"content", value_from(machine, message.content)});
  }
  for (const auto& [key, json] : message.extra) {
    if (!json.is_null()) set(members, key, value_from(machine, json));
  }
  for (const std::string_view name : kReasoning) {
    const Value* reasoning = jinja::find_member(machine, members, name);
    if (reasoning == nullptr) continue;
    const Value text = *reasoning;
    if (jinja::find_member(machine, members, "thinking") == nullptr) {
      members.insert(members.begin(), {"thinking", text});
    }
    set(members, "reasoning_content", text);
    break;
  }
  return machine.dict(members);
}

std::vector<Member> variables_of(Machine& machine,
                                 std::span<const Message> messages,
                                 const RenderOptions& options) {
  std::vector<Value> conversation;
  conversation.reserve(messages.size());
  for (const Message& message : messages) conversation.push_back(value_from(machine, message));
  std::vector<Member> variables{{"messages", machine.list(conversation)},
                                {"tools", {}},
                                {"documents", {}},
                                {"add_generation_prompt", options.add_generation_prompt}};
  for (const auto& [name, json] : options.variables) {
    set(variables, name, value_from(machine, json));
  }
  return variables;
}

std::string eos_of(const RenderOptions& options) {
  for (const auto& [name, json] : options.variables) {
    if (name == "eos_token" && json.is_string()) return json.as_string();
  }
  return {};
}

[[noreturn]] void refuse_reply(const std::string& template_name,
                               std::size_t index,
                               std::string_view why) {
  throw ConversationRefused(concat(template_name, ": message ", index + 1, " (assistant): ", why));
}

// The end of a reply in `whole`: where the conversation up to and with it ends. Nothing where
// `upto`, its rendering, is no prefix.
std::optional<std::size_t> end_in(std::string_view whole,
                                  std::string_view upto,
                                  std::string_view eos) {
  if (whole.starts_with(upto)) return upto.size();
  if (eos.empty() || !upto.ends_with(eos)) return std::nullopt;
  upto.remove_suffix(eos.size());
  if (whole.starts_with(upto)) return upto.size();
  return std::nullopt;
}

}  // namespace

ConversationRefused::~ConversationRefused() = default;

struct ChatTemplate::Program {
  std::shared_ptr<const jinja::Program> syntax;
};

ChatTemplate::ChatTemplate(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

ChatTemplate ChatTemplate::parse(std::string_view source, std::string name) {
  return ChatTemplate(
      std::make_shared<const Program>(Program{jinja::parse_template(source, std::move(name))}));
}

Rendered ChatTemplate::render(std::span<const Message> messages,
                              const RenderOptions& options) const {
  const jinja::Program& syntax = *program_->syntax;
  Machine machine(syntax.template_name, options.work_limit, options.now);
  const std::vector<Member> variables = variables_of(machine, messages, options);
  jinja::Interpreter interpreter(machine, syntax, variables);
  interpreter.run();
  return {interpreter.output(), interpreter.generation(), interpreter.unplaced_generation()};
}

MarkedConversation ChatTemplate::mark_replies(std::span<const Message> messages,
                                              const RenderOptions& options) const {
  require(!options.add_generation_prompt,
          "mark_replies: a generation prompt has no place in a whole conversation");
  RenderOptions complete = options;
  if (!complete.now.has_value()) complete.now = jinja::local_time();  // one for all renderings
  Rendered whole = render(messages, complete);
  if (has_generation_tag()) return marked_by_tags(std::move(whole));
  const std::string& name = program_->syntax->template_name;
  RenderOptions prompting = complete;
  prompting.add_generation_prompt = true;
  const std::string eos = eos_of(options);
  std::vector<TextSpan> spans;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    const std::string before = render(messages.first(i), prompting).text;
    if (!whole.text.starts_with(before)) {
      refuse_reply(name, i, "the text before it depends on the reply or on what follows");
    }
    const bool is_last = i + 1 == messages.size();
    const std::string upto = is_last ? whole.text : render(messages.first(i + 1), complete).text;
    const std::optional<std::size_t> end = end_in(whole.text, upto, is_last ? "" : eos);
    if (!end.has_value() || *end < before.size()) {
      refuse_reply(
          name,
          i,
          "the text up to it changes when more messages follow, as with templates that drop "
          "the reasoning of earlier replies");
    }
    if (*end > before.size()) spans.push_back({before.size(), *end});
  }
  return {std::move(whole.text), std::move(spans)};
}

MarkedConversation ChatTemplate::marked_by_tags(Rendered whole) const {
  if (whole.unplaced_generation > 0) {
    throw ConversationRefused(
        concat(program_->syntax->template_name,
               ": a generation tag stands in a macro or a captured block, from where its place in "
               "the text is not known"));
  }
  std::erase_if(whole.generation, [](const TextSpan& span) { return span.begin == span.end; });
  return {std::move(whole.text), std::move(whole.generation)};
}

bool ChatTemplate::has_generation_tag() const {
  return program_->syntax->has_generation_tag;
}

const std::string& ChatTemplate::source() const {
  return program_->syntax->source;
}

}  // namespace longhaul
