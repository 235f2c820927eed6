#include <cmath>
#include <numbers>

#include "longhaul/core/error.h"

#include "family.h"

namespace longhaul {
namespace {

// The scaling of Llama 3.1: low frequencies are divided by `factor`, high ones stay, and those
// between are interpolated by wavelength.
void scale_as_llama3(std::vector<float>& frequencies, const Json& scaling) {
  const double factor = scaling.as_double("factor");
  const double low = scaling.as_double("low_freq_factor");
  const double high = scaling.as_double("high_freq_factor");
  const double context = scaling.as_double("original_max_position_embeddings");
  for (float& frequency : frequencies) {
    const double wavelength = 2.0 * std::numbers::pi / static_cast<double>(frequency);
    if (wavelength < context / high) continue;
    if (wavelength > context / low) {
      frequency = static_cast<float>(static_cast<double>(frequency) / factor);
      continue;
    }
    const double smooth = (context / wavelength - low) / (high - low);
    const auto f = static_cast<double>(frequency);
    frequency = static_cast<float>((1.0 - smooth) * f / factor + smooth * f);
  }
}

std::vector<float> angles(const RotaryTables& tables,
                          std::int64_t positions,
                          double (*function)(double)) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(positions) * tables.frequencies.size());
  for (std::int64_t p = 0; p < positions; ++p) {
    for (const float frequency : tables.frequencies) {
      const float angle = static_cast<float>(p) * frequency;
      values.push_back(static_cast<float>(function(static_cast<double>(angle))));
    }
  }
  return values;
}

double cosine(double x) {
  return std::cos(x);
}
double sine(double x) {
  return std::sin(x);
}

}  // namespace

std::vector<float> rotary_cosines(const RotaryTables& tables, std::int64_t positions) {
  return angles(tables, positions, cosine);
}

std::vector<float> rotary_sines(const RotaryTables& tables, std::int64_t positions) {
  return angles(tables, positions, sine);
}

std::vector<float> rotary_frequencies(const Json& config, std::int64_t dim, double default_theta) {
  Json parameters = config.find("rope_parameters");
  Json scaling = parameters;
  if (parameters.is_null()) {
    parameters = config;
    scaling = config.find("rope_scaling");
  }
  allow_number(parameters, "partial_rotary_factor", 1.0);
  allow_number(config, "partial_rotary_factor", 1.0);
  const double theta =
      parameters.double_or("rope_theta", config.double_or("rope_theta", default_theta));
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    const auto power = static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
    frequencies.push_back(1.0F / power);
  }
  if (scaling.is_null()) return frequencies;
  allow(scaling, "rope_type", {"default", "linear", "llama3"});
  allow(scaling, "type", {"default", "linear", "llama3"});
  const std::string type = scaling.string_or("rope_type", scaling.string_or("type", "default"));
  if (type == "linear") {
    const auto factor = static_cast<float>(scaling.as_double("factor"));
    for (float& frequency : frequencies) frequency /= factor;
  }
  if (type == "llama3") scale_as_llama3(frequencies, scaling);
  return frequencies;
}

}  // namespace longhaul
