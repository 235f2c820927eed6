#include <filesystem>

#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/io/input_file.h"
#include "longhaul/report/run_page.h"
#include "longhaul/report/sweep_page.h"
#include "longhaul/run/run_record.h"

#include "verbs.h"

namespace longhaul {
namespace {

struct ReportArguments {
  std::vector<std::string> folders;
  std::string file = "report.html";
};

// The folder of a sweep has its results instead of a run.
bool holds_sweep(const std::filesystem::path& folder) {
  std::error_code error;
  return std::filesystem::exists(folder / "results.json", error) &&
         !std::filesystem::exists(folder / "run.yaml", error);
}

std::string page_of(const std::vector<std::string>& folders) {
  if (folders.size() == 1 && holds_sweep(folders.front())) {
    const std::string file = (std::filesystem::path(folders.front()) / "results.json").string();
    return sweep_page(folders.front(), parse_table(Json::parse(read_text_file(file), file)));
  }
  std::vector<RunRecord> runs;
  runs.reserve(folders.size());
  for (const std::string& folder : folders) runs.push_back(load_run_record(folder));
  return run_page(runs);
}

void report(const ReportArguments& arguments, Program& program) {
  write_text_file(arguments.file, page_of(arguments.folders));
  program.console.print(concat("the report is in ", arguments.file, "\n"));
}

}  // namespace

void add_report(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ReportArguments>();
  CLI::App* verb =
      app.add_subcommand("report", "Show a run, several side by side or a sweep as one page");
  verb->add_option(
          "DIR", arguments->folders, "The output folder of a run (may be repeated) or of a sweep")
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
