// The interpreter behind chat templates, against Jinja itself
// (tests/golden/make_template_golden.py) and where it draws its own lines: what is refused by name,
// and what hostile templates may cost.
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"
#include "longhaul/core/json.h"
#include "longhaul/text/chat_template.h"

namespace longhaul {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<Json> read_lines(const std::string& name) {
  const std::string path = std::string(LONGHAUL_TEST_DATA) + "/text/" + name;
  std::ifstream file(path, std::ios::binary);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(Json::parse(line, path));
  return rows;
}

std::tm golden_time() {
  std::tm time{};
  time.tm_year = 124;
  time.tm_mon = 6;
  time.tm_mday = 26;
  time.tm_hour = 13;
  time.tm_min = 4;
  time.tm_sec = 5;
  time.tm_wday = 5;
  time.tm_yday = 207;
  return time;
}

std::string render(std::string_view source,
                   const Json::Members& variables = {},
                   std::int64_t work_limit = RenderOptions().work_limit) {
  RenderOptions options;
  options.variables = variables;
  options.work_limit = work_limit;
  options.now = golden_time();
  return ChatTemplate::parse(source, "t.jinja").render({}, options).text;
}

// "refused: ..." or "wrong: ..." where there is no text.
std::string outcome(std::string_view source,
                    const Json::Members& variables = {},
                    std::int64_t work_limit = RenderOptions().work_limit) {
  try {
    return render(source, variables, work_limit);
  } catch (const ConversationRefused& refusal) {
    return concat("refused: ", refusal.what());
  } catch (const FormatError& error) {
    return concat("wrong: ", error.what());
  }
}

// What a row of jinja_expected.jsonl says about `got`; empty when they agree.
std::string difference(const Json& row, const std::string& got) {
  if (row.contains("text")) return got == row.as_string("text") ? "" : row.as_string("text");
  if (row.contains("raised")) {
    const std::string wanted = "refused: " + row.as_string("raised");
    return got == wanted ? "" : wanted;
  }
  const std::string wanted = row.as_string("error") == "syntax" ? "wrong: " : "refused: ";
  return got.starts_with(wanted) ? "" : wanted + "...";
}

TEST(Jinja, RendersEveryGoldenCaseAsJinjaDoes) {
  const std::vector<Json> rows = read_lines("jinja_expected.jsonl");
  ASSERT_GT(rows.size(), 1000U);
  const Json::Members variables = rows.front().at("variables").members();
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::string got = outcome(rows[i].as_string("template"), variables);
    EXPECT_EQ(difference(rows[i], got), "") << rows[i].as_string("template") << "\ngives\n" << got;
  }
}

TEST(Jinja, KnowsThatTheGoldenComparisonCanFail) {
  const Json row = Json::make_object({{"text", "a"}});
  EXPECT_EQ(difference(row, "a"), "");
  EXPECT_EQ(difference(row, "b"), "a");
  EXPECT_NE(difference(Json::make_object({{"error", "syntax"}}), "refused: x"), "");
}

TEST(Jinja, FormatsTheGivenTimeWithoutAZone) {
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y %H:%M:%S|%Z%z|%j|%%Y|%f') }}"),
            "26 Jul 2024 13:04:05||208|%Y|000000");
}

TEST(Jinja, NamesTheConstructItDoesNotSupportAndItsLine) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"\n{% include 'x' %}", "line 2: the tag 'include'"},
      {"{% block b %}{% endblock %}", "line 1: the tag 'block'"},
      {"{{ x\n | urlize }}", "line 2: the filter 'urlize'"},
      {"{{ x is\nblue }}", "the test 'blue'"},
      {"a\nb\n{{ xs | map('urlize') | list }}", "line 3: the filter 'urlize'"},
      {"{{ xs | select('blue') | list }}", "the test 'blue'"},
      {"{{ 'a'.encode() }}", "the attribute 'encode' of 'str'"},
      {"{{ (5).bit_length() }}", "the attribute 'bit_length' of 'int'"},
      {"{{ '{:>5}'.format(1) }}", "the field {:>5} of format()"},
      {"{{ ('<'|safe).upper() }}", "a method of escaped text"},
      {"{{ self }}", "the name 'self'"},
      {"{{ '\\N{DASH}' }}", "the escape \\N"},
      {"{{ 99999999999999999999 }}", "needs more than 64 bits"},
  };
  for (const auto& [source, message] : cases) {
    EXPECT_THAT(outcome(source, {{"xs", Json::make_array({1})}}),
                AllOf(HasSubstr("wrong: t.jinja, line "), HasSubstr(message)))
        << source;
  }
}

TEST(Jinja, NamesTheLineOfARefusal) {
  EXPECT_EQ(outcome("a\n\n{{ 1 +\n nope.x }}"), "refused: t.jinja, line 4: 'nope' is undefined");
  EXPECT_EQ(outcome("{{ {}.a.b }}"),
            "refused: t.jinja, line 1: 'dict object' has no attribute 'a'");
  EXPECT_EQ(outcome("{{ [][0].b }}"), "refused: t.jinja, line 1: list object has no element 0");
  EXPECT_EQ(outcome("{{ [].append(1) }}"),
            "refused: t.jinja, line 1: access to attribute 'append' of 'list' object is unsafe");
}

