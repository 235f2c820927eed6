#include "longhaul/data/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

// One buffer of bytes.
SampleReader::NextBytes bytes(std::string text) {
  return [text = std::move(text), is_given = false]() mutable -> std::string_view {
    return std::exchange(is_given, true) ? std::string_view() : std::string_view(text);
  };
}

using Item = std::variant<Sample, BadSample>;

std::vector<Item> read_all(SampleReader& reader) {
  std::vector<Item> items;
  while (auto item = reader.next()) items.push_back(std::move(*item));
  return items;
}

std::vector<Item> read_text(const std::string& text) {
  SampleReader reader(bytes(text));
  return read_all(reader);
}

Sample only_sample(const std::string& text) {
  const auto items = read_text(text);
  EXPECT_EQ(items.size(), 1U);
  if (const auto* bad = std::get_if<BadSample>(&items.at(0))) {
    ADD_FAILURE() << bad->reason;
    return {};
  }
  return std::get<Sample>(items[0]);
}

std::string reason(const std::string& text) {
  const auto items = read_text(text);
  const auto* bad = std::get_if<BadSample>(&items.at(0));
  if (bad == nullptr) ADD_FAILURE() << "is a good sample: " << text;
  return bad == nullptr ? "" : bad->reason;
}

// "role: content" of every message.
std::string conversation(const Sample& sample) {
  std::string text;
  for (const auto& message : sample.messages) {
    text += message.role + ": " + message.content.as_string() + "|";
  }
  return text;
}

TEST(SampleReader, RecognisesEveryShape) {
  const std::pair<const char*, SampleShape> cases[] = {
      {R"({"messages": [{"role": "user", "content": "a"}]})", SampleShape::kMessages},
      {R"({"conversations": [{"from": "human", "value": "a"}]})", SampleShape::kShareGpt},
      {R"({"instruction": "a", "output": "b"})", SampleShape::kAlpaca},
      {R"({"prompt": "a", "completion": "b"})", SampleShape::kPromptCompletion},
      {R"({"text": "a"})", SampleShape::kText},
  };
  for (const auto& [text, shape] : cases) EXPECT_EQ(only_sample(text).shape, shape) << text;
}

TEST(SampleReader, ReadsMessagesWithWhatTheTemplateMayName) {
  const Sample sample = only_sample(
      R"([{"id": 7, "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"},
          {"role": "assistant", "content": "Hello", "reasoning_content": "polite"}],
          "tools": [{"name": "t"}], "chat_template_kwargs": {"enable_thinking": false}}])");

  EXPECT_EQ(conversation(sample), "system: S|user: Hi|assistant: Hello|");
  ASSERT_EQ(sample.messages[2].extra.size(), 1U);
  EXPECT_EQ(sample.messages[2].extra[0].first, "reasoning_content");
  ASSERT_EQ(sample.variables.size(), 2U);
  EXPECT_EQ(sample.variables[0].second.dump(), R"([{"name":"t"}])");
  EXPECT_EQ(sample.variables[1].first, "enable_thinking");
}

TEST(SampleReader, JoinsTheTextPartsOfAMessage) {
  EXPECT_EQ(conversation(only_sample(R"({"messages": [{"role": "user", "content":)"
                                     R"([{"type": "text", "text": "a"}, {"text": "b"}]}]})")),
            "user: ab|");
}

TEST(SampleReader, TakesAMessageThatOnlyCallsTools) {
  const Sample sample = only_sample(
      R"({"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}]})");

  EXPECT_TRUE(sample.messages[0].content.is_null());
}

TEST(SampleReader, ReadsShareGptWithItsNamesOfRoles) {
  EXPECT_EQ(conversation(only_sample(
                R"({"system": "S", "conversations": [{"from": "human", "value": "a"},)"
                R"({"from": "gpt", "value": "b"}, {"from": "observation", "value": "c"},)"
                R"({"role": "assistant", "content": "d"}]})")),
            "system: S|user: a|assistant: b|tool: c|assistant: d|");
}

TEST(SampleReader, ReadsAlpacaAsAQuestionAndAReply) {
  EXPECT_EQ(conversation(only_sample(R"({"instruction": "Add", "input": "1 2", "output": "3"})")),
            "user: Add\n1 2|assistant: 3|");
  EXPECT_EQ(conversation(only_sample(R"({"instruction": "Add", "input": "", "output": "3"})")),
            "user: Add|assistant: 3|");
}

TEST(SampleReader, ReadsCompletionsOfStringsAndOfMessages) {
  const Sample strings = only_sample(R"({"prompt": "a", "completion": " b"})");
  EXPECT_EQ(strings.prompt, "a");
  EXPECT_EQ(strings.text, " b");
  EXPECT_FALSE(strings.is_chat());

  const Sample messages = only_sample(R"({"prompt": [{"role": "user", "content": "a"}],)"
                                      R"("completion": [{"role": "assistant", "content": "b"}]})");
  EXPECT_EQ(conversation(messages), "user: a|assistant: b|");
  EXPECT_EQ(messages.prompt_messages, 1U);
}

