#include "longhaul/core/json.h"

#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Json parse(std::string_view text) {
  return Json::parse(text, "config.json");
}

// The message of the FormatError that `action` throws; empty when it throws none.
template <class Action>
std::string message_of(const Action& action) {
  try {
    action();
  } catch (const FormatError& error) {
    return error.what();
  }
  return {};
}

TEST(JsonParse, KeepsTheKindsOfValues) {
  const Json json = parse(R"([null, true, 3, 3.0, "x", [], {}])");
  const std::vector<Json::Kind> expected = {Json::Kind::kNull,
                                            Json::Kind::kBool,
                                            Json::Kind::kInt,
                                            Json::Kind::kFloat,
                                            Json::Kind::kString,
                                            Json::Kind::kArray,
                                            Json::Kind::kObject};
  ASSERT_EQ(json.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(json.at(i).kind(), expected[i]);
}

TEST(JsonParse, KeepsTheOrderOfKeys) {
  std::string order;
  for (const auto& [key, value] : parse(R"({"z": 1, "a": 2, "m": 3})").members()) order += key;
  EXPECT_EQ(order, "zam");
}

TEST(JsonParse, FindsEveryKeyOfALargeObject) {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += concat(i ? "," : "", "\"key", i, "\":", i);
  const Json json = parse(text + "}");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(json.as_int(concat("key", i)), i);
  EXPECT_FALSE(json.contains("key1000"));
}

TEST(JsonParse, DecodesEscapes) {
  EXPECT_EQ(parse(R"("\u00e9\ud83d\ude00\n\u0000")").as_string(),
            std::string("\u00e9\U0001F600\n\0", 8));
}

TEST(JsonParse, TurnsIntegersBeyondInt64IntoFloats) {
  EXPECT_EQ(parse("9223372036854775807").as_int(), INT64_MAX);
  EXPECT_EQ(parse("-9223372036854775808").as_int(), INT64_MIN);
  EXPECT_EQ(parse("9223372036854775808").kind(), Json::Kind::kFloat);
  EXPECT_EQ(parse("1000000000000000019884624838656").as_double(), 1e30);
}

TEST(JsonParse, NamesSourceLineAndColumnOfASyntaxError) {
  const std::string message = message_of([] { parse("{\n  \"a\": 1,\n}"); });
  EXPECT_THAT(message, StartsWith("config.json: not JSON: line 3, column 1"));
}

TEST(JsonParse, RefusesWhatIsNotJson) {
  for (const std::string text :
       {"",         " ",     "{",     "[1,]",       "{\"a\" 1}", "nul",     "01",
        "1 2",      "NaN",   "'a'",   "[1] x",      "// c\n1",   "\"\\x\"", "\"\\ud800\"",
        "\"a\nb\"", "1e999", "\"abc", "{\"a\":1,}", "{1:2}",     "-",       "+1"}) {
    EXPECT_THROW(parse(text), FormatError) << text;
  }
}

TEST(JsonParse, RefusesInvalidUtf8) {
  EXPECT_THROW(parse("\"\xff\""), FormatError);
  EXPECT_THROW(parse("\"\xc0\xaf\""), FormatError);      // overlong
  EXPECT_THROW(parse("\"\xed\xa0\x80\""), FormatError);  // surrogate
}

TEST(JsonParse, RefusesARepeatedKeyAndNamesItsPlace) {
  EXPECT_EQ(message_of([] { parse(R"({"a": {"b": 1, "c": 2, "b": 3}})"); }),
            "config.json: a: key \"b\" occurs more than once");
}

TEST(JsonParse, RefusesNestingBeyondTheLimit) {
  const std::string deep = std::string(128, '[') + std::string(128, ']');
  EXPECT_EQ(parse(deep).size(), 1U);
  EXPECT_THAT(message_of([] { parse(std::string(1'000'000, '[')); }),
              HasSubstr("nested deeper than 128 levels"));
}

TEST(JsonParse, RefusesATextBeyondTheLimit) {
  EXPECT_THROW(Json::parse("[1,2]", "x", {.depth = 8, .bytes = 4}), FormatError);
}

TEST(JsonAccess, NamesSourcePathAndKindsOfAMismatch) {
  const Json json = parse(R"({"rope_scaling": {"factors": [1, "two"]}})");
  EXPECT_EQ(message_of([&] { json.at("rope_scaling").at("factors").at(1).as_double(); }),
            "config.json: rope_scaling.factors[1]: got string, expected number");
}

TEST(JsonAccess, NamesTheRootWithoutAPath) {
  EXPECT_EQ(message_of([] { parse("[]").at("a"); }), "config.json: got array, expected object");
}

TEST(JsonAccess, NamesAMissingKey) {
  EXPECT_EQ(message_of([] { parse(R"({"a": {}})").at("a").as_int("hidden_size"); }),
            "config.json: a.hidden_size: missing");
}

TEST(JsonAccess, QuotesUnusualKeysInPaths) {
  EXPECT_EQ(parse(R"({"a b": {"": [0]}})").at("a b").at("").at(0).where(),
            R"(config.json: ["a b"][""][0])");
}

TEST(JsonAccess, AnIntegerIsNoBoolAndAFloatIsNoInteger) {
  EXPECT_THROW(parse("1").as_bool(), FormatError);
  EXPECT_THROW(parse("1.0").as_int(), FormatError);
  EXPECT_EQ(parse("1").as_double(), 1.0);
}

TEST(JsonAccess, FallsBackWhenAMemberIsMissingOrNull) {
  const Json json = parse(R"({"window": null, "theta": 5, "name": "x", "tied": true})");
  EXPECT_EQ(json.int_or("window", 7), 7);
  EXPECT_EQ(json.int_or("absent", 8), 8);
  EXPECT_EQ(json.double_or("theta", 1.0), 5.0);
  EXPECT_EQ(json.string_or("name", "y"), "x");
  EXPECT_TRUE(json.bool_or("tied", false));
  EXPECT_THROW(json.int_or("name", 1), FormatError);
}

TEST(JsonAccess, AHandleKeepsItsDocumentAlive) {
  const Json inner = parse(R"({"a": {"b": "long enough to be on the heap"}})").at("a");
  EXPECT_EQ(inner.as_string("b"), "long enough to be on the heap");
}

TEST(JsonAccess, RefusesAnIndexOutOfRange) {
  EXPECT_THROW(parse("[1]").at(1), InvalidArgument);
}

TEST(JsonBuild, MakesNestedValues) {
  const Json json = Json::make_object(
      {{"b", Json::make_array({1, 2.5, "x", true, Json()})}, {"a", std::int64_t{1} << 40}});
  EXPECT_EQ(json.dump(), R"({"b":[1,2.5,"x",true,null],"a":1099511627776})");
}

TEST(JsonBuild, NamesItsSourceInMessages) {
  const Json json = Json::make_object({{"a", 1}}, "model.gguf");
  EXPECT_EQ(message_of([&] { json.as_bool("a"); }), "model.gguf: a: got integer, expected bool");
}

TEST(JsonBuild, RefusesRepeatedKeysAndInvalidUtf8) {
  EXPECT_THROW(Json::make_object({{"a", 1}, {"a", 2}}), InvalidArgument);
  EXPECT_THROW(Json("\xff"), InvalidArgument);
  EXPECT_THROW(Json::make_object({{"\xff", 1}}), InvalidArgument);
}

TEST(JsonDump, WritesOneMemberPerLineWhenIndented) {
  EXPECT_EQ(parse(R"({"a":[1,2],"b":{},"c":[]})").dump(2),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
}

TEST(JsonDump, ReadsBackAsTheSameValue) {
  const Json json = parse(
      R"({"i":-5,"f":0.1,"whole":3.0,"tiny":5e-324,"big":1.7976931348623157e308,"s":"q\"\\\u0001\té"})");
  EXPECT_EQ(parse(json.dump()), json);
  EXPECT_EQ(parse(json.dump(4)), json);
}

TEST(JsonDump, WritesNumbersAsPeopleDo) {
  EXPECT_EQ(Json::make_array({100000.0, 1e-5, 0.1, 1e16, 0.0001, -0.0, 123456.789}).dump(),
            "[100000.0,1e-05,0.1,1e+16,0.0001,-0.0,123456.789]");
}

TEST(JsonDump, WritesNonFiniteNumbersAsNull) {
  EXPECT_EQ(Json::make_array({std::nan(""), INFINITY}).dump(), "[null,null]");
}

TEST(JsonEquality, SeesKindOrderAndContent) {
  EXPECT_NE(parse("1"), parse("1.0"));
  EXPECT_NE(parse(R"({"a":1,"b":2})"), parse(R"({"b":2,"a":1})"));
  EXPECT_NE(parse("[1]"), parse("[1,2]"));
  EXPECT_NE(parse("true"), parse("false"));
  EXPECT_EQ(parse("[null, {\"a\": 1.5}]"), parse("[null,{\"a\":1.5}]"));
}

}  // namespace
}  // namespace longhaul
