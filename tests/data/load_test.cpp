#include "longhaul/data/load.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/data/mask_data.h"
#include "tests/support/temporary_folder.h"

namespace longhaul {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string completion(int question) {
  const std::string number = std::to_string(question);
  return R"({"prompt": "Question )" + number + R"(?", "completion": " Reply )" + number + "\"}\n";
}

std::string completions(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += completion(i);
  return text;
}

class LoadData : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& name, const std::string& content) {
    test::write_bytes(folder / name, content);
    return folder / name;
  }

  LoadedData load(const std::string& train, const HeldOut& held_out = {}) {
    return load_data({{file("train.jsonl", train)}, held_out}, encoder, rules, pool);
  }

  std::string refusal(const std::string& train, const HeldOut& held_out = {}) {
    try {
      load(train, held_out);
    } catch (const FormatError& error) {
      return error.what();
    }
    ADD_FAILURE() << "was not refused";
    return {};
  }

  std::string text_of(const Dataset& dataset, std::int64_t sample) const {
    return encoder.tokenizer().decode(dataset.ids(sample), true);
  }

  const test::TemporaryFolder folder;
  const SampleEncoder encoder = test::mask_encoder("smollm", "smollm2.jinja");
  LoadRules rules;
  ThreadPool pool{2};
};

TEST_F(LoadData, ReadsEverySampleInOrderWithItsSource) {
  const auto data = load(completions(600));

  ASSERT_EQ(data.train.size(), 600);
  EXPECT_EQ(data.held_out.size(), 0);
  EXPECT_EQ(text_of(data.train, 599), "Question 599? Reply 599");
  EXPECT_EQ(data.train.source(599), (SampleSource{0, 600}));
  EXPECT_EQ(data.files[0].shape, SampleShape::kPromptCompletion);
  EXPECT_EQ(data.files[0].records, 600);
}

TEST_F(LoadData, GivesTheSameForAnyNumberOfThreads) {
  ThreadPool one(1);
  ThreadPool seven(7);
  const DataSources sources{{file("train.jsonl", completions(600))}, 0.1};
  const auto a = load_data(sources, encoder, rules, one);
  const auto b = load_data(sources, encoder, rules, seven);

  EXPECT_EQ(a.train.fingerprint(), b.train.fingerprint());
  EXPECT_EQ(a.held_out.fingerprint(), b.held_out.fingerprint());
}

TEST_F(LoadData, RefusesBadSamplesWithFileLineReasonAndCount) {
  const auto message = refusal(completion(1) + "{\"prompt\": 3, \"completion\": \"a\"}\nbroken\n");

  EXPECT_THAT(message, HasSubstr("2 of 3 samples cannot be used"));
  EXPECT_THAT(message, HasSubstr("train.jsonl:2: "));
  EXPECT_THAT(message, HasSubstr("train.jsonl:3: not JSON"));
  EXPECT_THAT(message, HasSubstr("data.on_bad_sample"));
}

TEST_F(LoadData, NamesTheFirstTenBadSamplesAndCountsTheRest) {
  std::string text;
  for (int i = 0; i < 25; ++i) text += "broken\n";
  const auto message = refusal(text);

  EXPECT_THAT(message, AllOf(HasSubstr("25 of 25"), HasSubstr("jsonl:10:"), HasSubstr("15 more")));
  EXPECT_THAT(message, Not(HasSubstr("jsonl:11:")));
}

TEST_F(LoadData, SkipsBadSamplesWhenAskedTo) {
  rules.on_bad_sample = OnBadSample::kSkip;
  const auto data = load(completion(1) + "broken\n" + completion(2));

  EXPECT_EQ(data.train.size(), 2);
  EXPECT_EQ(data.files[0].bad, 1);
  ASSERT_EQ(data.files[0].examples.size(), 1U);
  EXPECT_EQ(data.files[0].examples[0].line, 2);
}

TEST_F(LoadData, DoesNotStartWithoutATargetToken) {
  rules.on_bad_sample = OnBadSample::kSkip;

  EXPECT_THAT(refusal("broken\n"),
              AllOf(HasSubstr("no sample with a target"), HasSubstr("not JSON")));
  EXPECT_THAT(refusal(""), HasSubstr("0 samples"));
  EXPECT_THAT(refusal(R"({"messages": [{"role": "user", "content": "a"}]})"),
              HasSubstr("there is no reply"));
}

