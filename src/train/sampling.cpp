#include "sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "longhaul/core/philox.h"

namespace longhaul {
namespace {

constexpr std::uint64_t kSamplingPurpose = 0x73616D706C65;  // "sample"

}  // namespace

std::int32_t choose_token(const std::vector<float>& logits,
                          const SamplingOptions& options,
                          std::int64_t index) {
  const auto best = std::max_element(logits.begin(), logits.end());
  if (options.temperature <= 0.0) return static_cast<std::int32_t>(best - logits.begin());

  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](std::int32_t token) { return logits[static_cast<std::size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return logit(a) > logit(b);
  });
  if (options.top_k > 0 && static_cast<std::size_t>(options.top_k) < order.size()) {
    order.resize(static_cast<std::size_t>(options.top_k));
  }
  std::vector<double> weights;
  double total = 0.0;
  for (const std::int32_t token : order) {
    const double difference = static_cast<double>(logit(token)) - static_cast<double>(*best);
    weights.push_back(std::exp(difference / options.temperature));
    total += weights.back();
  }
  double kept = 0.0;
  std::size_t count = 0;
  while (count < weights.size() && (count == 0 || kept < options.top_p * total)) {
    kept += weights[count++];
  }
  const Philox random(options.seed, kSamplingPurpose);
  double draw = static_cast<double>(random.uniform(static_cast<std::uint64_t>(index))) * kept;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    draw -= weights[i];
    if (draw < 0.0) return order[i];
  }
  return order[count - 1];
}

}  // namespace longhaul
