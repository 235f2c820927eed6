#include "longhaul/report/plan_page.h"

#include <algorithm>
#include <array>

#include "longhaul/core/error.h"

#include "plan_words.h"

namespace longhaul {
namespace {

constexpr double kTera = 1e12;

std::size_t index_of(Tier tier) {
  return static_cast<std::size_t>(tier);
}

std::int64_t tokens_of(const Problem& problem) {
  return problem.shape.tokens * problem.shape.micro_batches;
}

double share_of(const Judgement& judgement, Lane lane) {
  return judgement.busy[static_cast<std::size_t>(lane)].value / judgement.step.value;
}

Bytes moved(const Judgement& judgement, Lane lane) {
  return judgement.moved[static_cast<std::size_t>(lane)];
}

double terabytes(Bytes size) {
  return static_cast<double>(size.count) / kTera;
}

// Of the rate of products: of the model's own FLOPs, what is recomputed not counted.
double flop_share(const Problem& problem, const Judgement& judgement) {
  const ComputeRates& rates = problem.format.precision == Precision::kBF16
                                  ? problem.machine.device.bf16
                                  : problem.machine.device.fp32;
  const double peak = rates.products.points.back().rate.value.rate;
  return model_flops(problem).count / judgement.step.value / peak;
}

// "compute binds, 97 % of the step busy, host 40 %".
std::string lanes_in_words(const Judgement& best) {
  std::string use;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    const Lane lane = static_cast<Lane>(l);
    if (lane == busiest(best) || share_of(best, lane) < 0.005) continue;
    use += concat(", ", name_of(lane), ' ', percent(share_of(best, lane)));
  }
  return concat(name_of(busiest(best)),
                " binds, ",
                percent(share_of(best, busiest(best))),
                " of the step busy",
                use);
}

// --- text

class Page {
 public:
  void row(const std::string& name, const std::string& text) {
    text_ +=
        name + std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' ') + text + '\n';
  }
  std::string text() && { return std::move(text_); }

 private:
  static constexpr std::size_t kColumn = 12;
  std::string text_;
};

void add_speed(const PlanStory& story, const Judgement& best, Page& page) {
  const auto tokens = static_cast<double>(tokens_of(story.problem));
  const Seconds step = mean_step(story.problem, best);
  page.row("step",
           concat(to_string(step),
                  " for ",
                  tokens_of(story.problem),
                  " tokens: ",
                  number(tokens / step.value),
                  " tokens/s, ",
                  percent(flop_share(story.problem, best)),
                  " of the device's rate of products"));
  if (story.steps) {
    page.row("run",
             concat(*story.steps, " steps: ", to_string(step * static_cast<double>(*story.steps))));
  }
  page.row("lanes", lanes_in_words(best));
  if (story.plan.bounds.merged.value == 0.0) return;  // a plan that was given
  page.row("bounds",
           concat(percent(best.step.value / story.plan.bounds.merged.value - 1.0),
                  " above what no plan goes below"));
}

void add_memory(const PlanStory& story, const Judgement& best, Page& page) {
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const Bytes peak = best.peak[index_of(tier)];
    if (peak.count == 0) continue;
    const Bytes cap = story.problem.caps.bytes[index_of(tier)];
    std::string parts;
    for (const LedgerLine& line : best.ledger) {
      if (line.tier != tier || line.size.count * 1000 < peak.count) continue;
      parts += concat(parts.empty() ? ": " : ", ", line.name, ' ', to_string(line.size));
    }
    const std::string of = cap.count == INT64_MAX ? "" : " of " + to_string(cap);
    page.row(tier == Tier::kHost ? "host, pinned" : name_of(tier),
             concat(to_string(peak), of, parts));
  }
}

void add_traffic(const PlanStory& story, const Judgement& best, Page& page) {
  page.row("link",
           concat(to_string(moved(best, Lane::kH2d)),
                  " to the device, ",
                  to_string(moved(best, Lane::kD2h)),
                  " to the host a step"));
  if (moved(best, Lane::kDiskRead).count + best.written().count == 0) return;
  page.row("disk",
           concat(to_string(moved(best, Lane::kDiskRead)),
                  " read, ",
                  to_string(best.written()),
                  " written a step"));
  const double step = terabytes(best.written());
  std::string wear = story.steps ? concat(number(step * static_cast<double>(*story.steps)),
                                          " TB written in the run")
                                 : concat(number(1000.0 * step), " TB written in 1,000 steps");
  if (const auto rated = endurance(story.problem.machine.storage)) {
    const double steps = story.steps ? static_cast<double>(*story.steps) : 1000.0;
    wear += concat(", ",
                   percent(step * steps / terabytes(*rated)),
                   " of the rated ",
                   number(terabytes(*rated)),
                   " TB");
  }
  page.row("wear",
           concat(wear, "; a GB written counts as ", number(story.problem.write_price), " s"));
}