TEST_F(LoadData, CutsLongCompletionsAndDropsThoseWithoutATarget) {
  rules.max_length = 12;
  const std::string words = "one two three four five six seven eight nine ten";
  const auto data =
      load(R"({"prompt": "a", "completion": ")" + words + "\"}\n" + R"({"prompt": ")" + words +
           R"(", "completion": "a"})"
           "\n" +
           R"({"prompt": "a", "completion": "b"})");

  ASSERT_EQ(data.train.size(), 2);
  EXPECT_EQ(data.train.length(0), 12);
  EXPECT_EQ(data.files[0].truncated, 2);
  EXPECT_EQ(data.files[0].dropped, 1);
  EXPECT_EQ(data.files[0].bad, 0);
}

TEST_F(LoadData, CutsALongTextIntoPiecesThatPredictEveryTokenOnce) {
  const std::string record =
      R"({"text": "one two three four five six seven eight nine ten eleven twelve thirteen"})";
  const auto whole = load(record);
  for (std::int64_t max_length = 2; max_length < whole.train.length(0); ++max_length) {
    rules.max_length = max_length;
    const auto data = load(record);

    ASSERT_GT(data.train.size(), 1);
    EXPECT_EQ(data.files[0].divided, 1);
    EXPECT_EQ(data.files[0].pieces, data.train.size());
    EXPECT_EQ(data.train.target_tokens(), whole.train.target_tokens());
    std::vector<TokenId> joined{data.train.ids(0)[0]};
    for (std::int64_t i = 0; i < data.train.size(); ++i) {
      EXPECT_LE(data.train.length(i), max_length);
      const auto ids = data.train.ids(i);
      EXPECT_EQ(ids.front(), joined.back());
      joined.insert(joined.end(), ids.begin() + 1, ids.end());
    }
    EXPECT_TRUE(std::equal(joined.begin(), joined.end(), whole.train.ids(0).begin()));
  }
}

TEST_F(LoadData, HoldsOutAFractionThatSharesNoQuestionWithTraining) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += completion(i % 100);
  const auto data = load(text, 0.1);

  std::set<std::string> trained;
  for (std::int64_t i = 0; i < data.train.size(); ++i) trained.insert(text_of(data.train, i));
  ASSERT_EQ(data.held_out.size(), 30);
  EXPECT_EQ(data.train.size(), 270);
  for (std::int64_t i = 0; i < 30; ++i) EXPECT_FALSE(trained.contains(text_of(data.held_out, i)));
}

TEST_F(LoadData, KeepsThePiecesOfATextOnOneSide) {
  rules.max_length = 3;
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += R"({"text": "this is text number )" + std::to_string(i) + "\"}\n";
  }
  const auto data = load(text, 0.5);

  std::set<std::int64_t> lines;
  for (std::int64_t i = 0; i < data.train.size(); ++i) lines.insert(data.train.source(i).line);
  for (std::int64_t i = 0; i < data.held_out.size(); ++i) {
    EXPECT_FALSE(lines.contains(data.held_out.source(i).line));
  }
}

TEST_F(LoadData, RefusesAFractionThatNoGroupFits) {
  std::string text;
  for (int i = 0; i < 10; ++i) text += completion(1);

  EXPECT_THAT(refusal(text, 0.1), HasSubstr("none of the 10 training samples can be held out"));
}

TEST_F(LoadData, CountsSharedQuestionsOfAFileOfItsOwn) {
  const auto held_out = file("eval.jsonl", completion(5) + completion(1000));
  const auto data = load(completions(10), held_out);

  EXPECT_EQ(data.held_out.size(), 2);
  EXPECT_EQ(data.shared_questions, 1);
  EXPECT_EQ(data.held_out.source(0).file, 1);
  EXPECT_THAT(data.files[1].file, HasSubstr("eval.jsonl"));
}

TEST_F(LoadData, RefusesAnEmptyFileOfHeldOutSamples) {
  EXPECT_THAT(refusal(completions(10), file("eval.jsonl", "")),
              AllOf(HasSubstr("eval.jsonl"), Not(HasSubstr("train.jsonl"))));
}

TEST_F(LoadData, NamesAFileThatIsNotThere) {
  EXPECT_THROW(load_data({{folder / "missing.jsonl"}, {}}, encoder, rules, pool), IoError);
}

}  // namespace
}  // namespace longhaul
