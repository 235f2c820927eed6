#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/planner/auto_plan.h"
#include "longhaul/report/plan_page.h"
#include "longhaul/run/model_times.h"
#include "longhaul/run/plan_problem.h"
#include "longhaul/run/resolve.h"
#include "longhaul/run/run_machine.h"
#include "longhaul/run/run_plan.h"

#include "verbs.h"

namespace longhaul {
namespace {

struct PlanArguments {
  std::string subject;
  std::string hardware;
  std::string save;
  bool is_json = false;
  bool is_curve = false;
  std::vector<std::string> overrides;
};

// The file that is named, else what is known of this machine.
RunMachine machine_of(const PlanArguments& arguments,
                      const RunConfig& config,
                      const Environment& environment,
                      Console& console) {
  if (!arguments.hardware.empty()) return {load_hardware(arguments.hardware), arguments.hardware};
  if (config.hardware) return {load_hardware(*config.hardware), *config.hardware};
  const DeviceKind kind = config.device.kind.value_or(DeviceKind::kHost);
  if (auto machine = find_machine(config, kind, console)) return std::move(*machine);
  if (kind == DeviceKind::kCuda) {
    throw ConfigError(
        "plan: no GPU to plan for: expected --hardware FILE or the key hardware; "
        "configs/hardware has machines to begin with");
  }
  RunMachine machine = assume_machine(kind, {}, environment);
  console.write(LogLevel::kWarning, machine.source);
  return machine;
}

// Of a run, with the micro-batches that `train` takes.
Problem problem_of_run(RunConfig config, const Model& model, const HardwareProfile& machine) {
  const std::vector<std::int64_t> sizes =
      micro_batches_to_try(config, resolve(config, probe_environment()));
  std::optional<Problem> first;
  for (const std::int64_t size : sizes) {
    config.batch.tokens_per_micro_batch = size;
    Problem problem = make_problem(config, model, machine);
    if (sizes.size() == 1 || make_auto_plan(problem).best) return problem;
    if (!first) first = std::move(problem);
  }
  return std::move(*first);
}

void show_plan(const PlanArguments& arguments, Program& program) {
  const RunConfig config = load_subject(arguments.subject, arguments.overrides);
  warn_of_ram_disks(config, arguments.subject, program.console);
  const Environment environment = probe_environment();
  const RunMachine machine = machine_of(arguments, config, environment, program.console);
  Model model = load_model_shape(config.model, precision_of(config, machine.profile));
  const std::string family = model.family;
  Problem problem = is_run_file(arguments.subject)
                        ? problem_of_run(config, model, machine.profile)
                        : make_problem_with_disks(config, std::move(model), machine.profile);
  if (is_here(machine, environment)) add_kept_times(problem, environment, program.console);
  if (arguments.is_curve) {
    const bool is_open = !config.batch.tokens_per_micro_batch;
    program.console.print(curve_page(
        plan_curve(problem, is_open ? std::optional(problem.rules.sequence) : std::nullopt)));
    return;
  }
  const std::optional<Plan> given =
      config.plan == "auto" ? std::nullopt
                            : std::optional(load_run_plan(config, problem.graph, problem.shape));
  PlanStory story = tell_plan(family, problem, given);
  story.steps = config.training.steps;
  program.console.print(arguments.is_json ? plan_json(story).dump() + "\n" : plan_page(story));
  if (!story.plan.best) program.exit_code = kExitError;
  if (arguments.save.empty() || !story.plan.best) return;
  write_text_file(arguments.save, to_yaml(story.plan.best->plan, /*with_comments=*/true));
}

}  // namespace

void add_plan(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<PlanArguments>();
  CLI::App* verb = app.add_subcommand("plan", "Say what a run will need and how long it will take");
  verb->add_option("RUN.yaml|MODEL",
                   arguments->subject,
                   "A run file, a model folder or a model's config.json")
      ->required();
  verb->add_option("--hardware", arguments->hardware, "The profile of the machine to plan for")
      ->type_name("FILE");
  verb->add_option("--save", arguments->save, "Write the plan")->type_name("PLAN.yaml");
  verb->add_flag("--json", arguments->is_json, "Print JSON");
  verb->add_flag("--curve", arguments->is_curve, "Show steps of more and of fewer tokens");
  add_overrides(*verb, arguments->overrides);
  verb->footer(
      "Nothing is allocated or trained, and no weights are needed. The machine may be another "
      "one.\n"
      "Ends with 1 when nothing fits.");
  verb->callback([arguments, &program] { show_plan(*arguments, program); });
}

}  // namespace longhaul
