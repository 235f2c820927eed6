#include "longhaul/report/run_page.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "longhaul/core/error.h"
#include "longhaul/plan/plan_file.h"
#include "longhaul/report/step_lanes.h"
#include "longhaul/run/run_file.h"
#include "longhaul/run/spread.h"

#include "html.h"
#include "line_chart.h"
#include "plan_words.h"
#include "prediction.h"
#include "step_picture.h"

namespace longhaul {
namespace {

// With fewer steps a mean over steps says nothing that the steps do not.
constexpr std::size_t kStepsWorthSmoothing = 40;
// The first step of a process pays for pages and caches.
constexpr std::size_t kLeftOut = 1;

struct Run {
  const RunRecord& record;
  std::string name;
  int color = 0;
  std::optional<StepLanes> lanes;
  std::optional<StepPrediction> prediction;
};

using Points = std::vector<std::pair<double, double>>;

template <class Value>
Points over_steps(const RunRecord& run, Value value) {
  Points points;
  for (const StepMetrics& metrics : run.metrics) {
    points.emplace_back(static_cast<double>(metrics.step), value(metrics));
  }
  return points;
}

double tokens_per_second(const StepMetrics& metrics) {
  return static_cast<double>(metrics.tokens) / metrics.time.value;
}

// The mean of a window around each point, a twentieth of all wide.
Points smoothed(const Points& points) {
  const std::size_t reach = std::max<std::size_t>(1, points.size() / 40);
  Points smooth;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::size_t begin = i < reach ? 0 : i - reach;
    const std::size_t end = std::min(points.size(), i + reach + 1);
    double sum = 0.0;
    for (std::size_t k = begin; k < end; ++k) sum += points[k].second;
    smooth.emplace_back(points[i].first, sum / static_cast<double>(end - begin));
  }
  return smooth;
}

// A curve, in front of what it is the mean of where there are many steps.
void add_curve(std::vector<ChartLine>& curves, const std::string& name, int color, Points points) {
  if (points.size() >= kStepsWorthSmoothing) {
    Points mean = smoothed(points);
    curves.insert(curves.begin(),
                  {.name = name, .color = color, .points = std::move(points), .is_faded = true});
    points = std::move(mean);
  }
  curves.push_back({.name = name, .color = color, .points = std::move(points)});
}

Points evaluations_of(const RunRecord& run) {
  Points points;
  for (const NumberedEvaluation& one : run.evaluations) {
    points.emplace_back(static_cast<double>(one.step), one.evaluation.loss);
  }
  return points;
}

bool spans_decades(const std::vector<ChartLine>& curves) {
  double low = std::numeric_limits<double>::infinity();
  double high = 0.0;
  for (const ChartLine& curve : curves) {
    for (const auto& point : curve.points) {
      if (!std::isfinite(point.second)) continue;
      low = std::min(low, point.second);
      high = std::max(high, point.second);
    }
  }
  return low > 0.0 && high / low > 30.0;
}

LineChart step_chart(const std::vector<Run>& runs,
                     const std::string& title,
                     double (*value)(const StepMetrics&)) {
  LineChart chart{.title = title};
  for (const Run& run : runs) {
    add_curve(chart.curves, run.name, run.color, over_steps(run.record, value));
  }
  chart.is_log = spans_decades(chart.curves);
  return chart;
}

std::string charts(const std::vector<Run>& runs) {
  const bool is_one = runs.size() == 1;
  LineChart loss = step_chart(
      runs, is_one ? "Loss" : "Loss in training", [](const StepMetrics& m) { return m.loss; });
  LineChart held_out{.title = "Loss on held-out samples"};
  for (const Run& run : runs) {
    const Points points = evaluations_of(run.record);
    if (points.empty()) continue;
    std::vector<ChartLine>& curves = is_one ? loss.curves : held_out.curves;
    curves.push_back({.name = is_one ? "held out" : run.name,
                      .color = is_one ? 1 : run.color,
                      .points = points,
                      .has_dots = true});
  }
  if (is_one) {
    for (ChartLine& curve : loss.curves) {
      if (curve.color == 0) curve.name = "training";
    }
  }
  loss.unit = held_out.unit = "nats per token";
  LineChart norm =
      step_chart(runs, "Gradient norm", [](const StepMetrics& m) { return m.grad_norm; });
  norm.unit = "before clipping";
  LineChart speed = step_chart(runs, "Speed", tokens_per_second);
  speed.unit = "tokens/s";
  speed.from_zero = true;
  speed.is_log = false;
  LineChart rate{.title = "Learning rate", .from_zero = true};
  for (const Run& run : runs) {
    const auto value = [](const StepMetrics& metrics) { return metrics.learning_rate; };
    rate.curves.push_back({run.name, run.color, over_steps(run.record, value)});
  }
  std::string text = line_chart(loss);
  if (!held_out.curves.empty()) text += line_chart(held_out);
  text += line_chart(norm) + line_chart(speed) + line_chart(rate);
  return section("Over steps", concat("<div class=\"charts\">\n", text, "</div>\n"));
}

// --- figures of a run

std::vector<double> steady(const RunRecord& run, double (*value)(const StepMetrics&)) {
  std::vector<double> values;
  const std::size_t first = run.metrics.size() > kLeftOut ? kLeftOut : 0;
  for (std::size_t i = first; i < run.metrics.size(); ++i) values.push_back(value(run.metrics[i]));
  return values;
}

double seconds_of(const StepMetrics& metrics) {
  return metrics.time.value;
}

std::string loss_text(double loss) {
  return std::isfinite(loss) ? number(loss) : "not a number";
}

Seconds time_in_all(const RunRecord& run) {
  Seconds sum;
  for (const StepMetrics& metrics : run.metrics) sum += metrics.time;
  return sum;
}

std::string peak_text(const Run& run, Tier tier) {
  if (!run.lanes) return "";
  const Bytes arena = run.lanes->tiers[static_cast<std::size_t>(tier)].arena;
  return arena.count == 0 ? "-" : to_string(arena);
}

std::string tile(const std::string& value, const std::string& name) {
  return concat("<div class=\"tile\"><b>", escaped(value), "</b><span>", name, "</span></div>\n");
}

std::string tiles(const Run& run) {
  const RunRecord& record = run.record;
  const StepMetrics& last = record.metrics.back();
  const Spread speed = spread_of(steady(record, tokens_per_second));
  const Spread step = spread_of(steady(record, seconds_of));
  std::string text =
      tile(std::to_string(last.step), record.is_finished ? "steps, finished" : "steps so far");
  text += tile(loss_text(last.loss), "training loss, last step");
  if (!record.evaluations.empty()) {
    text += tile(loss_text(record.evaluations.back().evaluation.loss), "held-out loss, last");
  }
  text += tile(number(speed.median), "tokens/s, median");
  text += tile(to_string(Seconds{step.median}), "a step, median");
  text += tile(to_string(time_in_all(record)), "in steps, in all");
  return concat("<div class=\"tiles\">\n", text, "</div>\n");
}

std::string comparison(const std::vector<Run>& runs) {
  Table figures{.head = {"",
                         "steps",
                         "loss, last",
                         "held out, last",
                         "s/step, median",
                         "middle half",
                         "tokens/s, median",
                         "device",
                         "host",
                         "disk"}};
  for (const Run& run : runs) {
    const RunRecord& record = run.record;
    const Spread step = spread_of(steady(record, seconds_of));
    figures.rows.push_back(
        {run.name,
         std::to_string(record.metrics.back().step),
         loss_text(record.metrics.back().loss),
         record.evaluations.empty() ? "-" : loss_text(record.evaluations.back().evaluation.loss),
         number(step.median),
         concat(number(step.low), " to ", number(step.high)),
         number(spread_of(steady(record, tokens_per_second)).median),
         peak_text(run, Tier::kDevice),
         peak_text(run, Tier::kHost),
         peak_text(run, Tier::kDisk)});
  }
  return section("Medians",
                 table(figures) +
                     "<p class=\"faint\">Without the first step. Half of the steps took what "
                     "stands under middle half; device, host and disk is the memory taken.</p>\n");
}

// --- sections

TierCaps caps_of(const RunConfig& config) {
  TierCaps caps{config.device.memory, config.limits.host_memory, std::nullopt};
  if (!config.limits.disk.empty()) caps[2] = Bytes{};
  for (const DiskLimit& disk : config.limits.disk) *caps[2] += disk.capacity;
  return caps;
}

// With the name of the run where there are several.
std::string for_each_run(const std::vector<Run>& runs, std::string (*content)(const Run&)) {
  std::string text;
  for (const Run& run : runs) {
    if (runs.size() > 1) {
      text += concat("<div class=\"run\">", legend({{run.name, run.color}}), "</div>\n");
    }
    text += content(run);
  }
  return text;
}

std::string lanes_of(const Run& run) {
  if (!run.lanes) {
    return "<p>No lanes: the run has not written lanes.json, which it does after its sixth step "
           "or at its end.</p>\n";
  }
  return concat("<p class=\"faint\">Step ",
                run.lanes->step,
                ", ",
                to_string(run.lanes->length),
                " from the first op to the last.</p>\n",
                step_picture(*run.lanes, caps_of(run.record.config)));
}

std::string prediction_of(const Run& run) {
  if (run.prediction) return prediction_table(*run.prediction);
  return "<p>No prediction: the run has no prediction.json. A run whose settings name the "
         "machine's profile (hardware: FILE) has one.</p>\n";
}

std::string plan_of(const Run& run) {
  if (!run.record.plan) return "<p>No plan.yaml.</p>\n";
  return list(plan_in_words(*run.record.plan)) +
         details("plan.yaml", preformatted(to_yaml(*run.record.plan)));
}

std::string settings_of(const Run& run) {
  return details(concat("run.yaml of ", run.name), preformatted(to_yaml(run.record.config)));
}

std::string settings(const std::vector<Run>& runs) {
  std::string text;
  if (runs.size() > 1) {
    Table differing{.head = {"differs"}};
    std::vector<std::vector<std::string>> values;
    for (const Run& run : runs) {
      differing.head.push_back(run.name);
      values.push_back(run_schema(Purpose::kTrain).values(run.record.config));
    }
    const std::vector<KeyInfo>& keys = run_schema(Purpose::kTrain).keys();
    for (std::size_t k = 0; k < keys.size(); ++k) {
      std::vector<std::string> row{keys[k].path};
      for (const std::vector<std::string>& of_run : values) row.push_back(of_run[k]);
      const bool is_same = std::all_of(
          row.begin() + 1, row.end(), [&](const std::string& value) { return value == row[1]; });
      if (!is_same) differing.rows.push_back(std::move(row));
    }
    text += table(differing);
  }
  for (const Run& run : runs) text += settings_of(run);
  return text;
}

std::string manifest_value(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& item : value.elements()) {
    text += concat(text.empty() ? "" : ", ", manifest_value(item));
  }
  return text;
}

