#include "evaluator.h"

#include <chrono>

#include "text_side.h"

namespace longhaul {

Evaluation evaluate_dataset(Engine& engine,
                            const Dataset& dataset,
                            const PackingRules& rules,
                            const std::function<void(std::int64_t, std::int64_t)>& on_micro_batch,
                            const std::atomic<bool>& stop) {
  const auto start = std::chrono::steady_clock::now();
  const Packing packing = pack_in_order(dataset, rules);
  Evaluation evaluation;
  double sum = 0.0;
  for (std::int64_t m = 0; m < packing.size() && !stop.load(); ++m) {
    const MicroBatch batch = make_micro_batch(dataset, packing[m], rules);
    const BatchView view = view_of(batch);
    sum += engine.evaluate({&view, 1});
    evaluation.target_tokens += batch.target_tokens;
    evaluation.samples += static_cast<std::int64_t>(batch.sequences.size());
    if (on_micro_batch) on_micro_batch(m + 1, packing.size());
  }
  if (evaluation.target_tokens > 0) {
    evaluation.loss = sum / static_cast<double>(evaluation.target_tokens);
  }
  const auto end = std::chrono::steady_clock::now();
  evaluation.time = Seconds{std::chrono::duration<double>(end - start).count()};
  return evaluation;
}

}  // namespace longhaul
