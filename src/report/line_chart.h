// Curves over steps or anything else that has numbers, as SVG.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "html.h"

namespace longhaul {

struct ChartLine {
  std::string name;
  int color = 0;
  std::vector<std::pair<double, double>> points;  // by rising x; what is not finite is left out
  bool is_faded = false;                          // in the background, without a name
  bool has_dots = false;
};

struct LineChart {
  std::string title;
  std::string unit;  // of y, after the title; may be empty
  std::string x_name = "step";
  bool is_log = false;
  bool from_zero = false;
  std::vector<ChartLine> curves;
};

// A figure with title, legend (of more than one name), axes and what the script needs to show
// values. Curves of very many points are thinned by means of neighbours.
std::string line_chart(const LineChart& chart);

}  // namespace longhaul
