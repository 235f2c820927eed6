// The learning rate of every step: a linear warm-up, then a shape. The same numbers as the
// get_*_schedule_with_warmup functions of transformers.
#pragma once

#include <cstdint>

namespace longhaul {

enum class ScheduleShape : std::uint8_t { kConstant, kLinear, kCosine };

struct LearningRateSchedule {
  ScheduleShape shape = ScheduleShape::kConstant;
  double peak = 0.0;
  std::int64_t warmup_steps = 0;
  std::int64_t total_steps = 0;
};

// The learning rate of update `step`, counted from 0, in fp64. With w = warmup_steps, n =
// total_steps and p = (step - w) / max(1, n - w):
//
//   step < w:   peak * step / max(1, w)          the first update of a warm-up has rate 0
//   constant:   peak
//   linear:     peak * max(0, (n - step) / max(1, n - w))
//   cosine:     peak * max(0, (1 + cos(pi * p)) / 2)
//
// Throws InvalidArgument when a count is negative.
double learning_rate_at(const LearningRateSchedule& schedule, std::int64_t step);

// ceil(ratio * total_steps): how many steps a warm-up given as a share takes.
std::int64_t warmup_steps_of(double ratio, std::int64_t total_steps);

}  // namespace longhaul
