#include "longhaul/run/run_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <string_view>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Keys that may change between a run and its resumption, because no number depends on them.
constexpr std::array<std::string_view, 15> kChangeable{"model",
                                                       "output",
                                                       "data.on_bad_sample",
                                                       "training.eval_every",
                                                       "training.on_nonfinite",
                                                       "checkpoint.every",
                                                       "checkpoint.keep",
                                                       "resume",
                                                       "device.memory",
                                                       "limits.disk",
                                                       "hardware",
                                                       "plan",
                                                       "device.threads",
                                                       "limits.host_memory",
                                                       "limits.write_price"};

// The checks that take two keys, each reported where the second one stands.
class CrossChecks {
 public:
  CrossChecks(const Document& document,
              const Schema<RunConfig>& keys,
              const std::vector<GivenKey>& given,
              ConfigErrors& errors)
      : document_(document), keys_(keys), given_(given), errors_(errors) {}

  void check(RunConfig& config) {
    choose_one(config.training.epochs, "training.epochs", config.training.steps, "training.steps");
    choose_one(config.optimizer.warmup_ratio,
               "optimizer.warmup_ratio",
               config.optimizer.warmup_steps,
               "optimizer.warmup_steps");
    if (!config.training.epochs && !config.training.steps) {
      add("training.epochs", "got none, and training.steps is none: expected one of them");
    }
    check_batch(config);
    const std::vector<std::string>& train = config.data.train;
    if (std::find(train.begin(), train.end(), config.data.eval.file) != train.end()) {
      add("data.eval", "got the training file, expected samples that are not trained on");
    }
  }

 private:
  // A key that is given switches off the default of its alternative; both given is an error.
  template <class A, class B>
  void choose_one(std::optional<A>& a,
                  const char* a_path,
                  std::optional<B>& b,
                  const char* b_path) {
    if (!a || !b) return;
    if (given(a_path).node == nullptr) {
      a.reset();
    } else if (given(b_path).node == nullptr) {
      b.reset();
    } else {
      add(b_path, concat("given together with ", a_path, ", expected one of them"));
    }
  }

  void check_batch(const RunConfig& config) {
    const BatchConfig& batch = config.batch;
    const std::int64_t micro_batch = batch.tokens_per_micro_batch.value_or(batch.tokens_per_step);
    if (are_right({"batch.tokens_per_micro_batch", "batch.tokens_per_step"}) &&
        batch.tokens_per_step % micro_batch != 0) {
      add("batch.tokens_per_micro_batch",
          concat("got ",
                 micro_batch,
                 ", expected a divisor of tokens_per_step (",
                 batch.tokens_per_step,
                 ")"));
    }
    if (are_right({"batch.tokens_per_micro_batch", "batch.tokens_per_step", "data.max_length"}) &&
        config.data.max_length > micro_batch) {
      add("data.max_length",
          concat("got ",
                 config.data.max_length,
                 ", expected at most the ",
                 micro_batch,
                 batch.tokens_per_micro_batch ? " tokens of a micro-batch" : " tokens of a step"));
    }
  }

  GivenKey given(std::string_view path) const {
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (keys_.keys()[i].path == path) return given_[i];
    }
    return {};
  }

  bool are_right(std::initializer_list<std::string_view> paths) const {
    return std::none_of(
        paths.begin(), paths.end(), [this](std::string_view path) { return given(path).is_wrong; });
  }

  void add(std::string_view path, const std::string& what) {
    const ConfigNode* at = given(path).node;
    errors_.add(at == nullptr ? Place{document_.source} : at->place, path, what);
  }

  const Document& document_;
  const Schema<RunConfig>& keys_;
  const std::vector<GivenKey>& given_;
  ConfigErrors& errors_;
};

// Without a step, a batch is one micro-batch.
void adapt_batch_to_model_use(RunConfig& config) {
  constexpr std::int64_t kUsualBatch = 2048;
  config.batch.tokens_per_step =
      config.batch.tokens_per_micro_batch.value_or(std::max(kUsualBatch, config.data.max_length));
}

}  // namespace

RunConfig parse_run_config(const Document& document, Purpose purpose) {
  const Schema<RunConfig>& keys = run_schema(purpose);
  RunConfig config;
  ConfigErrors errors;
  const std::vector<GivenKey> given = keys.read(document, config, errors);
  if (purpose == Purpose::kUseModel) adapt_batch_to_model_use(config);
  CrossChecks(document, keys, given, errors).check(config);
  errors.throw_if_any();
  return config;
}

std::string to_yaml(const RunConfig& config, bool with_comments) {
  return run_schema(Purpose::kTrain).write(config, with_comments);
}

std::vector<std::string> changed_numbers(const RunConfig& before, const RunConfig& now) {
  const Schema<RunConfig>& keys = run_schema(Purpose::kTrain);
  const std::vector<std::string> old_values = keys.values(before);
  const std::vector<std::string> new_values = keys.values(now);
  std::vector<std::string> changes;
  for (std::size_t i = 0; i < old_values.size(); ++i) {
    const std::string& path = keys.keys()[i].path;
    const bool counts =
        std::find(kChangeable.begin(), kChangeable.end(), path) == kChangeable.end();
    if (!counts || old_values[i] == new_values[i]) continue;
    changes.push_back(concat(path, " was ", old_values[i], ", is ", new_values[i]));
  }
  return changes;
}

}  // namespace longhaul
