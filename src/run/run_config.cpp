#include "longhaul/run/run_config.h"

namespace longhaul {

LearningRateSchedule learning_rate_schedule(const OptimizerConfig& optimizer,
                                            std::int64_t total_steps) {
  LearningRateSchedule schedule{.shape = optimizer.schedule,
                                .peak = optimizer.adamw.learning_rate,
                                .total_steps = total_steps};
  if (optimizer.warmup_steps) schedule.warmup_steps = *optimizer.warmup_steps;
  if (optimizer.warmup_ratio) {
    schedule.warmup_steps = warmup_steps_of(*optimizer.warmup_ratio, total_steps);
  }
  return schedule;
}

}  // namespace longhaul