std::string environment_of(const Run& run) {
  if (!run.record.manifest.is_object()) return "<p>No manifest.json.</p>\n";
  std::string rows;
  for (const auto& [name, value] : run.record.manifest.members()) {
    const bool is_size = name.ends_with("_bytes") && value.is_int();
    std::string words = is_size ? name.substr(0, name.rfind('_')) : name;
    std::replace(words.begin(), words.end(), '_', ' ');
    const std::string text = is_size ? to_string(Bytes{value.as_int()}) : manifest_value(value);
    rows += concat("<tr><th>", escaped(words), "</th><td>", escaped(text), "</td></tr>\n");
  }
  return concat(
      "<div class=\"wide\"><table class=\"text\"><tbody>\n", rows, "</tbody></table></div>\n");
}

std::vector<Run> read(std::span<const RunRecord> records) {
  std::vector<Run> runs;
  for (const RunRecord& record : records) {
    Run run{.record = record,
            .name = record.path.lexically_normal().string(),
            .color = static_cast<int>(runs.size() % kColors)};
    if (!record.lanes.is_null()) run.lanes = parse_step_lanes(record.lanes);
    if (!record.prediction.is_null()) run.prediction = parse_prediction(record.prediction);
    runs.push_back(std::move(run));
  }
  return runs;
}

}  // namespace

std::string run_page(std::span<const RunRecord> records) {
  require(!records.empty(), "run_page: got no run, expected at least one");
  const std::vector<Run> runs = read(records);
  const RunConfig& config = records.front().config;
  std::string body;
  std::string title = concat(runs.size(), " runs");
  if (runs.size() == 1) {
    title = runs.front().name;
    body = concat("<p class=\"faint\">",
                  escaped(config.model),
                  ", ",
                  config.batch.tokens_per_step,
                  " tokens a step</p>\n",
                  tiles(runs.front()));
  } else {
    body = comparison(runs);
  }
  body += charts(runs);
  body += section("A typical step", for_each_run(runs, lanes_of));
  body += section("Predicted against measured", for_each_run(runs, prediction_of));
  body += section("Plan", for_each_run(runs, plan_of));
  body += section("Settings", settings(runs));
  body += section("Environment", for_each_run(runs, environment_of));
  return html_page(title, body);
}

}  // namespace longhaul
