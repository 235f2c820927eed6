#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/run/run_machine.h"

#include "interrupt.h"
#include "train_console.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct TrainArguments {
  std::string file;
  std::string trace;
  std::vector<std::string> overrides;
};

void train(const TrainArguments& arguments, Program& program) {
  const RunConfig config = load_run_config(arguments.file, arguments.overrides);
  warn_of_ram_disks(config, arguments.file, program.console);
  catch_signals();
  TrainConsole observer(program.console, arguments.trace);
  const TrainResult result =
      load_training_half()->train(config, observer, {program.console, program.stop});
  if (result.was_interrupted) {
    program.console.print(concat("stopped after step ",
                                 result.steps,
                                 "; the same command goes on from ",
                                 result.checkpoint_folder,
                                 "\n"));
    program.exit_code = kExitInterrupted;
    return;
  }
  program.console.print(concat("the trained model is in ", result.model_folder, "\n"));
}

}  // namespace

void add_train(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* verb = app.add_subcommand("train", "Fine-tune a model as a run file says");
  verb->add_option("RUN.yaml", arguments->file, "The run file; `longhaul init` writes one")
      ->required();
  verb->add_option("--trace", arguments->trace, "Write a step's timeline for ui.perfetto.dev")
      ->type_name("FILE");
  add_overrides(*verb, arguments->overrides);
  verb->footer(
      "Ctrl-C finishes the step and writes a checkpoint; the same command then goes on from it.\n"
      "The output folder gets run.yaml (every setting), metrics.jsonl (one line a step),\n"
      "evaluations.jsonl (one line an evaluation), lanes.json (a typical step), checkpoints/ and,\n"
      "at the end, model/ for longhaul and transformers. `longhaul report` draws it.");
  verb->callback([arguments, &program] { train(*arguments, program); });
}

}  // namespace longhaul
