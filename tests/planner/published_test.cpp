#include "longhaul/planner/published.h"

#include <gtest/gtest.h>

#include "longhaul/core/error.h"

#include "support/published_table.h"

namespace longhaul {
namespace {

const std::vector<test::TableRow>& table() {
  static const std::vector<test::TableRow> rows = test::read_table();
  return rows;
}

TEST(PublishedStep, PredictsTheTableThatLohanPublished) {
  const test::ErrorSummary summary = test::summarize(table(), false);
  EXPECT_EQ(summary.rows, 31U);
  EXPECT_LE(summary.median, 0.04);
  EXPECT_LE(summary.p90, 0.10);
  EXPECT_LE(summary.worst, 0.18);
}

TEST(PublishedStep, ReproducesTheRowsItWasFittedTo) {
  const test::ErrorSummary summary = test::summarize(table(), true);
  EXPECT_EQ(summary.rows, 8U);
  EXPECT_LE(summary.worst, 0.05);
}

// Where two systems are published more than 10 % apart, the prediction has them in that order.
TEST(PublishedStep, OrdersTheSystemsAsPublished) {
  int pairs = 0;
  for (const test::TableRow& a : table()) {
    for (const test::TableRow& b : table()) {
      const bool is_same_place = a.gpu == b.gpu && a.ssds == b.ssds && a.batch == b.batch;
      if (!is_same_place || a.published <= 0 || b.published <= 0) continue;
      if (a.published < 1.1 * b.published) continue;
      ++pairs;
      EXPECT_GT(a.predicted, b.predicted)
          << a.gpu << ", batch " << a.batch << ": " << a.system << " and " << b.system;
    }
  }
  EXPECT_EQ(pairs, 30);
}

// ZeRO-Offload, batch 8: 8 bytes a parameter over the link, 4 forwards of compute, block inputs
// out and in from memory that is not pinned, the optimizer; nothing overlaps.
TEST(PublishedStep, ZeroOffloadIsTheSumOfItsParts) {
  const HardwareProfile machine = test::lohan_machine("rtx4090", 12);
  const double parameters = test::kGpt13b.parameters();
  const double tokens = 8 * 1024;
  const double expected = 8.0 * parameters / 21e9 + 2 * 2.0 * parameters * tokens / 160.3e12 +
                          4.0 * parameters * tokens / 113e12 +
                          2 * 2.0 * tokens * 5120 * 40 / 4.4e9 + parameters / 2.63e9;
  EXPECT_NEAR(
      steady_step(published_step(PublishedSystem::kZeroOffload, test::kGpt13b, 8, machine)).value,
      expected,
      1e-6);
}

TEST(PublishedStep, MoreDrivesAreNeverSlower) {
  double before = INFINITY;
  for (const int drives : {1, 2, 3, 6, 12}) {
    const double step =
        steady_step(
            published_step(
                PublishedSystem::kLohan, test::kGpt13b, 32, test::lohan_machine("rtx4090", drives)))
            .value;
    EXPECT_LE(step, before);
    before = step;
  }
}

TEST(PublishedStep, NamesTheRateThatIsMissing) {
  HardwareProfile machine = test::lohan_machine("rtx4090", 12);
  machine.link.pageable.reset();
  EXPECT_THROW(published_step(PublishedSystem::kZeroOffload, test::kGpt13b, 8, machine),
               InvalidArgument);
}

}  // namespace
}  // namespace longhaul
