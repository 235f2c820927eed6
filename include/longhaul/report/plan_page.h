// What will happen, before a byte is allocated: a plan as one screen of text or as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/planner/auto_plan.h"

namespace longhaul {

struct PlanStory {
  std::string model;  // in words
  Problem problem;
  AutoPlan plan;
  std::vector<Change> changes;        // that would help; that would fit, where nothing does
  std::optional<Seconds> unclipped;   // the step without clipping, where the run clips
  std::optional<std::int64_t> steps;  // of the run
};

// Plans, and asks what would help. With `given` that plan is judged instead, and nothing else.
PlanStory tell_plan(const std::string& model,
                    const Problem& problem,
                    const std::optional<Plan>& given = {});

std::string plan_page(const PlanStory& story);
Json plan_json(const PlanStory& story);

// What lives where, what is computed again, when updates run: a line each.
std::vector<std::string> plan_in_words(const Problem& problem, const Judgement& judgement);
// "9.84 s a step, 208 tokens/s; compute binds, 97 % of the step busy, host 40 %".
std::string step_in_words(const Problem& problem, const Judgement& judgement);

// A point of a curve over tokens per step.
struct CurvePoint {
  std::int64_t tokens = 0;  // of a step
  std::int64_t micro_batch = 0;
  std::optional<Judgement> judgement;  // none: does not fit
};

// Tokens per step from a quarter of the problem's to 16 times as many. `least`: tokens that a
// micro-batch has to hold, where the plan may choose its size.
std::vector<CurvePoint> plan_curve(const Problem& problem, std::optional<std::int64_t> least);
std::string curve_page(const std::vector<CurvePoint>& curve);

}  // namespace longhaul
