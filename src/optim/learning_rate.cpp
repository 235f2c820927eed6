#include "longhaul/optim/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

// The share of the peak. Every operation is written in the order that transformers uses: a
// difference of one rounding would be a different run.
double share_of_peak(const LearningRateSchedule& schedule, std::int64_t step) {
  const std::int64_t warmup = schedule.warmup_steps;
  if (step < warmup) {
    return static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, warmup));
  }
  const auto rest = static_cast<double>(std::max<std::int64_t>(1, schedule.total_steps - warmup));
  switch (schedule.shape) {
    case ScheduleShape::kConstant: return 1.0;
    case ScheduleShape::kLinear:
      return std::max(0.0, static_cast<double>(schedule.total_steps - step) / rest);
    case ScheduleShape::kCosine: {
      const double progress = static_cast<double>(step - warmup) / rest;
      return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * 0.5 * 2.0 * progress)));
    }
  }
  return 1.0;
}

}  // namespace

double learning_rate_at(const LearningRateSchedule& schedule, std::int64_t step) {
  require(step >= 0 && schedule.warmup_steps >= 0 && schedule.total_steps >= 0,
          "learning_rate_at: got step ",
          step,
          ", warmup_steps ",
          schedule.warmup_steps,
          ", total_steps ",
          schedule.total_steps,
          ", expected none below 0");
  return schedule.peak * share_of_peak(schedule, step);
}

std::int64_t warmup_steps_of(double ratio, std::int64_t total_steps) {
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(total_steps) * ratio));
}

}  // namespace longhaul