TEST(Jinja, RefusesWhatPythonWouldShowWithAnAddress) {
  EXPECT_THAT(outcome("{{ xs | map('string') }}"), HasSubstr("a generator has no text"));
  EXPECT_THAT(outcome("{{ {}.items }}"), HasSubstr("has no text"));
}

TEST(Jinja, RefusesIntegersThatNeedMoreThan64Bits) {
  EXPECT_THAT(outcome("{{ 9223372036854775807 + 1 }}"), HasSubstr("more than 64 bits"));
  EXPECT_THAT(outcome("{{ 10 ** 19 }}"), HasSubstr("more than 64 bits"));
  EXPECT_THAT(outcome("{{ -(0 - 9223372036854775807 - 1) }}"), HasSubstr("more than 64 bits"));
  EXPECT_THAT(outcome("{{ (0 - 9223372036854775807 - 1) // -1 }}"), HasSubstr("more than 64 bits"));
  EXPECT_THAT(outcome("{{ '99999999999999999999' | int }}"), HasSubstr("more than 64 bits"));
}

TEST(Jinja, RefusesTextThatIsNotUtf8) {
  EXPECT_THROW(ChatTemplate::parse("a\xFFz", "t"), FormatError);
  EXPECT_THAT(outcome("{{ '\\ud800' }}"), HasSubstr("stands for no Unicode character"));
}

// Templates that try to use up time, memory or stack.
TEST(Jinja, BoundsTheWorkOfHostileTemplates) {
  const std::vector<std::string> bombs{
      "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% "
      "endfor %}",
      "{{ 'x' * 9999999999 }}",
      "{{ [1] * 9999999999 }}",
      "{{ [[]] * 9223372036854775807 }}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(99) %}{% set ns.a = [ns.a, ns.a] %}{% "
      "endfor %}"
      "{{ ns.a }}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(99) %}{% set ns.a = [ns.a, ns.a] %}{% "
      "endfor %}"
      "{{ ns.a | tojson }}",
      "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(99) %}{% set ns.a = [ns.a, ns.a] %}"
      "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
      "{% set s = 'ab' * 500000 %}{{ s.replace('', s) }}",
      "{{ 'x' | indent(99999999999) }}",
      "{{ '' | center(99999999999) }}",
      "{{ ''.ljust(99999999999) }}",
      "{{ ''.zfill(99999999999) }}",
      "{{ [1] | tojson(indent=99999999999) }}",
      "{{ '%99999999999d' % 5 }}",
      "{% set a = 'a' * 99999 %}{% for i in range(99999) %}{{ a[i] }}{% endfor %}",
      "{% set a = 'a' * 99999 %}{% for i in range(99999) %}{% set b = a.split('a') %}{% endfor %}",
      "{{ range(99999) | map('string') | unique | list }}",
      "{{ [1] | batch(9999999999, 'x') | list }}",
      "{{ [1] | slice(9999999999, 'x') | list }}",
  };
  for (const std::string& bomb : bombs) {
    EXPECT_THAT(outcome(bomb, {}, 1 << 23), ::testing::StartsWith("refused: ")) << bomb;
  }
}

TEST(Jinja, BoundsTheNestingOfHostileTemplates) {
  const auto repeated = [](std::string_view text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
  };
  const std::vector<std::string> towers{
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% endfor %}"
      "{{ ns.a }}",
      "{% set ns = namespace(a=[]) %}{% for i in range(9999) %}{% set ns.a = {'k': ns.a} %}"
      "{% endfor %}{{ ns.a | tojson }}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(9999) %}{% set ns.a = ns.a | map('string') "
      "%}"
      "{% endfor %}{{ ns.a | list }}",
      "{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}",
      "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
      "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}",
      "{{ " + repeated("-", 5000) + "1 }}",
      "{{ " + repeated("not ", 5000) + "1 }}",
      "{{ 1" + repeated(" + 1", 5000) + " }}",
      "{{ 1" + repeated(" if 1 else 1", 5000) + " }}",
      "{{ x" + repeated(".x", 5000) + " }}",
      "{{ x" + repeated("|trim", 5000) + " }}",
      repeated("{% if 1 %}", 5000) + repeated("{% endif %}", 5000),
      repeated("{% for x in [1] %}", 5000) + repeated("{% endfor %}", 5000),
  };
  for (const std::string& tower : towers) {
    const std::string got = outcome(tower);
    EXPECT_TRUE(got.starts_with("refused: ") || got.starts_with("wrong: ")) << tower.substr(0, 80);
    EXPECT_THAT(got, ::testing::ContainsRegex("nested")) << tower.substr(0, 80);
  }
}

TEST(Jinja, TakesTheDepthThatTemplatesInUseNeed) {
  std::string sum = "{{ 1";
  for (int i = 0; i < 100; ++i) sum += " + 1";
  EXPECT_EQ(render(sum + " }}"), "101");
  EXPECT_EQ(
      render("{% macro f(n) %}{% if n %}{{ n }},{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}")
          .substr(0, 9),
      "30,29,28,");
}

}  // namespace
}  // namespace longhaul
