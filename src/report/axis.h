// Numbers along the side of a chart.
#pragma once

#include <string>
#include <vector>

namespace longhaul {

// From the first value to the last, with round marks between.
struct Axis {
  double low = 0.0;
  double high = 1.0;
  bool is_log = false;
  std::vector<double> marks;  // rising

  // 0 at low, 1 at high.
  double share(double value) const;
};

// Holds low and high with a little room where `has_room`; about `count` marks, 1, 2 or 5 times a
// power of ten apart. Logarithmic only where low > 0.
Axis make_axis(double low, double high, int count, bool has_room, bool is_log = false);

// "0.5", "12", "3e-5", "40k", "1.2M".
std::string mark_text(double value);

// A coordinate of an SVG, to a tenth.
std::string coordinate(double value);

// A text of an SVG, escaped here; `anchor`: "start", "middle" or "end" of it is at x.
std::string text_at(
    double x, double y, const char* anchor, const std::string& text, bool is_strong = false);

}  // namespace longhaul