void add_clipping(const PlanStory& story, const Judgement& best, Page& page) {
  if (!story.unclipped) return;
  const Seconds step = mean_step(story.problem, best);
  page.row("clipping",
           concat("costs ",
                  percent(std::max(0.0, step.value / story.unclipped->value - 1.0)),
                  ": ",
                  to_string(*story.unclipped),
                  " without (max_grad_norm: none)"));
  if (best.after_clip == best.step) return;
  page.row("",
           concat("updates run before the norm is known: ",
                  to_string(best.step),
                  " a step, ",
                  to_string(best.after_clip),
                  " after one that clips, which ",
                  percent(story.problem.clip_share),
                  " are taken to do"));
}

void add_changes(const PlanStory& story, Page& page) {
  const std::int64_t tokens = tokens_of(story.problem);
  const char* name = story.plan.best ? "would help" : "would fit";
  for (const Change& change : story.changes) {
    page.row(name,
             story.plan.best
                 ? concat(change.text, ": ", number(change.speedup), " times the tokens/s")
                 : concat("with ",
                          change.text,
                          ": ",
                          to_string(change.judgement.step),
                          " a step, ",
                          number(static_cast<double>(tokens) / change.judgement.step.value),
                          " tokens/s"));
    name = "";
  }
}

// --- JSON

Json bytes_json(Bytes size) {
  return {size.count};
}

Json judgement_json(const Judgement& judgement) {
  Json::Members busy;
  Json::Members copied;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    busy.emplace_back(name_of(static_cast<Lane>(l)), Json(judgement.busy[l].value));
    copied.emplace_back(name_of(static_cast<Lane>(l)), bytes_json(judgement.moved[l]));
  }
  Json::Members peak;
  for (std::size_t t = 0; t < kTierCount; ++t) {
    peak.emplace_back(name_of(static_cast<Tier>(t)), bytes_json(judgement.peak[t]));
  }
  std::vector<Json> ledger;
  for (const LedgerLine& line : judgement.ledger) {
    ledger.push_back(Json::make_object({{"tier", Json(name_of(line.tier))},
                                        {"name", Json(line.name)},
                                        {"bytes", bytes_json(line.size)}}));
  }
  return Json::make_object({{"step_seconds", Json(judgement.step.value)},
                            {"busy_seconds", Json::make_object(busy)},
                            {"moved_bytes", Json::make_object(copied)},
                            {"peak_bytes", Json::make_object(peak)},
                            {"ledger", Json::make_array(ledger)},
                            {"ops", Json(static_cast<std::int64_t>(judgement.ops))}});
}

void judge_given(const Plan& given, PlanStory& story) {
  Judgement judgement = judge(story.problem, given);
  const Caps& caps = story.problem.caps;
  if (judgement.fits(caps)) {
    story.plan.best = std::move(judgement);
    return;
  }
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const std::size_t t = index_of(tier);
    if (judgement.peak[t] <= caps.bytes[t]) continue;
    story.plan.refusal += concat(story.plan.refusal.empty() ? "" : "; ",
                                 room_on(tier),
                                 ": this plan takes ",
                                 to_string(judgement.peak[t]),
                                 ", the cap is ",
                                 to_string(caps.bytes[t]));
  }
}

}  // namespace

PlanStory tell_plan(const std::string& model,
                    const Problem& problem,
                    const std::optional<Plan>& given) {
  PlanStory story{.model = model, .problem = problem};
  if (given) {
    judge_given(*given, story);
    return story;
  }
  story.plan = make_auto_plan(problem);
  story.changes = story.plan.best ? what_would_help(problem, story.plan) : what_would_fit(problem);
  if (problem.clips && story.plan.best) {
    Problem unclipped = problem;
    unclipped.clips = false;
    if (const AutoPlan other = make_auto_plan(unclipped); other.best) {
      story.unclipped = other.best->step;
    }
  }
  return story;
}

