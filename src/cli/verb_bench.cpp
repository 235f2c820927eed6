#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/report/sweep_page.h"
#include "longhaul/run/bench.h"

#include "interrupt.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct BenchArguments {
  std::string file;
  std::vector<std::string> overrides;
};

std::string line_of(const BenchProgress& progress) {
  const CellResult& result = progress.result;
  std::string text = concat(progress.done, "/", progress.total);
  for (const auto& [key, value] : result.settings) text += concat("  ", key, " ", value);
  if (result.status == CellStatus::kOk) return concat(text, "  ", to_string(result.step), "\n");
  const std::string reason = result.reason.substr(0, result.reason.find('\n'));
  return concat(text, "  ", name_of(result.status), ": ", reason, "\n");
}

void bench(const BenchArguments& arguments, Program& program) {
  Document document = load_document(arguments.file);
  apply_overrides(document, arguments.overrides);
  const Sweep sweep = parse_sweep(document);
  catch_signals();
  const SweepTable table = run_sweep(
      sweep,
      [&](const BenchProgress& progress) { program.console.print(line_of(progress)); },
      program.console,
      program.stop);
  if (program.stop) {
    program.console.print("stopped; the same command goes on with what is missing\n");
    program.exit_code = kExitInterrupted;
    return;
  }
  program.console.print(concat("\n",
                               sweep_text(table),
                               "\nresults.csv and results.json are in ",
                               sweep.output,
                               "; `longhaul report ",
                               sweep.output,
                               "` draws them\n"));
}

}  // namespace

void add_bench(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* verb = app.add_subcommand("bench", "Measure or simulate a grid of settings");
  verb->add_option("SWEEP.yaml", arguments->file, "The sweep; configs/bench has some")->required();
  add_overrides(*verb, arguments->overrides);
  verb->footer(
      "Every cell of the grid trains for a few steps in a process of its own, or is predicted\n"
      "where the sweep says simulate: true. What does not fit is a result (oom). Started again,\n"
      "it goes on with the cells that have none. docs/bench.md lists the keys.");
  verb->callback([arguments, &program] { bench(*arguments, program); });
}

}  // namespace longhaul
