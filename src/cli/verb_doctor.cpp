#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "longhaul/run/doctor.h"

#include "verbs.h"

namespace longhaul {
namespace {

const char* name_of(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::kGood: return "ok";
    case Finding::Verdict::kNote: return "note";
    case Finding::Verdict::kProblem: return "PROBLEM";
  }
  return "";
}

void examine(const std::vector<std::string>& folders, Program& program) {
  const Environment environment = probe_environment();
  std::vector<Finding> findings = examine_machine(environment, {folders.begin(), folders.end()});
  findings.push_back(examine_training_half());
  program.console.print(
      fmt::format("longhaul {} on {}\n", environment.version, environment.system));
  for (const Finding& finding : findings) {
    program.console.print(
        fmt::format("{:<14} {:<8} {}\n", finding.topic, name_of(finding.verdict), finding.text));
    if (!finding.advice.empty()) {
      program.console.print(fmt::format("{:<23} -> {}\n", "", finding.advice));
    }
    if (finding.verdict == Finding::Verdict::kProblem) program.exit_code = kExitError;
  }
}

}  // namespace

void add_doctor(CLI::App& app, Program& program) {
  auto folders = std::make_shared<std::vector<std::string>>();
  CLI::App* verb =
      app.add_subcommand("doctor", "Examine this machine: what it has and what it lacks");
  verb->add_option("FOLDER", *folders, "Disks to look at; the current folder where none is given");
  verb->footer("Ends with 1 when something that training needs is missing.");
  verb->callback([folders, &program] {
    if (folders->empty()) folders->emplace_back(".");
    examine(*folders, program);
  });
}

}  // namespace longhaul
