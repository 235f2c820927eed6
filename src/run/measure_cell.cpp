#include <array>
#include <cerrno>
#include <csignal>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "longhaul/core/error.h"
#include "longhaul/run/training_half.h"

#include "cell.h"

namespace longhaul {
namespace {

namespace fs = std::filesystem;

// Thrown out of the training half when enough has been measured: neither a checkpoint nor a model
// is written.
struct HasMeasured {};

class MeasuringObserver final : public TrainObserver {
 public:
  MeasuringObserver(std::int64_t warmup, std::int64_t steps) : warmup_(warmup), steps_(steps) {}

  void on_progress(const Progress& /*progress*/) override {}
  void on_start(const RunSummary& summary) override {
    for (const RunSummary::MemoryLine& line : summary.memory) {
      for (std::size_t t = 0; t < kTierCount; ++t) {
        const std::string tier = name_of(static_cast<Tier>(t));
        if (line.name.starts_with(tier + ":")) result_.peak[t] += line.size;
      }
    }
  }
  void on_timeline(std::int64_t step, const Schedule& schedule, const Timeline& timeline) override {
    if (step > warmup_) busy_.push_back(busy_time(schedule, timeline));
  }
  void on_step(const StepMetrics& metrics) override {
    if (metrics.step <= warmup_) return;
    seconds_.push_back(metrics.time.value);
    tokens_.push_back(static_cast<double>(metrics.tokens));
    if (metrics.step >= warmup_ + steps_) throw HasMeasured{};
  }
  void on_evaluation(std::int64_t /*step*/, const Evaluation& /*evaluation*/) override {}
  void on_checkpoint(std::int64_t /*step*/, const std::string& /*folder*/) override {}
  void on_prediction(const Prediction& /*prediction*/, const std::string& /*advice*/) override {}

  CellResult result() const {
    CellResult result = result_;
    result.step = {spread_of(seconds_).median};
    result.tokens = spread_of(tokens_).median;
    for (std::size_t l = 0; l < kLaneCount; ++l) {
      std::vector<double> lane;
      for (const auto& busy : busy_) lane.push_back(busy[l].value);
      result.busy[l] = {spread_of(lane).median};
    }
    return result;
  }

 private:
  std::int64_t warmup_;
  std::int64_t steps_;
  CellResult result_;
  std::vector<double> seconds_;
  std::vector<double> tokens_;
  std::vector<std::array<Seconds, kLaneCount>> busy_;
};

CellResult train(const SweepCell& cell, const fs::path& folder, const MeasureRules& rules) {
  RunConfig config = prepare_cell(cell, folder);
  config.training.epochs.reset();
  config.training.steps = rules.warmup + rules.steps;
  config.training.eval_every.reset();
  config.checkpoint.every.reset();
  config.resume = Resume::kNever;
  MeasuringObserver observer(rules.warmup, rules.steps);
  const std::unique_ptr<TrainingHalf> half = load_training_half();
  try {
    half->train(config, observer, {rules.log, rules.stop});
  } catch (const HasMeasured&) {
    return observer.result();
  }
  throw Error("the run ended before its last step");
}

CellResult outcome_of_training(const SweepCell& cell,
                               const fs::path& folder,
                               const MeasureRules& rules) {
  try {
    return train(cell, folder, rules);
  } catch (const DoesNotFit& error) {
    return {.status = CellStatus::kOom, .reason = error.what()};
  } catch (const OutOfMemory& error) {
    return {.status = CellStatus::kOom, .reason = error.what()};
  } catch (const std::bad_alloc&) {
    return {.status = CellStatus::kOom, .reason = "out of memory"};
  } catch (const std::exception& error) {
    return {.status = CellStatus::kFailed, .reason = error.what()};
  }
}

void write_all(int descriptor, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = ::write(descriptor, text.data() + at, text.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    at += static_cast<std::size_t>(count);
  }
}

// The child's end of it. Signals end it at once, as does the end of the parent.
[[noreturn]] void run_child(const SweepCell& cell,
                            const fs::path& folder,
                            const MeasureRules& rules,
                            int descriptor,
                            pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  write_all(descriptor, to_json(outcome_of_training(cell, folder, rules)).dump());
  ::_exit(0);
}

// Until the child has closed its end or `stop` is set, which interrupts the read.
std::string read_result(int descriptor, const std::atomic<bool>& stop) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (!stop) {
    const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

CellResult outcome_of_end(int status) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    return {.status = CellStatus::kOom,
            .reason = "killed by signal 9, as the system does where memory runs out"};
  }
  return {.status = CellStatus::kFailed,
          .reason = WIFSIGNALED(status) ? concat("ended by signal ", WTERMSIG(status))
                                        : concat("ended with code ", WEXITSTATUS(status))};
}

}  // namespace

std::optional<CellResult> measure_cell(const SweepCell& cell,
                                       const fs::path& folder,
                                       const MeasureRules& rules) {
  std::error_code error;
  fs::remove_all(folder, error);  // of a repeat that was interrupted
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw IoError("pipe", "cannot be made", errno);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) run_child(cell, folder, rules, ends[1], parent);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    throw IoError("fork", "no process could be made", errno);
  }
  const std::string text = read_result(ends[0], rules.stop);
  ::close(ends[0]);
  if (rules.stop) ::kill(child, SIGKILL);
  const int status = wait_for(child);
  if (rules.stop) {
    fs::remove_all(folder, error);
    return std::nullopt;
  }
  if (text.empty() || !WIFEXITED(status)) return outcome_of_end(status);
  return parse_cell_result(Json::parse(text, "result of a cell"));
}

}  // namespace longhaul
