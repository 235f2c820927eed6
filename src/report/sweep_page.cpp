#include "longhaul/report/sweep_page.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "longhaul/core/error.h"

#include "html.h"
#include "line_chart.h"
#include "plan_words.h"

namespace longhaul {
namespace {

constexpr double kGibibyte = 1073741824.0;

bool is_done(const SweepRow& row) {
  return row.repeats > 0 && row.status == CellStatus::kOk;
}

// "32" or "128GiB", the latter in GiB.
std::optional<double> value_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  if (*end == '\0') return value;
  try {
    return static_cast<double>(parse_bytes(text).count) / kGibibyte;
  } catch (const InvalidArgument&) {
    return std::nullopt;
  }
}

bool is_size(const std::string& text) {
  return text.find_first_not_of("0123456789.eE+-") != std::string::npos;
}

std::set<std::string> values_of(const SweepTable& table, std::size_t axis) {
  std::set<std::string> values;
  for (const SweepRow& row : table.rows) values.insert(row.settings[axis].second);
  return values;
}

// The axis with the most values, all of them numbers, at least two.
std::optional<std::size_t> numeric_axis(const SweepTable& table) {
  std::optional<std::size_t> best;
  std::size_t most = 1;
  for (std::size_t a = 0; a < table.rows.front().settings.size(); ++a) {
    const std::set<std::string> values = values_of(table, a);
    const bool are_numbers = std::all_of(
        values.begin(), values.end(), [](const std::string& text) { return value_of(text); });
    if (!are_numbers || values.size() <= most) continue;
    most = values.size();
    best = a;
  }
  return best;
}

// The last other axis with more than one value.
std::optional<std::size_t> curve_axis(const SweepTable& table, std::size_t x) {
  for (std::size_t a = table.rows.front().settings.size(); a-- > 0;) {
    if (a != x && values_of(table, a).size() > 1) return a;
  }
  return std::nullopt;
}

// Charts by what is not an axis of theirs, in the order of the table.
class Charts {
 public:
  Charts(const SweepTable& table, std::size_t x) : x_(x), curves_(curve_axis(table, x)) {
    const auto& settings = table.rows.front().settings;
    x_name_ = settings[x].first + (is_size(settings[x].second) ? ", GiB" : "");
    if (curves_) unit_ += " by " + settings[*curves_].first;
    for (const SweepRow& row : table.rows) add(row);
  }

  std::string drawn() {
    std::string text;
    for (LineChart& chart : charts_) {
      for (ChartLine& line : chart.curves) std::sort(line.points.begin(), line.points.end());
      text += line_chart(chart);
    }
    return concat("<div class=\"charts\">\n", text, "</div>\n");
  }

 private:
  void add(const SweepRow& row) {
    std::string title;
    for (std::size_t a = 0; a < row.settings.size(); ++a) {
      if (a == x_ || curves_ == a) continue;
      title +=
          concat(title.empty() ? "" : ", ", row.settings[a].first, " ", row.settings[a].second);
    }
    const std::string name = curves_ ? row.settings[*curves_].second : "tokens/s";
    LineChart& chart = chart_named(title);
    auto line = std::find_if(chart.curves.begin(), chart.curves.end(), [&](const ChartLine& known) {
      return known.name == name;
    });
    if (line == chart.curves.end()) {
      // A value has one colour in all charts.
      const auto color = colors_.try_emplace(name, static_cast<int>(colors_.size()) % kColors);
      chart.curves.push_back({.name = name, .color = color.first->second, .has_dots = true});
      line = chart.curves.end() - 1;
    }
    if (is_done(row)) {
      line->points.emplace_back(*value_of(row.settings[x_].second), row.tokens_per_second());
    }
  }

  LineChart& chart_named(const std::string& title) {
    for (LineChart& chart : charts_) {
      if (chart.title == title) return chart;
    }
    charts_.push_back({.title = title, .unit = unit_, .x_name = x_name_, .from_zero = true});
    return charts_.back();
  }

  std::size_t x_;
  std::optional<std::size_t> curves_;
  std::string x_name_;
  std::string unit_ = "tokens/s";
  std::map<std::string, int> colors_;
  std::vector<LineChart> charts_;
};

std::string lane_text(const SweepRow& row) {
  const auto most = std::max_element(row.busy.begin(), row.busy.end());
  if (most->value <= 0.0 || row.seconds.median <= 0.0) return "-";
  return concat(name_of(static_cast<Lane>(most - row.busy.begin())),
                " ",
                percent(most->value / row.seconds.median));
}

std::string size_text(Bytes size) {
  return size.count == 0 ? "-" : to_string(size);
}

std::vector<std::string> figures(const SweepRow& row) {
  if (row.repeats == 0) return {"open"};
  if (!is_done(row)) return {name_of(row.status)};
  return {number(row.tokens_per_second()),
          number(row.seconds.median),
          row.repeats > 1 ? concat(number(row.seconds.low), " to ", number(row.seconds.high)) : "-",
          lane_text(row),
          size_text(row.peak[0]),
          size_text(row.peak[1]),
          size_text(row.peak[2])};
}

Table table_of(const SweepTable& table) {
  Table cells;
  for (const auto& setting : table.rows.front().settings) cells.head.push_back(setting.first);
  for (const char* name :
       {"tokens/s", "s/step", "middle half", "busiest lane", "device", "host", "disk"}) {
    cells.head.emplace_back(name);
  }
  for (const SweepRow& row : table.rows) {
    std::vector<std::string> words;
    for (const auto& setting : row.settings) words.push_back(setting.second);
    for (const std::string& figure : figures(row)) words.push_back(figure);
    words.resize(cells.head.size());
    cells.rows.push_back(std::move(words));
  }
  return cells;
}

std::string reasons(const SweepTable& table) {
  std::vector<std::string> lines;
  for (const SweepRow& row : table.rows) {
    if (row.reason.empty()) continue;
    std::string name;
    for (const auto& setting : row.settings) {
      name += concat(name.empty() ? "" : ", ", setting.first, " ", setting.second);
    }
    lines.push_back(concat(name, ": ", row.reason));
  }
  return lines.empty() ? "" : details("Why cells have no time", list(lines));
}

}  // namespace

std::string sweep_text(const SweepTable& table) {
  if (table.rows.empty()) return "";
  const Table cells = table_of(table);
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < cells.head.size(); ++c) {
    std::size_t width = cells.head[c].size();
    for (const auto& row : cells.rows) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t c = 0; c < row.size(); ++c) {
      text += row[c] + std::string(widths[c] - row[c].size() + 2, ' ');
    }
    return text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
  };
  std::string text = line(cells.head);
  for (const auto& row : cells.rows) text += line(row);
  return text;
}

std::string sweep_page(const std::string& name, const SweepTable& table) {
  require(!table.rows.empty(), "sweep_page: got no cell, expected at least one");
  std::string body = concat("<p class=\"faint\">",
                            table.is_simulated ? "Simulated" : "Measured",
                            ", ",
                            table.rows.size(),
                            " cells</p>\n");
  if (const auto x = numeric_axis(table)) {
    body += section("Speed", Charts(table, *x).drawn());
  }
  body += section("Cells", longhaul::table(table_of(table)) + reasons(table));
  return html_page(name, body);
}

}  // namespace longhaul
