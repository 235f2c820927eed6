#include "longhaul/data/samples.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "hash.h"

namespace longhaul {
namespace {

using RoleName = std::pair<std::string_view, std::string_view>;  // as written, as templates say it

// A misspelt role would lose a reply without a word from templates that take any role.
constexpr std::array kRoles = {RoleName{"system", "system"},
                               RoleName{"developer", "developer"},
                               RoleName{"user", "user"},
                               RoleName{"assistant", "assistant"},
                               RoleName{"tool", "tool"},
                               RoleName{"function", "function"},
                               RoleName{"ipython", "ipython"}};

constexpr std::array kShareGptRoles = {RoleName{"human", "user"},
                                       RoleName{"user", "user"},
                                       RoleName{"gpt", "assistant"},
                                       RoleName{"chatgpt", "assistant"},
                                       RoleName{"assistant", "assistant"},
                                       RoleName{"system", "system"},
                                       RoleName{"tool", "tool"},
                                       RoleName{"observation", "tool"}};

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\n\r") == std::string_view::npos;
}

std::string role_of(const Json& name, std::span<const RoleName> roles) {
  const std::string& text = name.as_string();
  const auto found = std::find_if(
      roles.begin(), roles.end(), [&](const RoleName& role) { return role.first == text; });
  if (found != roles.end()) return std::string(found->second);
  std::string known;
  for (const RoleName& role : roles) known += concat(known.empty() ? "" : ", ", role.first);
  throw SampleRefused(concat(name.where(), ": role \"", text, "\" is unknown, expected ", known));
}

// The text of a message's content: a string, or parts of text that stand after each other.
Json content_of(const Json& content) {
  if (!content.is_array()) return content.as_string();
  std::string text;
  for (const Json& part : content.elements()) {
    const std::string type = part.string_or("type", "text");
    if (type != "text") {
      throw SampleRefused(
          concat(part.where(), ": got a part of type \"", type, "\", expected text"));
    }
    text += part.as_string("text");
  }
  return text;
}

Message chat_message(const Json& json) {
  Message message{role_of(json.at("role"), kRoles), Json(), {}};
  const Json content = json.find("content");
  const bool calls_tools = json.contains("tool_calls") && !json.at("tool_calls").is_null();
  if (content.is_null() && !calls_tools) {
    throw SampleRefused(concat(json.where(), ": a message needs content or tool_calls"));
  }
  if (!content.is_null()) message.content = content_of(content);
  for (const auto& [key, value] : json.members()) {
    if (key != "role" && key != "content") message.extra.emplace_back(key, value);
  }
  return message;
}

Message share_gpt_message(const Json& json) {
  if (!json.contains("from") && json.contains("role")) return chat_message(json);
  return {role_of(json.at("from"), kShareGptRoles), json.at("value").as_string(), {}};
}

template <class MakeMessage>
void append_messages(const Json& list, const MakeMessage& make_message, Sample& sample) {
  for (const Json& message : list.elements()) sample.messages.push_back(make_message(message));
}

void append_system(const Json& record, Sample& sample) {
  const std::string system = record.string_or("system", "");
  if (!system.empty()) sample.messages.push_back({"system", system, {}});
}

void append_variables(const Json& record, Sample& sample) {
  for (const std::string_view name : {"tools", "documents"}) {
    const Json value = record.find(name);
    if (!value.is_null()) sample.variables.emplace_back(name, value);
  }
  const Json more = record.find("chat_template_kwargs");
  if (more.is_null()) return;
  constexpr std::array<std::string_view, 4> kTaken = {
      "messages", "add_generation_prompt", "tools", "documents"};
  for (auto& member : more.members()) {
    if (std::find(kTaken.begin(), kTaken.end(), member.first) != kTaken.end()) {
      throw SampleRefused(concat(member.second.where(), ": may not be set here"));
    }
    sample.variables.push_back(std::move(member));
  }
}

void read_alpaca(const Json& record, Sample& sample) {
  const Json history = record.find("history");
  if (!history.is_null() && history.size() > 0) {
    throw SampleRefused("history: earlier turns are not read in this shape; use messages");
  }
  append_system(record, sample);
  const std::string input = record.string_or("input", "");
  std::string question = record.as_string("instruction");
  if (!input.empty()) question += (question.empty() ? "" : "\n") + input;
  sample.messages.push_back({"user", std::move(question), {}});
  sample.messages.push_back({"assistant", record.as_string("output"), {}});
}

void read_completion(const Json& record, Sample& sample) {
  const Json prompt = record.at("prompt");
  const Json completion = record.at("completion");
  if (!prompt.is_array()) {
    sample.prompt = prompt.as_string();
    sample.text = completion.as_string();
    return;
  }
  append_messages(prompt, chat_message, sample);
  sample.prompt_messages = sample.messages.size();
  append_messages(completion, chat_message, sample);
  append_variables(record, sample);
}

void read_record(const Json& record, Sample& sample) {
  switch (sample.shape) {
    case SampleShape::kMessages:
      append_messages(record.at("messages"), chat_message, sample);
      append_variables(record, sample);
      break;
    case SampleShape::kShareGpt:
      append_system(record, sample);
      append_messages(record.at("conversations"), share_gpt_message, sample);
      append_variables(record, sample);
      break;
    case SampleShape::kAlpaca: read_alpaca(record, sample); break;
    case SampleShape::kPromptCompletion: read_completion(record, sample); break;
    case SampleShape::kText:
      sample.text = record.as_string("text");
      if (is_blank(sample.text)) throw SampleRefused("text: it is empty");
      return;
  }
  const bool is_string_completion = record.find("prompt").is_string();
  if (sample.messages.empty() && !is_string_completion) {
    throw SampleRefused("the conversation has no messages");
  }
}

std::uint64_t hash_of_question(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!is_space) {
      plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    } else if (!plain.empty() && plain.back() != ' ') {
      plain += ' ';
    }
  }
  if (!plain.empty() && plain.back() == ' ') plain.pop_back();
  Hash hash;
  hash.add(plain);
  return hash.value();
}

}  // namespace

