#include "longhaul/run/prediction.h"

#include <algorithm>
#include <cmath>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

Seconds median(std::vector<double> values) {
  const std::size_t middle = values.size() / 2;
  std::sort(values.begin(), values.end());
  const bool is_odd = values.size() % 2 == 1;
  return {is_odd ? values[middle] : (values[middle - 1] + values[middle]) / 2.0};
}

Json::Members members_of(const StepTimes& times) {
  Json::Members lanes;
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    lanes.emplace_back(name_of(static_cast<Lane>(l)), Json(times.busy[l].value));
  }
  return {{"seconds", Json(times.step.value)}, {"lanes", Json::make_object(lanes)}};
}

}  // namespace

StepTimes median_of(const std::vector<StepTimes>& steps) {
  require(!steps.empty(), "median_of: no steps");
  const auto median_by = [&](const auto& number) {
    std::vector<double> values;
    values.reserve(steps.size());
    for (const StepTimes& step : steps) values.push_back(number(step).value);
    return median(std::move(values));
  };
  StepTimes times{.step = median_by([](const StepTimes& step) { return step.step; })};
  for (std::size_t l = 0; l < kLaneCount; ++l) {
    times.busy[l] = median_by([l](const StepTimes& step) { return step.busy[l]; });
  }
  return times;
}

double Prediction::drift() const {
  return measured.step.value / predicted.step.value - 1.0;
}

std::optional<Lane> Prediction::mispredicted() const {
  const auto distance = [this](std::size_t l) {
    return std::abs(measured.busy[l].value - predicted.busy[l].value);
  };
  std::size_t most = 0;
  for (std::size_t l = 1; l < kLaneCount; ++l) {
    if (distance(l) > distance(most)) most = l;
  }
  const double off = std::abs(measured.step.value - predicted.step.value);
  if (distance(most) < off / 2.0) return std::nullopt;
  return static_cast<Lane>(most);
}

Json to_json(const Prediction& prediction) {
  Json::Members members = members_of(prediction.predicted);
  members.emplace_back("measured", Json::make_object(members_of(prediction.measured)));
  return Json::make_object(members);
}

}  // namespace longhaul
