#include <filesystem>

#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/report/run_page.h"
#include "longhaul/run/run_record.h"

#include "verbs.h"

namespace longhaul {
namespace {

struct ReportArguments {
  std::vector<std::string> folders;
  std::string file = "report.html";
};

void report(const ReportArguments& arguments, Program& program) {
  std::vector<RunRecord> runs;
  for (const std::string& folder : arguments.folders) runs.push_back(load_run_record(folder));
  write_text_file(arguments.file, run_page(runs));
  program.console.print(concat("the report is in ", arguments.file, "\n"));
}

}  // namespace

void add_report(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* verb = app.add_subcommand("report", "Show a run, or several side by side, as one page");
  verb->add_option("DIR", arguments->folders, "The output folder of a run; may be repeated")
      ->required();
  verb->add_option("-o,--output", arguments->file, "The page to write; report.html where none is")
      ->type_name("FILE");
  verb->footer(
      "One HTML file that needs no network: curves, lanes and memory of a typical step, "
      "prediction\n"
      "against measurement, plan, settings, environment. The run may still be going on.");
  verb->callback([arguments, &program] { report(*arguments, program); });
}

}  // namespace longhaul
