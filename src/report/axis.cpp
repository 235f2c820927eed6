#include "axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "longhaul/core/error.h"

#include "html.h"

namespace longhaul {
namespace {

std::string printed(const char* format, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

double round_distance(double span, int count) {
  const double rough = span / std::max(1, count);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) return factor * power;
  }
  return 10.0 * power;
}

Axis linear_axis(double low, double high, int count, bool has_room) {
  if (!(high > low)) {
    const double around = low == 0.0 ? 1.0 : std::abs(low) * 0.1;
    low -= low > 0.0 ? around : 0.0;
    high += around;
  }
  if (has_room) {
    const double room = 0.05 * (high - low);
    low = low >= 0.0 ? std::max(0.0, low - room) : low - room;
    high += room;
  }
  Axis axis{low, high};
  const double distance = round_distance(high - low, count);
  const double first = std::ceil(low / distance - 1e-9);
  for (int i = 0; i <= 2 * count + 10; ++i) {
    const double mark = (first + i) * distance;
    if (mark > high + 1e-9 * distance) break;
    axis.marks.push_back(mark);
  }
  return axis;
}

Axis log_axis(double low, double high) {
  Axis axis{low / 1.15, high * 1.15, true};
  const int first = static_cast<int>(std::floor(std::log10(axis.low)));
  const int last = static_cast<int>(std::ceil(std::log10(axis.high)));
  const bool is_wide = last - first > 4;
  for (int power = first; power <= last; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      if (is_wide && factor != 1.0) continue;
      const double mark = factor * std::pow(10.0, power);
      if (mark >= axis.low && mark <= axis.high) axis.marks.push_back(mark);
    }
  }
  return axis;
}

}  // namespace

double Axis::share(double value) const {
  if (is_log) return std::log(value / low) / std::log(high / low);
  return (value - low) / (high - low);
}

Axis make_axis(double low, double high, int count, bool has_room, bool is_log) {
  if (is_log && low > 0.0 && high > low) {
    Axis axis = log_axis(low, high);
    if (axis.marks.size() >= 2) return axis;
  }
  return linear_axis(low, high, count, has_room);
}

std::string mark_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return printed("%.4gG", value / 1e9);
  if (size >= 1e6) return printed("%.4gM", value / 1e6);
  if (size >= 1e4) return printed("%.4gk", value / 1e3);
  if (size < 1e-12) return "0";
  return printed("%.4g", value);
}

std::string coordinate(double value) {
  std::string text = printed("%.1f", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string text_at(
    double x, double y, const char* anchor, const std::string& text, bool is_strong) {
  return concat("<text",
                is_strong ? " class=\"strong\"" : "",
                " x=\"",
                coordinate(x),
                "\" y=\"",
                coordinate(y),
                "\" text-anchor=\"",
                anchor,
                "\">",
                escaped(text),
                "</text>\n");
}

}  // namespace longhaul
