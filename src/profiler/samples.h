// Repeated measurements of one thing, and the figure that they make.
#pragma once

#include <string>
#include <vector>

#include "longhaul/hardware/figure.h"

namespace longhaul {

class Samples {
 public:
  void add(double value) { values_.push_back(value); }
  void add(const Samples& other);

  // Every value put through `change`.
  template <class Change>
  Samples mapped(const Change& change) const {
    Samples samples;
    for (const double value : values_) samples.add(change(value));
    return samples;
  }

  bool empty() const { return values_.empty(); }
  std::size_t size() const { return values_.size(); }
  // In the order in which they were added.
  double operator[](std::size_t i) const { return values_[i]; }
  // Throw InvalidArgument when there is none.
  double median() const { return quantile(0.5); }
  double quantile(double share) const;
  // The middle half of the values, from its lowest to its highest, as a share of the median; at
  // most 1.
  double spread() const;

 private:
  std::vector<double> values_;
};

// Four digits: more would claim what no measurement knows.
double rounded(double number);

inline void set_number(BytesPerSecond& quantity, double number) {
  quantity.rate = rounded(number);
}
inline void set_number(FlopsPerSecond& quantity, double number) {
  quantity.rate = rounded(number);
}
inline void set_number(ParametersPerSecond& quantity, double number) {
  quantity.rate = rounded(number);
}
inline void set_number(Seconds& quantity, double number) {
  quantity.value = rounded(number);
}
inline void set_number(double& quantity, double number) {
  quantity = rounded(number);
}

// The median of `samples` with their spread.
template <class Quantity>
Figure<Quantity> measured_figure(const Samples& samples, const std::string& how) {
  Figure<Quantity> figure;
  set_number(figure.value, samples.median());
  figure.spread = rounded(samples.spread());
  figure.provenance = Provenance::kMeasured;
  figure.source = how;
  return figure;
}

// What was read off the system and does not vary.
template <class Quantity>
Figure<Quantity> found_figure(const Quantity& value, std::string how) {
  return {value, 0.0, Provenance::kMeasured, std::move(how)};
}

template <class Quantity>
Figure<Quantity> assumed_figure(const Quantity& value, std::string why) {
  return {value, {}, Provenance::kAssumed, std::move(why)};
}

// Amounts of work with what they took, as a curve of rates: amounts within a factor of 1.6 make one
// point. Throws InvalidArgument when there is none.
class WorkSamples {
 public:
  void add(double amount, double seconds) { items_.push_back({amount, seconds}); }
  bool empty() const { return items_.empty(); }

  struct Group {
    double amount = 0.0;
    Samples rates;
  };
  std::vector<Group> groups() const;

 private:
  struct Item {
    double amount;
    double seconds;
  };
  std::vector<Item> items_;
};

// A single point is a rate for any amount, as in a file.
template <class CurveType>
CurveType without_lone_amount(CurveType curve) {
  if (curve.points.size() == 1) curve.points[0].at = {};
  return curve;
}

WorkCurve work_curve(const WorkSamples& samples, const std::string& how);
MoveCurve move_curve(const WorkSamples& samples, const std::string& how);

}  // namespace longhaul
