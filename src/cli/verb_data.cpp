#include <CLI/CLI.hpp>

#include "longhaul/data/describe.h"
#include "longhaul/run/resolve.h"
#include "longhaul/run/run_data.h"

#include "verbs.h"

namespace longhaul {
namespace {

struct DataArguments {
  std::string file;
  std::int64_t sample = 0;
  std::vector<std::string> overrides;
};

void show_data(const DataArguments& arguments, Program& program) {
  const RunConfig config =
      resolve(load_run_config(arguments.file, arguments.overrides), probe_environment());
  program.console.status("reading the data...");
  ThreadPool pool(static_cast<int>(*config.device.threads));
  const RunData run = load_run_data(config, load_model_graph(config), pool);
  const DataDescription description =
      describe_data(run.data, run.encoder, run.rules, arguments.sample);
  const TargetMarks marks =
      program.console.stdout_is_terminal() ? TargetMarks::kColour : TargetMarks::kBrackets;
  program.console.print(to_text(description, marks));
}

}  // namespace

void add_data(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<DataArguments>();
  CLI::App* verb = app.add_subcommand("data", "Show what a run learns from");
  verb->add_option("RUN.yaml", arguments->file, "The run file")->required();
  verb->add_option("--sample", arguments->sample, "Which training sample to show, from 0")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40).description(""))
      ->capture_default_str();
  add_overrides(*verb, arguments->overrides);
  verb->footer(
      "Shows one sample rendered, tokenised and masked, lengths, how full micro-batches are, and\n"
      "what is left out and why. Trains nothing and loads no weights.");
  verb->callback([arguments, &program] { show_data(*arguments, program); });
}

}  // namespace longhaul
