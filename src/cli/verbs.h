// One function per verb: declares its arguments and what to call with them.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/run/run_file.h"

#include "console.h"

namespace CLI {
class App;
}  // namespace CLI

namespace longhaul {

inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInterrupted = 130;

// What every verb works with. A verb sets `exit_code` when it ends with another one than 0.
struct Program {
  Console& console;
  std::atomic<bool>& stop;
  int exit_code = kExitOk;
};

void add_profile(CLI::App& app, Program& program);
void add_plan(CLI::App& app, Program& program);
void add_train(CLI::App& app, Program& program);
void add_eval(CLI::App& app, Program& program);
void add_generate(CLI::App& app, Program& program);
void add_data(CLI::App& app, Program& program);
void add_bench(CLI::App& app, Program& program);
void add_report(CLI::App& app, Program& program);
void add_convert(CLI::App& app, Program& program);
void add_init(CLI::App& app, Program& program);
void add_doctor(CLI::App& app, Program& program);

// Adds `--set key=value`, which may be repeated.
void add_overrides(CLI::App& verb, std::vector<std::string>& overrides);

// The settings of a run file with overrides.
RunConfig load_run_config(const std::string& file, const std::vector<std::string>& overrides);
// What a verb is asked about: a run file, or else a model folder or a config.json: a run with the
// defaults, without data.
bool is_run_file(const std::string& subject);
RunConfig load_subject(const std::string& subject, const std::vector<std::string>& overrides);
// The settings for the use of a model, all from overrides. `given` are settings of operands.
RunConfig make_model_config(std::vector<std::string> given,
                            const std::vector<std::string>& overrides);

}  // namespace longhaul
