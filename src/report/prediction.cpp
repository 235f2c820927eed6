#include "prediction.h"

#include <algorithm>
#include <string>

#include "longhaul/core/error.h"

#include "axis.h"
#include "html.h"
#include "plan_words.h"

namespace longhaul {
namespace {

StepSeconds parse_seconds(const Json& json) {
  StepSeconds seconds{.step = {json.as_double("seconds")}};
  const Json lanes = json.at("lanes");
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    seconds.busy[l] = {lanes.double_or(name_of(static_cast<Lane>(l)), 0.0)};
  }
  return seconds;
}

std::string bar(Seconds value, Seconds most, int color) {
  return concat("<i class=\"bar c",
                color,
                "\" style=\"width:",
                coordinate(most.value > 0.0 ? 100.0 * value.value / most.value : 0.0),
                "%\"></i>");
}

std::string row(const std::string& name,
                Seconds predicted,
                std::optional<Seconds> measured,
                Seconds most) {
  std::string text = concat("<tr><th>", name, "</th><td>", to_string(predicted), "</td><td>");
  if (measured) text += to_string(*measured);
  text += "</td><td>";
  if (measured && measured->value > 0.0) text += number(predicted.value / measured->value);
  text += concat("</td><td class=\"bars\">", bar(predicted, most, 0));
  if (measured) text += bar(*measured, most, 1);
  return text + "</td></tr>\n";
}

}  // namespace

StepPrediction parse_prediction(const Json& json) {
  StepPrediction prediction{.predicted = parse_seconds(json)};
  const Json measured = json.find("measured");
  if (!measured.is_null()) prediction.measured = parse_seconds(measured);
  return prediction;
}

std::string prediction_table(const StepPrediction& prediction) {
  const StepSeconds& predicted = prediction.predicted;
  const std::optional<StepSeconds>& measured = prediction.measured;
  const Seconds most = std::max(predicted.step, measured ? measured->step : Seconds{});
  std::string text = concat(
      legend({{"predicted", 0}, {"measured", 1}}),
      R"(<div class="wide"><table class="full"><thead><tr><th></th><th>predicted</th>)",
      "<th>measured</th><th>ratio</th><th></th></tr></thead>\n<tbody>\n",
      row("step", predicted.step, measured ? std::optional(measured->step) : std::nullopt, most));
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    const Seconds before = predicted.busy[l];
    const std::optional<Seconds> after = measured ? std::optional(measured->busy[l]) : std::nullopt;
    if (before.value == 0.0 && (!after || after->value == 0.0)) continue;
    text += row(concat(name_of(static_cast<Lane>(l)), " busy"), before, after, most);
  }
  return text + "</tbody></table></div>\n";
}

}  // namespace longhaul
