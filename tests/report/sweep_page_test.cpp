#include "longhaul/report/sweep_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "html_check.h"

namespace longhaul {
namespace {

using testing::HasSubstr;
using testing::Not;

SweepRow row(const std::string& model,
             const std::string& memory,
             const std::string& plan,
             double seconds) {
  return {.settings = {{"model", model}, {"memory", memory}, {"plan", plan}},
          .repeats = 3,
          .seconds = {seconds, seconds * 0.5, seconds * 2.0},
          .tokens = 1000.0,
          .busy = {Seconds{seconds / 2}},
          .peak = {1_GiB, 2_GiB, {}}};
}

SweepTable table() {
  SweepTable table;
  for (const char* model : {"7B", "13B"}) {
    for (const char* memory : {"64GiB", "256GiB", "128GiB"}) {
      for (const char* plan : {"auto", "lohan"})
        table.rows.push_back(row(model, memory, plan, 4.0));
    }
  }
  table.rows[1].status = CellStatus::kOom;
  table.rows[1].reason = "host memory: needs <more>";
  table.rows[2].repeats = 0;
  return table;
}

TEST(SweepPage, DrawsAndListsEveryCell) {
  const std::string page = sweep_page("bench/x", table());
  EXPECT_EQ(test::what_is_wrong(page), "");
  for (const char* part : {"<h1>bench/x</h1>",
                           "Measured, 12 cells",
                           "<h3>model 7B ",
                           "<h3>model 13B ",
                           "tokens/s by plan",
                           "data-x=\"memory, GiB\"",
                           "data-name=\"lohan\"",
                           "<td>250</td><td>4.00</td><td>2.00 to 8.00</td><td>compute 50 %</td>",
                           "<td>oom</td>",
                           "<td>open</td>",
                           "needs &lt;more&gt;"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST(SweepPage, DrawsNothingOverWordsAlone) {
  SweepTable words{.rows = {row("7B", "all", "auto", 1.0), row("7B", "all", "lohan", 1.0)}};
  const std::string page = sweep_page("x", words);
  EXPECT_EQ(test::what_is_wrong(page), "");
  EXPECT_THAT(page, Not(HasSubstr("<svg")));
}

TEST(SweepText, HasALinePerCell) {
  const std::string text = sweep_text(table());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 13);
  EXPECT_THAT(text, HasSubstr("\n7B     64GiB   lohan  oom\n"));
}

}  // namespace
}  // namespace longhaul
