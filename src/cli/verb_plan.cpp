#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/report/plan_page.h"
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

bool is_run(const PlanArguments& arguments) {
  return arguments.subject.ends_with(".yaml") || arguments.subject.ends_with(".yml");
}

// A model alone is a run with the defaults.
RunConfig config_of(const PlanArguments& arguments) {
  const std::string& subject = arguments.subject;
  if (is_run(arguments)) return load_run_config(subject, arguments.overrides);
  Document document = parse_document("", "command line");
  std::vector<std::string> settings{
      "model=" + subject, "output=none", "data.train=none", "plan=auto"};
  settings.insert(settings.end(), arguments.overrides.begin(), arguments.overrides.end());
  apply_overrides(document, settings);
  return parse_run_config(document);
}

// The file that is named, else what is known of this machine.
HardwareProfile hardware_of(const PlanArguments& arguments,
                            const RunConfig& config,
                            Console& console) {
  if (!arguments.hardware.empty()) return load_hardware(arguments.hardware);
  if (config.hardware) return load_hardware(*config.hardware);
  const DeviceKind kind = config.device.kind.value_or(DeviceKind::kHost);
  if (auto machine = find_machine(config, kind, console)) return machine->profile;
  if (kind == DeviceKind::kCuda) {
    throw ConfigError(
        "plan: no GPU to plan for: expected --hardware FILE or the key hardware; "
        "configs/hardware has machines to begin with");
  }
  RunMachine machine = assume_machine(kind, {}, probe_environment());
  console.write(LogLevel::kWarning, machine.source);
  return machine.profile;
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
  const RunConfig config = config_of(arguments);
  const HardwareProfile machine = hardware_of(arguments, config, program.console);
  Model model = load_model_shape(config.model, precision_of(config, machine));
  const std::string family = model.family;
  const Problem problem = is_run(arguments)
                              ? problem_of_run(config, model, machine)
                              : make_problem_with_disks(config, std::move(model), machine);
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
