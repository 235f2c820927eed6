#include "line_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "longhaul/core/error.h"

#include "axis.h"

namespace longhaul {
namespace {

constexpr double kWidth = 520.0;
constexpr double kHeight = 270.0;
constexpr double kLeft = 58.0;
constexpr double kRight = kWidth - 20.0;
constexpr double kTop = 10.0;
constexpr double kBottom = kHeight - 40.0;
constexpr std::size_t kMostPoints = 900;
constexpr std::size_t kMostDots = 60;

using Points = std::vector<std::pair<double, double>>;

Points finite(const Points& points) {
  Points kept;
  for (const auto& point : points) {
    if (std::isfinite(point.second)) kept.push_back(point);
  }
  return kept;
}

Points thinned(const Points& points) {
  if (points.size() <= kMostPoints) return points;
  Points thin;
  const std::size_t count = (points.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t begin = 0; begin < points.size(); begin += count) {
    const std::size_t end = std::min(points.size(), begin + count);
    double sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) sum += points[i].second;
    thin.emplace_back(points[(begin + end - 1) / 2].first, sum / static_cast<double>(end - begin));
  }
  return thin;
}

struct Scales {
  Axis x;
  Axis y;

  double px(double value) const { return kLeft + x.share(value) * (kRight - kLeft); }
  double py(double value) const { return kBottom + y.share(value) * (kTop - kBottom); }
};

Scales scales_of(const LineChart& chart, const std::vector<Points>& curves) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::pair<double, double> x{kNever, -kNever};
  std::pair<double, double> y{kNever, -kNever};
  for (const Points& points : curves) {
    for (const auto& [at, value] : points) {
      x = {std::min(x.first, at), std::max(x.second, at)};
      y = {std::min(y.first, value), std::max(y.second, value)};
    }
  }
  if (x.first > x.second) x = y = {0.0, 1.0};
  if (chart.from_zero) y.first = std::min(0.0, y.first);
  return {make_axis(x.first, x.second, 6, /*has_room=*/false),
          make_axis(y.first, y.second, 5, /*has_room=*/true, chart.is_log)};
}

std::string line(const char* kind, double x1, double y1, double x2, double y2) {
  return concat("<line class=\"",
                kind,
                "\" x1=\"",
                coordinate(x1),
                "\" y1=\"",
                coordinate(y1),
                "\" x2=\"",
                coordinate(x2),
                "\" y2=\"",
                coordinate(y2),
                "\"/>\n");
}

std::string axes(const Scales& scales, const LineChart& chart) {
  std::string text;
  for (const double mark : scales.y.marks) {
    text += line("grid", kLeft, scales.py(mark), kRight, scales.py(mark));
    text += text_at(kLeft - 6.0, scales.py(mark) + 4.0, "end", mark_text(mark));
  }
  for (const double mark : scales.x.marks) {
    text += line("axis", scales.px(mark), kBottom, scales.px(mark), kBottom + 4.0);
    text += text_at(scales.px(mark), kBottom + 18.0, "middle", mark_text(mark));
  }
  text += line("axis", kLeft, kBottom, kRight, kBottom);
  return text + text_at((kLeft + kRight) / 2.0, kHeight - 4.0, "middle", chart.x_name);
}

std::string drawn(const ChartLine& curve, const Points& points, const Scales& scales) {
  std::string line;
  std::string dots;
  const bool has_dots = (curve.has_dots && points.size() <= kMostDots) || points.size() == 1;
  for (const auto& [x, y] : points) {
    const std::string px = coordinate(scales.px(x));
    const std::string py = coordinate(scales.py(y));
    line += concat(px, ",", py, " ");
    if (has_dots) dots += concat("<circle cx=\"", px, "\" cy=\"", py, R"(" r="3"/>)");
  }
  const std::string name = curve.is_faded ? "" : concat(" data-name=\"", escaped(curve.name), "\"");
  return concat("<g class=\"c",
                curve.color,
                "\"",
                name,
                "><polyline",
                curve.is_faded ? " class=\"faded\"" : "",
                " points=\"",
                line,
                "\"/>",
                dots,
                "</g>\n");
}

std::string scale_text(const Scales& scales) {
  std::string text;
  for (const double value : {scales.x.low, scales.x.high, scales.y.low, scales.y.high}) {
    std::array<char, 32> digits{};
    std::snprintf(digits.data(), digits.size(), "%.9g ", value);
    text += digits.data();
  }
  for (const double value : {kLeft, kRight, kBottom, kTop}) text += coordinate(value) + " ";
  return text + (scales.y.is_log ? "1" : "0");
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  std::vector<Points> curves;
  std::vector<LegendItem> names;
  for (const ChartLine& curve : chart.curves) {
    curves.push_back(thinned(finite(curve.points)));
    if (!curve.is_faded) names.push_back({curve.name, curve.color});
  }
  const Scales scales = scales_of(chart, curves);
  std::string text =
      concat("<figure><h3>",
             escaped(chart.title),
             chart.unit.empty() ? "" : concat(" <span class=\"faint\">", chart.unit, "</span>"),
             "</h3>\n",
             names.size() > 1 ? legend(names) : "",
             "<svg viewBox=\"0 0 ",
             coordinate(kWidth),
             " ",
             coordinate(kHeight),
             R"(" role="img" aria-label=")",
             escaped(chart.title),
             "\" data-x=\"",
             escaped(chart.x_name),
             "\" data-scale=\"",
             scale_text(scales),
             "\">\n",
             axes(scales, chart));
  for (std::size_t i = 0; i < curves.size(); ++i) text += drawn(chart.curves[i], curves[i], scales);
  text += concat(R"(<line class="cursor" visibility="hidden" x1="0" x2="0" y1=")",
                 coordinate(kTop),
                 "\" y2=\"",
                 coordinate(kBottom),
                 "\"/>\n</svg></figure>\n");
  return text;
}

}  // namespace longhaul
