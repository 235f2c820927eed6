// Keeps docs/config.md true: its table is what the schema says. After a change of the schema,
// LONGHAUL_UPDATE_DOCS=1 test_run_config_reference writes it anew.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "longhaul/io/input_file.h"
#include "longhaul/run/run_file.h"

namespace longhaul {
namespace {

constexpr const char* kBegin = "<!-- keys: begin (written by test_run_config_reference) -->\n";
constexpr const char* kEnd = "<!-- keys: end -->\n";
constexpr const char* kForeignBegin =
    "<!-- other trainers: begin (written by test_run_config_reference) -->\n";
constexpr const char* kForeignEnd = "<!-- other trainers: end -->\n";

std::string key_table() {
  const Schema<RunConfig>& schema = run_schema(Purpose::kTrain);
  const std::vector<std::string> defaults = schema.values(RunConfig{});
  std::ostringstream out;
  out << "| key | takes | default | meaning |\n|---|---|---|---|\n";
  for (std::size_t i = 0; i < defaults.size(); ++i) {
    const KeyInfo& key = schema.keys()[i];
    const std::string value = key.is_required ? "required" : '`' + defaults[i] + '`';
    out << "| `" << key.path << "` | " << key.expected << " | " << value << " | " << key.meaning
        << " |\n";
  }
  return out.str();
}

std::string foreign_table() {
  std::ostringstream out;
  out << "| there | here | |\n|---|---|---|\n";
  for (const ForeignKey& key : run_schema(Purpose::kTrain).foreign_keys()) {
    const std::string ours = key.ours.empty() ? "-" : '`' + key.ours + '`';
    out << "| `" << key.name << "` | " << ours << " | " << key.answer << " |\n";
  }
  return out.str();
}

// `page` with what stands between the two marks replaced.
std::string with_part(const std::string& page,
                      const std::string& begin,
                      const std::string& end,
                      const std::string& part) {
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(end);
  if (from == std::string::npos || to == std::string::npos) return "no " + begin + " and " + end;
  return page.substr(0, from + begin.size()) + '\n' + part + '\n' + page.substr(to);
}

TEST(ConfigReference, ListsEveryKeyWithTypeDefaultAndMeaning) {
  const std::string file = std::string(LONGHAUL_SOURCE_DIR) + "/docs/config.md";
  const std::string page = read_text_file(file);
  const std::string expected = with_part(
      with_part(page, kBegin, kEnd, key_table()), kForeignBegin, kForeignEnd, foreign_table());
  if (std::getenv("LONGHAUL_UPDATE_DOCS") != nullptr) std::ofstream(file) << expected;
  EXPECT_EQ(page, expected);
}

TEST(ConfigReference, ShowsAnExampleThatIsValid) {
  const std::string page = read_text_file(std::string(LONGHAUL_SOURCE_DIR) + "/docs/config.md");
  const std::string fence = "```yaml\n";
  int examples = 0;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at + 1)) {
    const std::size_t begin = at + fence.size();
    const std::string example = page.substr(begin, page.find("```", begin) - begin);
    EXPECT_NO_THROW(parse_run_config(parse_document(example, "docs/config.md"))) << example;
    ++examples;
  }
  EXPECT_GE(examples, 2);
}

}  // namespace
}  // namespace longhaul
