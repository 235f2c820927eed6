#include "longhaul/data/describe.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "tests/data/mask_data.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::Not;

Sample chat(const std::string& question, const std::string& reply) {
  Sample sample;
  sample.shape = SampleShape::kMessages;
  sample.messages = {{"user", question, {}}, {"assistant", reply, {}}};
  return sample;
}

LoadedData one_chat(const SampleEncoder& encoder, const std::string& reply) {
  LoadedData data;
  data.files.push_back({"train.jsonl", SampleShape::kMessages, 1, 0, 0, 0, 0, 0, {}});
  data.train.add(encoder.encode(chat("Hi", reply)), {0, 17});
  return data;
}

TEST(ShowTokens, ShowsEveryTokenOnceWithItsMark) {
  const auto encoder = test::mask_encoder("smollm", "smollm2.jinja");
  const Sample sample = chat("emoji", "日本 🙂");
  Dataset dataset;
  dataset.add(encoder.encode(sample), {});

  const auto shown = show_tokens(dataset, 0, encoder.tokenizer());

  std::string text;
  for (std::size_t t = 0; t < shown.size(); ++t) {
    text += shown[t].text;
    EXPECT_EQ(shown[t].id, dataset.ids(0)[t]);
    EXPECT_EQ(shown[t].is_target, dataset.is_target(0, static_cast<std::int64_t>(t)));
  }
  EXPECT_EQ(text, encoder.render(sample));
  EXPECT_TRUE(shown[0].is_special);
}

TEST(LengthStatistics, TakesPercentilesByTheNearestRank) {
  std::vector<std::int64_t> lengths(200);
  std::iota(lengths.begin(), lengths.end(), std::int64_t{1});
  const auto statistics = length_statistics(lengths);

  EXPECT_EQ(statistics.least, 1);
  EXPECT_EQ(statistics.median, 100);
  EXPECT_EQ(statistics.percentile_90, 180);
  EXPECT_EQ(statistics.percentile_99, 198);
  EXPECT_EQ(statistics.most, 200);
  EXPECT_DOUBLE_EQ(statistics.mean, 100.5);
}

TEST(LengthStatistics, CountsEverySampleInOneBin) {
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{5}, {3, 9, 9, 14}, {1, 1000}, {10, 11, 12, 13, 22}}) {
    const auto histogram = length_statistics(lengths).histogram;
    std::int64_t samples = 0;
    for (std::size_t i = 0; i < histogram.size(); ++i) {
      samples += histogram[i].samples;
      if (i == 0) continue;
      EXPECT_EQ(histogram[i].least, histogram[i - 1].most + 1);
    }
    EXPECT_LE(histogram.size(), 12U);
    EXPECT_EQ(histogram.front().least, lengths.front());
    EXPECT_EQ(histogram.back().most, lengths.back());
    EXPECT_EQ(samples, static_cast<std::int64_t>(lengths.size()));
  }
}

TEST(DescribeData, ShowsTheSampleWithItsPlaceAndMask) {
  const auto encoder = test::mask_encoder("smollm", "smollm2.jinja");
  const auto data = one_chat(encoder, "Hello");
  const auto description = describe_data(data, encoder, {{128, 4, 0}, 1, 42});

  const std::string text = to_text(description, TargetMarks::kBrackets);
  EXPECT_THAT(text, HasSubstr("train.jsonl: messages, 1 samples"));
  EXPECT_THAT(text, HasSubstr("train.jsonl:17"));
  EXPECT_THAT(text, HasSubstr("<|im_start|>assistant\n[[Hello<|im_end|>\n]]"));
  EXPECT_EQ(description.micro_batches, 1);
  EXPECT_EQ(description.steps, 1);
  EXPECT_DOUBLE_EQ(description.fill_rate, static_cast<double>(data.train.tokens()) / 128.0);
}

TEST(DescribeData, ShowsControlCharactersInsteadOfObeyingThem) {
  const auto encoder = test::mask_encoder("smollm", "smollm2.jinja");
  const auto data = one_chat(encoder, "\x1b[2J");
  const auto description = describe_data(data, encoder, {});

  const std::string text = to_text(description, TargetMarks::kBrackets);
  EXPECT_THAT(text, HasSubstr("\\x1b[2J"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(DescribeData, WarnsWhenNoTargetEndsATurn) {
  const auto ended = test::mask_encoder("smollm", "tagged.jinja");
  const auto open = test::mask_encoder("smollm", "straddling.jinja");
  const auto text_with = [](const SampleEncoder& encoder) {
    return to_text(describe_data(one_chat(encoder, "Hello"), encoder, {}), TargetMarks::kBrackets);
  };

  EXPECT_THAT(text_with(ended), Not(HasSubstr("warning")));
  EXPECT_THAT(text_with(open), HasSubstr("would not learn when to stop"));
}

TEST(ToText, SaysWhatIsLeftOutAndWhy) {
  FileReport report;
  report.file = "train.jsonl";
  report.records = 1234;
  report.bad = 2;
  report.examples = {{7, "not JSON"}};
  report.truncated = 30;
  report.dropped = 4;
  report.divided = 1;
  report.pieces = 9;

  EXPECT_EQ(to_text(report),
            "train.jsonl: nothing recognised, 1,234 samples\n"
            "  2 cannot be used:\n"
            "    line 7: not JSON\n"
            "    and 1 more\n"
            "  30 are cut at max_length; 4 of them are dropped, because no target is left\n"
            "  1 texts are longer than max_length and become 9 pieces\n");
}

}  // namespace
}  // namespace longhaul