SampleRefused::~SampleRefused() = default;

std::string_view name_of(SampleShape shape) {
  switch (shape) {
    case SampleShape::kMessages: return "messages";
    case SampleShape::kShareGpt: return "sharegpt";
    case SampleShape::kAlpaca: return "alpaca";
    case SampleShape::kPromptCompletion: return "prompt/completion";
    case SampleShape::kText: return "text";
  }
  return "";
}

std::optional<SampleShape> recognise(const Json& record) {
  if (!record.is_object()) return std::nullopt;
  const auto has = [&](std::string_view key) { return record.contains(key); };
  if (has("messages")) return SampleShape::kMessages;
  if (has("conversations")) return SampleShape::kShareGpt;
  if (has("instruction") && has("output")) return SampleShape::kAlpaca;
  if (has("prompt") && has("completion")) return SampleShape::kPromptCompletion;
  if (has("text")) return SampleShape::kText;
  return std::nullopt;
}

Sample make_sample(const Json& record, SampleShape shape) {
  Sample sample;
  sample.shape = shape;
  try {
    read_record(record, sample);
  } catch (const FormatError& error) {  // a member is missing or of another kind
    throw SampleRefused(error.what());
  }
  return sample;
}

std::vector<std::uint64_t> question_hashes(const Sample& sample) {
  std::vector<std::uint64_t> hashes;
  std::string everything;
  for (const Message& message : sample.messages) {
    if (!message.content.is_string()) continue;
    const std::string& content = message.content.as_string();
    everything += concat(message.role, ": ", content, "\n");
    if (message.role == "user" && !is_blank(content)) hashes.push_back(hash_of_question(content));
  }
  if (!hashes.empty()) return hashes;
  if (sample.is_chat()) return {hash_of_question(everything)};
  return {hash_of_question(is_blank(sample.prompt) ? sample.text : sample.prompt)};
}

}  // namespace longhaul