std::string plan_page(const PlanStory& story) {
  Page page;
  page.row("model",
           concat(story.model,
                  ", ",
                  parameter_count(story.problem.graph) / 1000000,
                  " million parameters, ",
                  story.problem.format.precision == Precision::kBF16 ? "bf16" : "fp32"));
  page.row("machine",
           concat(story.problem.machine.name,
                  story.problem.measured.nodes.empty() ? "" : "; the model's nodes as measured"));
  if (!story.plan.best) {
    page.row("fits", "no: " + story.plan.refusal);
    add_changes(story, page);
    return std::move(page).text();
  }
  const Judgement& best = *story.plan.best;
  page.row("fits", "yes");
  add_speed(story, best, page);
  add_memory(story, best, page);
  add_traffic(story, best, page);
  add_clipping(story, best, page);
  std::string name = "plan";
  for (const std::string& line : plan_in_words(story.problem, best)) {
    page.row(name, line);
    name.clear();
  }
  add_changes(story, page);
  return std::move(page).text();
}

std::string step_in_words(const Problem& problem, const Judgement& judgement) {
  const double tokens = static_cast<double>(tokens_of(problem));
  return concat(to_string(judgement.step),
                " a step, ",
                number(tokens / judgement.step.value),
                " tokens/s; ",
                lanes_in_words(judgement));
}

Json plan_json(const PlanStory& story) {
  Json::Members members{
      {"model", Json(story.model)},
      {"parameters", Json(parameter_count(story.problem.graph))},
      {"machine", Json(story.problem.machine.name)},
      {"nodes_are_measured", Json(!story.problem.measured.nodes.empty())},
      {"fits", Json(story.plan.best.has_value())},
      {"tokens_per_step", Json(tokens_of(story.problem))},
      {"tokens_per_micro_batch", Json(story.problem.shape.tokens)},
  };
  if (story.plan.bounds.merged.value > 0.0) {
    members.emplace_back("bound_seconds", Json(story.plan.bounds.merged.value));
  }
  if (story.steps) members.emplace_back("steps", Json(*story.steps));
  if (story.unclipped) {
    members.emplace_back("step_seconds_without_clipping", Json(story.unclipped->value));
  }
  if (story.plan.best) {
    const double rate = static_cast<double>(tokens_of(story.problem)) /
                        mean_step(story.problem, *story.plan.best).value;
    members.emplace_back("step_seconds_after_a_clip", Json(story.plan.best->after_clip.value));
    members.emplace_back("clip_share", Json(story.problem.clip_share));
    members.emplace_back("tokens_per_second", Json(rate));
    members.emplace_back("model_flop_share", Json(flop_share(story.problem, *story.plan.best)));
    members.emplace_back("binds", Json(name_of(busiest(*story.plan.best))));
    members.emplace_back("prediction", judgement_json(*story.plan.best));
  } else {
    members.emplace_back("refusal", Json(story.plan.refusal));
  }
  std::vector<Json> changes;
  for (const Change& change : story.changes) {
    changes.push_back(Json::make_object({{"change", Json(change.text)},
                                         {"step_seconds", Json(change.judgement.step.value)},
                                         {"speedup", Json(change.speedup)}}));
  }
  members.emplace_back("changes", Json::make_array(changes));
  return Json::make_object(members);
}

std::vector<CurvePoint> plan_curve(const Problem& problem, std::optional<std::int64_t> least) {
  const std::int64_t step = tokens_of(problem);
  std::vector<CurvePoint> curve;
  for (std::int64_t tokens = step / 4; tokens <= 16 * step; tokens *= 2) {
    Problem changed = problem;
    const std::int64_t size = least ? tokens : problem.shape.tokens;
    if (tokens < std::max(problem.rules.sequence, least ? *least : size) || tokens % size != 0) {
      continue;
    }
    changed.shape.tokens = size;
    changed.shape.micro_batches = static_cast<int>(tokens / size);
    if (least) {
      changed.shape.tokens = choose_micro_batch(changed, *least);
      changed.shape.micro_batches = static_cast<int>(tokens / changed.shape.tokens);
    }
    AutoPlan plan = make_auto_plan(changed);
    curve.push_back({tokens, changed.shape.tokens, std::move(plan.best)});
  }
  return curve;
}

std::string curve_page(const std::vector<CurvePoint>& curve) {
  std::string text = "tokens/step  micro-batch  s/step  tokens/s  binds       written/step\n";
  for (const CurvePoint& point : curve) {
    const auto cell = [&](const std::string& word, std::size_t width) {
      text += word + std::string(width > word.size() ? width - word.size() : 1, ' ');
    };
    cell(std::to_string(point.tokens), 13);
    cell(std::to_string(point.micro_batch), 13);
    if (point.judgement) {
      const Judgement& j = *point.judgement;
      cell(number(j.step.value), 8);
      cell(number(static_cast<double>(point.tokens) / j.step.value), 10);
      cell(name_of(busiest(j)), 12);
      text += to_string(j.written());
    } else {
      text += "does not fit";
    }
    text += '\n';
  }
  return text;
}

}  // namespace longhaul
