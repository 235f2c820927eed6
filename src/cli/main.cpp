#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include <CLI/CLI.hpp>

#include "longhaul/config/config_errors.h"
#include "longhaul/core/error.h"

#include "console.h"
#include "interrupt.h"
#include "verbs.h"

namespace longhaul {
namespace {

// CLI11 would say only that some verb is missing.
void check_verb(const CLI::App& app, const std::string& word) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) verbs.push_back(verb->get_name());
  if (word.starts_with('-') || std::find(verbs.begin(), verbs.end(), word) != verbs.end()) return;
  const std::string nearest = nearest_name(word, verbs);
  throw CLI::ExtrasError("longhaul",
                         {word + (nearest.empty() ? "" : " (did you mean " + nearest + "?)")});
}

int run_program(CLI::App& app, Program& program, int count, char** words) {
  try {
    if (count < 2) {
      program.console.print(app.help());
      return kExitUsage;
    }
    check_verb(app, words[1]);
    app.parse(count, words);
    return program.exit_code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::vector<CLI::App*> verbs = app.get_subcommands();
    program.console.error(concat(error.what(),
                                 " (see `longhaul ",
                                 verbs.empty() ? "" : verbs.front()->get_name() + " ",
                                 "--help`)"));
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    program.console.error("out of memory");
  } catch (const std::exception& error) {
    program.console.error(error.what());
  }
  return program.stop ? kExitInterrupted : kExitError;
}

}  // namespace
}  // namespace longhaul

int main(int count, char** words) try {
  longhaul::Console console;
  longhaul::Program program{console, longhaul::stop_flag()};
  CLI::App app("Fine-tunes language models that are larger than the GPU's memory", "longhaul");
  app.require_subcommand(1);
  app.set_version_flag("--version", "longhaul " LONGHAUL_VERSION);
  app.footer("`longhaul VERB --help` explains a verb; docs/config.md lists the keys of run files.");
  longhaul::add_doctor(app, program);
  longhaul::add_init(app, program);
  longhaul::add_data(app, program);
  longhaul::add_profile(app, program);
  longhaul::add_plan(app, program);
  longhaul::add_train(app, program);
  longhaul::add_eval(app, program);
  longhaul::add_generate(app, program);
  longhaul::add_bench(app, program);
  longhaul::add_report(app, program);
  longhaul::add_convert(app, program);
  return longhaul::run_program(app, program, count, words);
} catch (...) {
  // Before there is a console, and without taking memory: that there is none is the likely reason.
  std::fputs("longhaul: error: cannot start\n", stderr);
  return longhaul::kExitError;
}
