#include "longhaul/config/document.h"

#include <array>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using Kind = ConfigNode::Kind;

Document parse(std::string_view text) {
  return parse_document(text, "run.yaml");
}

std::string refusal_of(std::string_view text) {
  try {
    parse(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

Document with_overrides(std::string_view text, const std::vector<std::string>& overrides) {
  Document document = parse(text);
  apply_overrides(document, overrides);
  return document;
}

TEST(ParseDocument, KnowsTheLineOfEveryKeyAndValue) {
  const Document document = parse("# a comment\nmodel: x\n\ndata:\n  train: [1,\n    two]\n");

  const ConfigEntry& data = document.root.entries.at(1);
  EXPECT_EQ(data.key, "data");
  EXPECT_EQ(data.place, (Place{"run.yaml", 4}));
  const ConfigNode& train = *find(data.value, "train");
  EXPECT_EQ(train.place.line, 5);
  EXPECT_EQ(train.items.at(1).text, "two");
  EXPECT_EQ(train.items.at(1).place.line, 6);
}

TEST(ParseDocument, TellsTextFromPlainScalars) {
  const Document document = parse("a: 5\nb: \"5\"\nc: '5'\nd: |\n  5\ne:\nf: ~\n");
  EXPECT_FALSE(find(document.root, "a")->is_quoted);
  EXPECT_TRUE(find(document.root, "b")->is_quoted);
  EXPECT_TRUE(find(document.root, "c")->is_quoted);
  EXPECT_TRUE(find(document.root, "d")->is_quoted);
  EXPECT_EQ(find(document.root, "e")->kind, Kind::kNull);
  EXPECT_EQ(find(document.root, "f")->kind, Kind::kNull);
}

TEST(ParseDocument, TakesAnEmptyFile) {
  EXPECT_EQ(parse("# nothing\n").root.kind, Kind::kNull);
}

TEST(ParseDocument, ReportsRepeatedKeysWithBothLines) {
  const Document document = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n");
  EXPECT_EQ(document.problems.text(),
            "run.yaml:2: c: repeated key, first given on line 2\n"
            "run.yaml:3: a: repeated key, first given on line 1");
  EXPECT_EQ(find(document.root, "a")->text, "1");
}

TEST(ParseDocument, ReportsAnchorsAndTagsAndMarksAliases) {
  const Document document = parse("a: &x 1\nb: *x\nc: !!int 3\n");
  EXPECT_THAT(document.problems.text(), HasSubstr("run.yaml:1: anchor &x"));
  EXPECT_THAT(document.problems.text(), HasSubstr("run.yaml:3: tag tag:yaml.org,2002:int"));
  EXPECT_EQ(find(document.root, "b")->kind, Kind::kAlias);
}

TEST(ParseDocument, NamesTheLineOfASyntaxError) {
  EXPECT_THAT(refusal_of("a: 1\nb: [1, 2\n"), HasSubstr("run.yaml:"));
  EXPECT_THAT(refusal_of("a: 1\nb: [1, 2\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(refusal_of("a: b: c\n"), HasSubstr("run.yaml:1: not valid YAML"));
  EXPECT_THAT(refusal_of("a:\n\t- b\n"), HasSubstr("run.yaml:2: not valid YAML"));
}

TEST(ParseDocument, RefusesWhatIsNoMap) {
  EXPECT_EQ(refusal_of("hello\n"), "run.yaml:1: got hello, expected `key: value` lines");
  EXPECT_EQ(refusal_of("- a\n- b\n"), "run.yaml:1: got a list of 2, expected `key: value` lines");
}

TEST(ParseDocument, RefusesASecondDocument) {
  EXPECT_THAT(refusal_of("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
}

TEST(ParseDocument, RefusesKeysThatAreNoText) {
  EXPECT_THAT(refusal_of("? [a, b]\n: 1\n"), HasSubstr("run.yaml:1: a key that is no plain text"));
  EXPECT_THAT(refusal_of("~: 1\n"), HasSubstr("a key that is no plain text"));
}

TEST(ParseDocument, RefusesBytesThatAreNoText) {
  EXPECT_EQ(refusal_of("a: \xFF\n"), "run.yaml: not UTF-8 text");
  EXPECT_EQ(refusal_of(std::string_view("a: 1\nb: \0\n", 10)), "run.yaml:2: control character 0");
}

TEST(ParseDocument, BoundsDepthSizeAndNumberOfValues) {
  EXPECT_THAT(refusal_of(concat("a: ", std::string(40, '['), std::string(40, ']'))),
              HasSubstr("nested deeper than 32 levels"));
  EXPECT_THAT(refusal_of(std::string(kMaxDocumentBytes + 1, ' ')), HasSubstr("expected at most"));
  std::string many;
  for (int i = 0; i <= kMaxDocumentNodes; ++i) many += concat("k", i, ": 1\n");
  EXPECT_THAT(refusal_of(many), HasSubstr("more than 10000 values"));
}

TEST(ParseDocument, AnswersABillionLaughsAtOnce) {
  std::string laughs = "a0: &a0 [lol, lol]\n";
  for (int i = 1; i < 30; ++i) {
    laughs += concat("a", i, ": &a", i, " [*a", i - 1);
    for (int k = 0; k < 9; ++k) laughs += concat(", *a", i - 1);
    laughs += "]\n";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(parse(laughs).problems.is_empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(LoadDocument, NamesAMissingFile) {
  EXPECT_THROW(load_document("/nonexistent/run.yaml"), IoError);
}

TEST(ApplyOverrides, ReplacesValuesAndRemembersWhereTheyCameFrom) {
  const Document document =
      with_overrides("data: {train: a, eval: b}\n", {"data.train=c", "seed=7", "l=[1, 2]"});

  EXPECT_TRUE(document.problems.is_empty());
  const ConfigNode& data = *find(document.root, "data");
  EXPECT_EQ(find(data, "train")->text, "c");
  EXPECT_EQ(find(data, "train")->place, (Place{"--set"}));
  EXPECT_EQ(find(data, "eval")->text, "b");
  EXPECT_EQ(find(document.root, "seed")->text, "7");
  EXPECT_EQ(find(document.root, "l")->items.size(), 2U);
}

TEST(ApplyOverrides, MergesSections) {
  const Document document = with_overrides("data: {train: a, eval: b}\n", {"data={eval: c, x: d}"});
  const ConfigNode& data = *find(document.root, "data");
  EXPECT_EQ(find(data, "train")->text, "a");
  EXPECT_EQ(find(data, "eval")->text, "c");
  EXPECT_EQ(find(data, "x")->text, "d");
}

TEST(ApplyOverrides, LetsTheLastOneWin) {
  EXPECT_EQ(find(with_overrides("", {"a=1", "a=2"}).root, "a")->text, "2");
}

TEST(ApplyOverrides, KeepsEqualsSignsAndSpacesOfTheValue) {
  EXPECT_EQ(find(with_overrides("", {"a=b=c d"}).root, "a")->text, "b=c d");
}

TEST(ApplyOverrides, ReportsWhatIsNoOverride) {
  for (const char* text : {"novalue", "=1", "a..b=1", "a.=1", ".a=1", "a=[1", "a=1\nb: 2"}) {
    EXPECT_FALSE(with_overrides("", {text}).problems.is_empty()) << text;
  }
}

TEST(Describe, SaysWhatStandsThere) {
  const Document document = parse("a: -3\nb: 'x'\nc: [1, 2]\nd: {}\ne:\n");
  std::vector<std::string> words;
  for (const ConfigEntry& entry : document.root.entries) words.push_back(describe(entry.value));
  EXPECT_THAT(words, testing::ElementsAre("-3", "\"x\"", "a list of 2", "a section", "nothing"));
}

TEST(Describe, CutsLongTextBetweenCharacters) {
  ConfigNode node;
  node.kind = Kind::kScalar;
  for (int i = 0; i < 40; ++i) node.text += "\xE2\x82\xAC";
  node.text.insert(0, "x");
  EXPECT_EQ(describe(node).size(), 1U + 19U * 3U + 3U);
}

TEST(ToYamlScalar, ReadsBackAsTheSameText) {
  for (const std::string text : {"plain",
                                 "runs/first",
                                 "two words",
                                 "",
                                 " ",
                                 "a ",
                                 " a",
                                 "null",
                                 "~",
                                 "true",
                                 "5",
                                 "a: b",
                                 "a #b",
                                 "#",
                                 "- a",
                                 "-",
                                 "[x]",
                                 "\"quoted\"",
                                 "back\\slash",
                                 "tab\there",
                                 "new\nline",
                                 "\x7F",
                                 "Gr\xC3\xBC\xC3\x9F"
                                 "e",
                                 "&a",
                                 "*a",
                                 "!t",
                                 "%",
                                 "@",
                                 "`",
                                 "...",
                                 "---",
                                 "|",
                                 ">",
                                 "?",
                                 "a,b",
                                 "{",
                                 "'",
                                 "Null"}) {
    const Document document = parse("key: " + to_yaml_scalar(text) + "\nafter: 1\n");
    ASSERT_EQ(document.root.entries.size(), 2U) << text;
    EXPECT_EQ(document.root.entries.front().value.kind, Kind::kScalar) << text;
    EXPECT_EQ(document.root.entries.front().value.text, text);
  }
}

TEST(ToQuotedYamlScalar, IsTextWhateverItSays) {
  for (const std::string text : {"none", "5", "a", "a\"b\\c", ""}) {
    const Document document = parse(concat("key: ", to_quoted_yaml_scalar(text)));
    EXPECT_TRUE(document.root.entries.front().value.is_quoted);
    EXPECT_EQ(document.root.entries.front().value.text, text);
  }
}

TEST(ToYamlScalar, LeavesOrdinaryPathsPlain) {
  EXPECT_EQ(to_yaml_scalar("models/SmolLM2-135M"), "models/SmolLM2-135M");
  EXPECT_EQ(to_yaml_scalar("../data/train.jsonl"), "../data/train.jsonl");
}

}  // namespace
}  // namespace longhaul
