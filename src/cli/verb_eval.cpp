#include <CLI/CLI.hpp>

#include "interrupt.h"
#include "train_console.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct EvalArguments {
  std::string model;
  std::string file;
  std::vector<std::string> overrides;
};

void evaluate(const EvalArguments& arguments, Program& program) {
  const RunConfig config = make_model_config({"model=" + to_yaml_scalar(arguments.model),
                                              "data.eval=" + to_quoted_yaml_scalar(arguments.file)},
                                             arguments.overrides);
  catch_signals();
  const Evaluation evaluation = load_training_half()->evaluate(
      config,
      [&](const Progress& progress) { program.console.status(progress); },
      {program.console, program.stop});
  if (program.stop) {
    program.exit_code = kExitInterrupted;
    return;
  }
  program.console.print(to_text(evaluation) + '\n');
}

}  // namespace

void add_eval(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* verb = app.add_subcommand("eval", "Measure the loss of a model on a file of samples");
  verb->add_option("MODEL", arguments->model, "A model folder, or the output folder of a run")
      ->required();
  verb->add_option("FILE", arguments->file, "Samples, in any shape that `train` reads")->required();
  add_overrides(*verb, arguments->overrides);
  verb->footer("For example: longhaul eval runs/first held_out.jsonl --set data.max_length=512");
  verb->callback([arguments, &program] { evaluate(*arguments, program); });
}

}  // namespace longhaul
