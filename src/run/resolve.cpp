#include "longhaul/run/resolve.h"

#include <algorithm>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// Micro-batches below this leave the products of a CPU too small; above it only memory grows.
constexpr std::int64_t kUsualMicroBatch = 2048;

constexpr std::int64_t kLeastMicroBatch = 256;

std::int64_t choose_micro_batch(std::int64_t tokens_per_step, std::int64_t max_length) {
  const std::int64_t wanted = std::max(max_length, kUsualMicroBatch);
  for (std::int64_t parts = tokens_per_step / std::min(wanted, tokens_per_step); parts > 1;
       --parts) {
    if (tokens_per_step % parts == 0) return tokens_per_step / parts;
  }
  return tokens_per_step;
}

}  // namespace

RunConfig resolve(RunConfig config, const Environment& environment) {
  BatchConfig& batch = config.batch;
  if (!batch.tokens_per_micro_batch) {
    batch.tokens_per_micro_batch =
        choose_micro_batch(batch.tokens_per_step, config.data.max_length);
  }
  if (config.data.max_length > *batch.tokens_per_micro_batch) {
    throw ConfigError(concat("data.max_length: got ",
                             config.data.max_length,
                             ", expected at most the ",
                             *batch.tokens_per_micro_batch,
                             " tokens of a micro-batch"));
  }
  if (!config.device.kind) config.device.kind = DeviceKind::kHost;
  if (!config.training.precision) {
    const bool has_fast_bf16 =
        config.device.kind == DeviceKind::kCuda || environment.has_fast_bf16();
    config.training.precision = has_fast_bf16 ? Precision::kBF16 : Precision::kF32;
  }
  if (!config.device.threads) config.device.threads = environment.cores;
  return config;
}

std::vector<std::int64_t> micro_batches_to_try(const RunConfig& requested,
                                               const RunConfig& resolved) {
  std::vector<std::int64_t> sizes{*resolved.batch.tokens_per_micro_batch};
  if (requested.batch.tokens_per_micro_batch || requested.plan != "auto") return sizes;
  const std::int64_t step = resolved.batch.tokens_per_step;
  for (std::int64_t parts = step / sizes.front() + 1;
       step / parts >= std::max(resolved.data.max_length, kLeastMicroBatch);
       ++parts) {
    if (step % parts == 0 && step / parts * 2 <= sizes.back()) sizes.push_back(step / parts);
  }
  return sizes;
}

}  // namespace longhaul
