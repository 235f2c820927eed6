#include <filesystem>

#include <CLI/CLI.hpp>

#include "longhaul/core/error.h"
#include "longhaul/hardware/profile_file.h"
#include "longhaul/io/atomic_file.h"
#include "longhaul/report/machine_page.h"
#include "longhaul/run/training_half.h"

#include "interrupt.h"
#include "verbs.h"

namespace longhaul {
namespace {

struct ProfileArguments {
  std::string subject;
  std::vector<std::string> overrides;
  std::string output;
  std::string device = "host";
  std::string disk_size;
  ProfileRequest request;
};

// Its folder is made before anything is measured.
std::filesystem::path output_of(const ProfileArguments& arguments) {
  std::filesystem::path file = arguments.output.empty() ? default_profile_path() : arguments.output;
  if (file.empty()) {
    throw ConfigError("profile: neither HOME nor XDG_CACHE_HOME is set: name --output FILE");
  }
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  return file;
}

// A line when a part begins where no line can be overwritten.
class ProfileProgress {
 public:
  explicit ProfileProgress(Console& console) : console_(console) {}

  void operator()(const Progress& progress) {
    console_.status(progress);
    if (part_ == progress.what || console_.stderr_is_terminal()) return;
    part_ = progress.what;
    console_.write(LogLevel::kInfo, part_);
  }

 private:
  Console& console_;
  std::string part_;
};

void measure(const ProfileArguments& arguments, Program& program) {
  ProfileRequest request = arguments.request;
  request.device = arguments.device == "cuda" ? DeviceKind::kCuda : DeviceKind::kHost;
  if (!arguments.disk_size.empty()) {
    request.disk_size = parse_bytes(arguments.disk_size);
    if (request.disk_size < 64_MiB) {
      throw ConfigError(
          concat("--disk-size: got ", arguments.disk_size, ", expected 64 MiB or more"));
    }
  }
  if (request.disks.empty()) request.disks.emplace_back(".");
  const std::filesystem::path file = output_of(arguments);
  catch_signals();
  ProfileProgress progress(program.console);
  const HardwareProfile profile =
      load_training_half()->profile(request, std::ref(progress), {program.console, program.stop});
  program.console.clear_status();
  write_text_file(file, to_yaml(profile, /*with_comments=*/true));
  program.console.print(concat(machine_page(profile), "\nThe profile is in ", file.string(), "\n"));
}

// The nodes of a model, kept where plans look for them.
void measure_subject(const ProfileArguments& arguments, Program& program) {
  const RunConfig config = load_subject(arguments.subject, arguments.overrides);
  catch_signals();
  ProfileProgress progress(program.console);
  const ModelTimes times = load_training_half()->profile_model(
      config, std::ref(progress), {program.console, program.stop});
  program.console.clear_status();
  const std::string file = keep_model_times(times);
  program.console.print(concat(model_times_page(times), "\nThe profile is in ", file, "\n"));
}

}  // namespace

void add_profile(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ProfileArguments>();
  CLI::App* verb = app.add_subcommand("profile", "Measure this machine: what plans are made from");
  CLI::Option* subject = verb->add_option(
      "RUN.yaml|MODEL", arguments->subject, "Measure only what the nodes of this model take here");
  verb->add_option("--output",
                   arguments->output,
                   "The file to write; by default where `plan: auto` looks for it")
      ->type_name("FILE")
      ->excludes(subject);
  verb->add_option("--disk",
                   arguments->request.disks,
                   "A folder on a disk to measure; may be repeated; by default the current one")
      ->type_name("FOLDER")
      ->allow_extra_args(false)
      ->excludes(subject);
  verb->add_option("--disk-size",
                   arguments->disk_size,
                   "What is written to each of them for the time of the test (4GiB)")
      ->type_name("SIZE")
      ->excludes(subject);
  verb->add_option("--device", arguments->device, "What computes: host or cuda")
      ->check(CLI::IsMember({"host", "cuda"}))
      ->excludes(subject);
  verb->add_option("--seconds", arguments->request.seconds, "How long it takes, about (90)")
      ->check(CLI::Range(1.0, 3600.0))
      ->excludes(subject);
  add_overrides(*verb, arguments->overrides);
  verb->footer(
      "Measures while nothing else runs. Every figure of the file says how it was found; it may\n"
      "be edited. Give it to `longhaul plan --hardware FILE`. With a run or a model, which "
      "`train`\n"
      "measures itself the first time, some seconds; the machine is not measured then.");
  verb->callback([arguments, &program] {
    if (arguments->subject.empty()) {
      if (!arguments->overrides.empty()) throw ConfigError("--set: expected a run or a model too");
      measure(*arguments, program);
    } else {
      measure_subject(*arguments, program);
    }
  });
}

}  // namespace longhaul
