// Chat templates of published models against transformers, and which bytes are the assistant's
// against transformers' generation tags and TRL (tests/golden/make_template_golden.py).
#include "longhaul/text/chat_template.h"

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace longhaul {
namespace {

using ::testing::HasSubstr;

const std::string kData = std::string(LONGHAUL_TEST_DATA) + "/text/";

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

ChatTemplate template_named(const std::string& name) {
  return ChatTemplate::parse(read(kData + "templates/" + name + ".jinja"), name + ".jinja");
}

struct Conversation {
  std::vector<Message> messages;
  RenderOptions options;
};

Conversation conversation_from(const Json& json) {
  Conversation conversation;
  for (const Json& message : json.at("messages").elements()) {
    Message made{message.as_string("role"), message.find("content")};
    for (const auto& [key, value] : message.members()) {
      if (key != "role" && key != "content") made.extra.emplace_back(key, value);
    }
    conversation.messages.push_back(made);
  }
  conversation.options.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  const Json variables = json.find("variables");
  if (variables.is_object()) {
    for (const auto& member : variables.members()) conversation.options.variables.push_back(member);
  }
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  conversation.options.now = time;
  return conversation;
}

// One row of template_expected.jsonl with what it is about.
struct Golden {
  Json row;
  ChatTemplate chat_template;
  Conversation conversation;
};

std::vector<Golden> read_golden() {
  const Json conversations =
      Json::parse(read(kData + "template_conversations.json"), "template_conversations.json");
  std::map<std::string, ChatTemplate> templates;
  std::vector<Golden> golden;
  std::ifstream file(kData + "template_expected.jsonl", std::ios::binary);
  std::string line;
  std::getline(file, line);  // versions
  while (std::getline(file, line)) {
    const Json row = Json::parse(line, "template_expected.jsonl");
    const std::string name = row.as_string("template");
    if (!templates.contains(name)) templates.emplace(name, template_named(name));
    Golden one{row,
               templates.at(name),
               conversation_from(conversations.at(row.as_string("conversation")))};
    one.conversation.options.add_generation_prompt = row.as_bool("prompt");
    golden.push_back(one);
  }
  return golden;
}

std::string describe(const Json& row) {
  return row.as_string("template") + ": " + row.as_string("conversation");
}

// One char per byte of `text`: # where a span covers it.
std::string mask_of(const std::string& text, const std::vector<TextSpan>& spans) {
  std::string mask(text.size(), '.');
  for (const TextSpan& span : spans) {
    for (std::size_t i = span.begin; i < span.end; ++i) mask.at(i) = '#';
  }
  return mask;
}

std::vector<TextSpan> spans_from(const Json& json) {
  std::vector<TextSpan> spans;
  for (const Json& pair : json.elements()) {
    spans.push_back({static_cast<std::size_t>(pair.at(std::size_t{0}).as_int()),
                     static_cast<std::size_t>(pair.at(std::size_t{1}).as_int())});
  }
  return spans;
}

// What the spans cover, one piece per span.
std::vector<std::string> pieces(const MarkedConversation& marked) {
  std::vector<std::string> covered;
  for (const TextSpan& span : marked.assistant) {
    covered.push_back(marked.text.substr(span.begin, span.end - span.begin));
  }
  return covered;
}

const std::vector<Message> kTwoTurns{
    {"user", "One?"}, {"assistant", "1"}, {"user", "Two?"}, {"assistant", "2"}};

RenderOptions with_tokens() {
  return {.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}};
}

TEST(ChatTemplate, RendersElevenTemplatesAsTransformersDoes) {
  int texts = 0;
  for (const Golden& golden : read_golden()) {
    const auto& [messages, options] = golden.conversation;
    if (golden.row.contains("text")) {
      ++texts;
      EXPECT_EQ(golden.chat_template.render(messages, options).text, golden.row.as_string("text"))
          << describe(golden.row);
      continue;
    }
    try {
      ADD_FAILURE() << describe(golden.row) << " gives "
                    << golden.chat_template.render(messages, options).text;
    } catch (const ConversationRefused& refusal) {
      if (golden.row.contains("raised")) {
        EXPECT_EQ(refusal.what(), golden.row.as_string("raised")) << describe(golden.row);
      }
    }
  }
  EXPECT_GT(texts, 300);
}

TEST(ChatTemplate, MarksWhatGenerationTagsEncloseAsTransformersDoes) {
  int compared = 0;
  for (const Golden& golden : read_golden()) {
    if (!golden.row.contains("spans")) continue;
    const MarkedConversation marked = golden.chat_template.mark_replies(
        golden.conversation.messages, golden.conversation.options);
    EXPECT_EQ(mask_of(marked.text, marked.assistant),
              mask_of(marked.text, spans_from(golden.row.at("spans"))))
        << describe(golden.row);
    ++compared;
  }
  EXPECT_GT(compared, 15);
}

// TRL writes the tags into its variants of these templates by hand. For Qwen 2.5 it counts the line
// break after `assistant` as the model's, though the generation prompt ends with it.
TEST(ChatTemplate, MarksRepliesWithoutTagsAsTrlDoes) {
  int compared = 0;
  for (const Golden& golden : read_golden()) {
    if (!golden.row.contains("trl_spans")) continue;
    const auto& [messages, options] = golden.conversation;
    // What comes before the first question has no prompt; TRL's tags do not need one.
    if (messages.front().role == "assistant") continue;
    const MarkedConversation marked = golden.chat_template.mark_replies(messages, options);
    std::vector<TextSpan> expected = spans_from(golden.row.at("trl_spans"));
    if (golden.row.as_string("template") == "qwen2_5") {
      for (TextSpan& span : expected) {
        ASSERT_EQ(marked.text[span.begin], '\n');
        ++span.begin;
      }
    }
    EXPECT_EQ(mask_of(marked.text, marked.assistant), mask_of(marked.text, expected))
        << describe(golden.row) << "\n"
        << marked.text;
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

TEST(MarkReplies, HasTheEndOfTurnTokenInsideTheSpan) {
  EXPECT_THAT(pieces(template_named("smollm2").mark_replies(kTwoTurns)),
              ::testing::ElementsAre("1<|im_end|>\n", "2<|im_end|>\n"));
  EXPECT_THAT(pieces(template_named("llama2").mark_replies(kTwoTurns, with_tokens())),
              ::testing::ElementsAre(" 1 </s>", " 2 </s>"));
}

TEST(MarkReplies, LeavesTheLineBreakAfterTheTurnToTheTag) {
  EXPECT_THAT(pieces(template_named("chatml_generation").mark_replies(kTwoTurns)),
              ::testing::ElementsAre("1<|im_end|>", "2<|im_end|>"));
}

TEST(MarkReplies, GivesTheTokenThatEndsEveryRenderingToTheLastReplyOnly) {
  EXPECT_THAT(pieces(template_named("phi3").mark_replies(kTwoTurns, with_tokens())),
              ::testing::ElementsAre("1<|end|>\n", "2<|end|>\n</s>"));
}

TEST(MarkReplies, FindsNoSpanWhereTheLastWordIsTheUsers) {
  const std::vector<Message> question{{"user", "One?"}};
  EXPECT_TRUE(template_named("smollm2").mark_replies(question).assistant.empty());
}

TEST(MarkReplies, SpansCountBytesOfUtf8) {
  const std::vector<Message> messages{{"user", "Ü?"}, {"assistant", "Größe 👋"}};
  EXPECT_THAT(pieces(template_named("chatml_generation").mark_replies(messages)),
              ::testing::ElementsAre("Größe 👋<|im_end|>"));
}

TEST(MarkReplies, RefusesTemplatesThatDropTheReasoningOfEarlierReplies) {
  const std::vector<Message> messages{{"user", "One?"},
                                      {"assistant", "<think>\nhm\n</think>\n\n1"},
                                      {"user", "Two?"},
                                      {"assistant", "2"}};
  try {
    template_named("qwen3").mark_replies(messages);
    FAIL() << "nothing was refused";
  } catch (const ConversationRefused& refusal) {
    EXPECT_THAT(refusal.what(), HasSubstr("qwen3.jinja: message 2 (assistant)"));
    EXPECT_THAT(refusal.what(), HasSubstr("drop the reasoning of earlier replies"));
  }
}

TEST(MarkReplies, RefusesATemplateWhoseBeginningDependsOnTheEnd) {
  const ChatTemplate counting = ChatTemplate::parse(
      "{{ messages | length }}{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}",
      "t");
  EXPECT_THROW(counting.mark_replies(kTwoTurns), ConversationRefused);
}

TEST(MarkReplies, RefusesAGenerationTagInsideAMacro) {
  const ChatTemplate hidden = ChatTemplate::parse(
      "{% macro reply(m) %}{% generation %}{{ m.content }}{% endgeneration %}{% endmacro %}"
      "{% for m in messages %}{{ reply(m) }}{% endfor %}",
      "t");
  EXPECT_EQ(hidden.render(kTwoTurns).text, "One?1Two?2");
  EXPECT_EQ(hidden.render(kTwoTurns).unplaced_generation, 4U);
  EXPECT_THROW(hidden.mark_replies(kTwoTurns), ConversationRefused);
}

TEST(MarkReplies, DemandsAConversationWithoutAGenerationPrompt) {
  EXPECT_THROW(template_named("smollm2").mark_replies(kTwoTurns, {.add_generation_prompt = true}),
               InvalidArgument);
}

TEST(ChatTemplate, KnowsWhetherItHasAGenerationTag) {
  EXPECT_TRUE(template_named("chatml_generation").has_generation_tag());
  EXPECT_FALSE(template_named("qwen3").has_generation_tag());
  EXPECT_FALSE(ChatTemplate::parse("{# {% generation %} #}", "t").has_generation_tag());
}

TEST(ChatTemplate, LeavesVariablesThatAreNotGivenUndefined) {
  const ChatTemplate reads = ChatTemplate::parse(
      "{{ bos_token is defined }}{{ tools is none }}{{ documents is none }}", "t");
  EXPECT_EQ(reads.render({}).text, "FalseTrueTrue");
  EXPECT_EQ(reads.render({}, with_tokens()).text, "TrueTrueTrue");
}

TEST(ChatTemplate, HandsReasoningToTheTemplateUnderBothNames) {
  const ChatTemplate reads = ChatTemplate::parse(
      "{% for m in messages %}{{ m.reasoning_content }},{{ m.thinking }}{% endfor %}", "t");
  for (const char* name : {"reasoning", "thinking", "reasoning_content"}) {
    const std::vector<Message> messages{{"assistant", "x", {{name, "why"}}}};
    EXPECT_EQ(reads.render(messages).text, "why,why") << name;
  }
}

TEST(ChatTemplate, LeavesOutMembersThatAreNull) {
  const ChatTemplate reads = ChatTemplate::parse("{{ messages[0] | tojson }}", "t");
  const std::vector<Message> messages{{"assistant", Json(), {{"name", Json()}, {"id", 5}}}};
  EXPECT_EQ(reads.render(messages).text, R"({"role": "assistant", "id": 5})");
}

TEST(ChatTemplate, StopsAtItsLimitOfWork) {
  const ChatTemplate prints = ChatTemplate::parse("{{ 'x' * 1000 }}", "t");
  EXPECT_EQ(prints.render({}, {.work_limit = 10000}).text.size(), 1000U);
  EXPECT_THROW(prints.render({}, {.work_limit = 500}), ConversationRefused);
}

TEST(ChatTemplate, IsSharedByThreads) {
  const ChatTemplate shared = template_named("qwen3");
  const std::string expected = shared.render(kTwoTurns).text;
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&shared, &text] {
      for (int i = 0; i < 20; ++i) text = shared.render(kTwoTurns).text;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(texts, ::testing::Each(expected));
}

TEST(ChatTemplate, RefusesTheSystemRoleWithTheTemplatesOwnWords) {
  const std::vector<Message> messages{{"system", "Be brief."}, {"user", "Hi"}};
  try {
    template_named("gemma2").render(messages, with_tokens());
    FAIL() << "nothing was refused";
  } catch (const ConversationRefused& refusal) {
    EXPECT_STREQ(refusal.what(), "System role not supported");
  }
}

}  // namespace
}  // namespace longhaul