TEST(SampleReader, SaysWhyARecordIsNoSample) {
  EXPECT_THAT(reason("nonsense"), HasSubstr("not JSON"));
  EXPECT_THAT(reason("{\"text\": \"\xFF\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(reason("[1]"), HasSubstr("not a known sample"));
  EXPECT_THAT(reason(R"({"instruction": "a"})"), HasSubstr("not a known sample"));
  EXPECT_THAT(reason(R"({"text": 5})"), HasSubstr("text: got integer, expected string"));
  EXPECT_THAT(reason(R"({"text": " \n"})"), HasSubstr("empty"));
  EXPECT_THAT(reason(R"({"messages": []})"), HasSubstr("no messages"));
  EXPECT_THAT(reason(R"({"messages": [{"role": "user"}]})"),
              HasSubstr("messages[0]: a message needs content"));
  EXPECT_THAT(reason(R"({"messages": [{"role": "asistant", "content": "a"}]})"),
              HasSubstr("messages[0].role: role \"asistant\" is unknown"));
  EXPECT_THAT(reason(R"({"messages": [{"role": "user", "content": [{"type": "image"}]}]})"),
              HasSubstr("part of type \"image\""));
  EXPECT_THAT(reason(R"({"conversations": [{"from": "function_call", "value": "a"}]})"),
              HasSubstr("\"function_call\" is unknown"));
  EXPECT_THAT(reason(R"({"instruction": "a", "output": "b", "history": [["c", "d"]]})"),
              HasSubstr("history"));
  EXPECT_THAT(reason(R"({"messages": [{"role": "user", "content": "a"}],)"
                     R"("chat_template_kwargs": {"messages": []}})"),
              HasSubstr("may not be set here"));
}

TEST(SampleReader, SurvivesDeepNesting) {
  EXPECT_THAT(reason("{\"text\": " + std::string(100000, '[')), HasSubstr("nested deeper"));
}

TEST(SampleReader, HoldsEveryRecordToTheShapeOfTheFirstGoodOne) {
  const auto items = read_text(
      "broken\n{\"text\": \"a\"}\n{\"prompt\": \"a\", \"completion\": \"b\"}\n"
      "{\"text\": \"b\"}\n");

  ASSERT_EQ(items.size(), 4U);
  EXPECT_EQ(std::get<BadSample>(items[0]).line, 1);
  EXPECT_EQ(std::get<Sample>(items[1]).line, 2);
  EXPECT_EQ(std::get<BadSample>(items[2]).line, 3);
  EXPECT_THAT(std::get<BadSample>(items[2]).reason,
              HasSubstr("of shape prompt/completion, the file has text"));
  EXPECT_EQ(std::get<Sample>(items[3]).text, "b");
}

TEST(SampleReader, ReportsTheShapeAfterTheFirstGoodSample) {
  SampleReader reader(bytes("{\"text\": \"a\"}"));
  EXPECT_FALSE(reader.shape());
  read_all(reader);
  EXPECT_EQ(reader.shape(), SampleShape::kText);
}

TEST(SampleReader, ReadsATextFileAsOneDocument) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "book.txt", "line 1\n{\"text\": 1}\n");
  SampleReader reader(folder / "book.txt");

  const auto items = read_all(reader);
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(std::get<Sample>(items[0]).text, "line 1\n{\"text\": 1}\n");
  EXPECT_EQ(reader.shape(), SampleShape::kText);
}

TEST(SampleReader, RefusesADocumentThatIsNotUtf8) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "book.txt", "caf\xE9");
  SampleReader reader(folder / "book.txt");

  EXPECT_THAT(std::get<BadSample>(read_all(reader).at(0)).reason, HasSubstr("not UTF-8"));
}

TEST(SampleReader, ReadsALongFileChunkByChunk) {
  const test::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 30000; ++i) text += "{\"text\": \"sample " + std::to_string(i) + "\"}\n";
  test::write_bytes(folder / "many.jsonl", text);
  SampleReader reader(folder / "many.jsonl");

  const auto items = read_all(reader);
  ASSERT_EQ(items.size(), 30000U);
  EXPECT_EQ(std::get<Sample>(items[29999]).text, "sample 29999");
  EXPECT_EQ(std::get<Sample>(items[29999]).line, 30000);
}

TEST(SampleReader, RefusesKindsOfFilesThatItDoesNotRead) {
  const test::TemporaryFolder folder;
  test::write_bytes(folder / "data.parquet", "PAR1");

  EXPECT_THROW(SampleReader(folder / "data.parquet"), FormatError);
  EXPECT_THROW(SampleReader(folder / "missing.jsonl"), IoError);
  EXPECT_THROW(SampleReader(folder.path()), IoError);
}

TEST(QuestionHashes, AreEqualForTheSameQuestionInAnyShape) {
  const auto hashes = [](const char* text) { return question_hashes(only_sample(text)); };
  const auto asked = hashes(R"({"messages": [{"role": "user", "content": "What is  it?\n"}]})");

  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(hashes(R"({"instruction": "what is it?", "output": "b"})"), asked);
  EXPECT_EQ(hashes(R"({"prompt": " What is it?", "completion": "c"})"), asked);
  EXPECT_NE(hashes(R"({"prompt": "What was it?", "completion": "c"})"), asked);
}

TEST(QuestionHashes, HaveOneForEveryUserMessage) {
  const auto hashes = question_hashes(only_sample(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},)"
      R"({"role": "user", "content": "c"}, {"role": "user", "content": "a"}]})"));

  ASSERT_EQ(hashes.size(), 3U);
  EXPECT_EQ(hashes[0], hashes[2]);
  EXPECT_NE(hashes[0], hashes[1]);
}

TEST(QuestionHashes, AreOfTheWholeWhereNothingIsAsked) {
  const auto reply = [](const std::string& content) {
    return question_hashes(
        only_sample(R"({"messages": [{"role": "assistant", "content": ")" + content + "\"}]}"));
  };

  EXPECT_EQ(reply("a"), reply("A"));
  EXPECT_NE(reply("a"), reply("b"));
}

}  // namespace
}  // namespace longhaul
