#include <filesystem>

#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/data/describe.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/run/propose.h"

#include "verbs.h"

namespace longhaul {
namespace {

struct InitArguments {
  std::string model;
  std::vector<std::string> data;
  std::string file = "run.yaml";
  std::string output = "runs/first";
};

void init(const InitArguments& arguments, Program& program) {
  if (std::filesystem::exists(arguments.file)) {
    throw Error(concat(arguments.file, ": is there already, expected a new file (see --file)"));
  }
  program.console.status("reading the data...");
  const Proposal proposal =
      propose_run(arguments.model, arguments.data, arguments.output, probe_environment());
  write_text_file(arguments.file, to_yaml(proposal.config, /*with_comments=*/true));
  for (const FileReport& report : proposal.files) program.console.print(to_text(report));
  program.console.print(concat("wrote ",
                               arguments.file,
                               "\n  longhaul data ",
                               arguments.file,
                               "    shows what is learned\n  longhaul train ",
                               arguments.file,
                               "   fine-tunes\n"));
}

}  // namespace

void add_init(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<InitArguments>();
  CLI::App* verb = app.add_subcommand("init", "Write a run file for a model and data");
  verb->add_option("MODEL", arguments->model, "A model folder")->required();
  verb->add_option("DATA", arguments->data, "One or more files of samples")->required();
  verb->add_option("--file", arguments->file, "The run file to write")->capture_default_str();
  verb->add_option("--output", arguments->output, "The run's output folder")->capture_default_str();
  verb->footer("The file has every setting with its meaning, and works as it is.");
  verb->callback([arguments, &program] { init(*arguments, program); });
}

}  // namespace longhaul
