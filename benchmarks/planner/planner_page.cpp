// What `auto` gains over the systems of the literature on LoHan's server, and which models fit
// where.
//
//     planner_page gains | free | fits | exhaustive [COUNT [FIRST]] | more [COUNT]     writes a
//     part of a page of Markdown to standard output
#include <algorithm>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "longhaul/core/error.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/planner/published.h"

#include "support/exhaustive_plans.h"
#include "support/planner_problems.h"

namespace longhaul {
namespace {

constexpr double kSequence = 1024.0;
constexpr double kNoPlan = 1e9;  // seconds

struct Size {
  const char* name;
  int layers;
  int width;
  int heads;
  int most_sequences;  // of a micro-batch
};
constexpr Size k13B{"13B", 40, 5120, 40, 64};
constexpr Size k70B{"70B", 80, 8192, 64, 32};
constexpr Size k175B{"175B", 96, 12288, 96, 8};
constexpr Size k276B{"276B", 112, 14336, 112, 1};

ModelGraph graph_of(const Size& size) {
  return test::gpt2_like(size.layers, size.width, size.heads);
}

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

Problem problem_of(const Size& size, int batch, double gigabytes, int drives) {
  const int parts = std::max(1, batch / size.most_sequences);
  return test::lohan_problem(graph_of(size), batch, parts, gigabytes, drives);
}

double published(PublishedSystem system, const Size& size, int batch, const Problem& problem) {
  const GptShape shape{.layers = size.layers, .width = size.width};
  return batch * kSequence /
         steady_step(published_step(system, shape, batch, problem.machine)).value;
}

struct Row {
  const Size& size;
  int batch;
  double gigabytes;
  int drives;
};

// What the published comparisons count: writing wears nothing, and no step clips.
struct Counted {
  bool wear = true;
  bool clips = true;
};

void write_gain(const Row& row, Counted counted = {}) {
  Problem problem = problem_of(row.size, row.batch, row.gigabytes, row.drives);
  if (!counted.wear) problem.write_price = 0.0;
  if (!counted.clips) problem.clip_share = 0.0;
  const double begin = cpu_seconds();
  const AutoPlan plan = make_auto_plan(problem);
  const double took = cpu_seconds() - begin;
  problem.clips = true;
  const AutoPlan clipped = make_auto_plan(problem);
  if (!plan.best || !clipped.best) {
    std::cout << fmt::format("| {} | {:.0f} | {} | {} | does not fit |\n",
                             row.size.name,
                             row.gigabytes,
                             row.drives,
                             row.batch);
    return;
  }
  const double tokens = row.batch * kSequence;
  const double lohan = published(PublishedSystem::kLohan, row.size, row.batch, problem);
  const double offload = published(PublishedSystem::kZeroOffload, row.size, row.batch, problem);
  const double mine = tokens / plan.best->step.value;
  const double exact = tokens / mean_step(problem, *clipped.best).value;
  std::cout << fmt::format(
                   "| {} | {:.0f} | {} | {} | {:.1f} | {:.1f} | **{:.1f}** | {:.2f} | {:.1f} "
                   "({:.0f} %) | "
                   "{:.3f} | {:.3f} | {:.0f} | {:.2f} |\n",
                   row.size.name,
                   row.gigabytes,
                   row.drives,
                   row.batch,
                   lohan,
                   offload,
                   mine,
                   mine / lohan,
                   exact,
                   100.0 * exact / mine,
                   plan.best->step.value / plan.bounds.phases.value,
                   plan.best->step.value / plan.bounds.merged.value,
                   static_cast<double>(plan.best->written().count) / 1e9,
                   took)
            << std::flush;
}

void write_gain_heading() {
  std::cout << "| model | GB | drives | batch | lohan | zero_offload | **auto** | gain | exact "
               "clipping | "
               "over phases | over merged | GB written | planned in s |\n"
               "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
}

void write_gains() {
  write_gain_heading();
  for (const int batch : {8, 16, 32, 48, 64, 128}) write_gain({k13B, batch, 768, 12});
  for (const int drives : {1, 2, 3, 6}) {
    for (const int batch : {32, 48, 64}) write_gain({k13B, batch, 768, drives});
  }
  write_gain({k70B, 16, 256, 12});
  for (const double gigabytes : {768.0, 256.0}) {
    for (const int batch : {8, 16}) write_gain({k175B, batch, gigabytes, 12});
  }
}

// The rows of the largest models, counted as the literature counts.
void write_free_gains() {
  write_gain_heading();
  const Counted counted{.wear = false, .clips = false};
  for (const double gigabytes : {768.0, 256.0}) {
    for (const int batch : {16, 32, 64}) write_gain({k70B, batch, gigabytes, 12}, counted);
    for (const int batch : {8, 16, 32}) write_gain({k175B, batch, gigabytes, 12}, counted);
  }
}

void write_fit(const char* name, ModelGraph graph, double gigabytes) {
  const Problem problem = test::lohan_problem(std::move(graph), 1, 1, gigabytes, 12);
  const AutoPlan plan = make_auto_plan(problem);
  if (!plan.best) {
    std::cout << fmt::format("| {} | {:.0f} | no: {} | | |\n", name, gigabytes, plan.refusal);
    return;
  }
  std::cout << fmt::format("| {} | {:.0f} | yes | {:.1f} | {:.1f} |\n",
                           name,
                           gigabytes,
                           static_cast<double>(plan.best->peak[0].count) / 1e9,
                           static_cast<double>(plan.best->peak[1].count) / 1e9)
            << std::flush;
}

void write_fits() {
  std::cout << "| model | GB of host memory | fits | GB of device | GB of host "
               "|\n|---|---|---|---|---|\n";
  for (const double gigabytes : {128.0, 64.0, 48.0, 32.0}) {
    write_fit("70B", graph_of(k70B), gigabytes);
    write_fit("276B", graph_of(k276B), gigabytes);
  }
  for (const double gigabytes : {128.0, 96.0, 64.0})
    write_fit("Llama 405B", test::llama_405b(), gigabytes);
}

double cost_of_small(std::uint64_t seed, const std::function<void(Problem&)>& change) {
  Problem problem = test::small_problem(seed);
  if (change) change(problem);
  const AutoPlan plan = make_auto_plan(problem);
  return plan.best ? cost_of(problem, *plan.best) : kNoPlan;
}

// Small random problems, `auto` against all plans of a space.
void write_exhaustive(std::uint64_t first, std::uint64_t count) {
  std::cout
      << "| seed | blocks | micro-batches | clips | auto | cheapest | above | plans | simulated | "
         "placed | auto in s | all in s |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  std::vector<double> above;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Problem problem = test::small_problem(seed);
    const double begin = cpu_seconds();
    const AutoPlan plan = make_auto_plan(problem);
    const double planned = cpu_seconds();
    test::ExhaustivePlans all(problem);
    const double mine = plan.best ? cost_of(problem, *plan.best) : kNoPlan;
    const double least = all.least(mine);
    if (least == kNoPlan) continue;  // nothing fits
    above.push_back(mine / least - 1.0);
    std::cout << fmt::format(
                     "| {} | {} | {} | {} | {:.4f} | {:.4f} | {:.2f} % | {} | {} | {} | {:.2f} | "
                     "{:.1f} |\n",
                     seed,
                     problem.graph.blocks.size(),
                     problem.shape.micro_batches,
                     problem.clips ? "yes" : "no",
                     mine,
                     least,
                     100.0 * above.back(),
                     all.counts().plans,
                     all.counts().simulated,
                     all.counts().placed,
                     planned - begin,
                     cpu_seconds() - planned)
              << std::flush;
  }
  std::sort(above.begin(), above.end());
  std::cout << fmt::format(
      "\n{} problems: median {:.2f} %, 90th percentile {:.2f} %, worst {:.2f} %\n",
      above.size(),
      100.0 * above[above.size() / 2],
      100.0 * above[above.size() * 9 / 10],
      100.0 * above.back());
}

// Small random problems, each with more of one thing: what `auto` then costs against before.
void write_more(std::uint64_t count) {
  std::cout << "| more | problems | longer by 1 % | worst |\n|---|---|---|---|\n";
  std::vector<double> before;
  for (std::uint64_t seed = 0; seed < count; ++seed) before.push_back(cost_of_small(seed, {}));
  for (const test::More& more : test::more_of_one_thing()) {
    int longer = 0;
    int all = 0;
    double worst = 0.0;
    std::uint64_t which = 0;
    for (std::uint64_t seed = 0; seed < count; ++seed) {
      if (before[seed] == kNoPlan) continue;
      const double loss = cost_of_small(seed, more.apply) / before[seed] - 1.0;
      ++all;
      if (loss > 0.01) ++longer;
      if (loss > worst) which = seed;
      worst = std::max(worst, loss);
    }
    std::cout << fmt::format("| {} | {} | {} | {:.2f} % (seed {}) |\n",
                             more.what,
                             all,
                             longer,
                             100.0 * worst,
                             which)
              << std::flush;
  }
}

}  // namespace
}  // namespace longhaul

int main(int count, char** words) {
  try {
    const std::string part = count > 1 ? words[1] : "gains";
    const std::uint64_t many = count > 2 ? std::stoull(words[2]) : 200;
    if (part == "fits") {
      longhaul::write_fits();
    } else if (part == "exhaustive") {
      longhaul::write_exhaustive(count > 3 ? std::stoull(words[3]) : 0, many);
    } else if (part == "free") {
      longhaul::write_free_gains();
    } else if (part == "more") {
      longhaul::write_more(many);
    } else {
      longhaul::write_gains();
    }
    return 0;
  } catch (const longhaul::Error& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
