// The frame of a page and the pieces of its text. Pages stand alone: style and script are in them,
// and nothing is loaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace longhaul {

// `text` as text of an element or an attribute.
std::string escaped(std::string_view text);

// A whole page around the content of its body.
std::string html_page(const std::string& title, const std::string& body);

std::string section(const std::string& title, const std::string& content);
// Closed until it is clicked.
std::string details(const std::string& title, const std::string& content);
std::string list(const std::vector<std::string>& lines);
std::string preformatted(const std::string& text);

// Rows of text, escaped here; where `has_names`, the first column names the row and all others are
// numbers. Scrolls sideways where it is too wide.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};
std::string table(const Table& content);

// Names with the colours of their marks.
struct LegendItem {
  std::string name;
  int color = 0;  // 0..7, and 8: grey
};
inline constexpr int kColors = 8;
inline constexpr int kGrey = 8;
std::string legend(const std::vector<LegendItem>& items);

}  // namespace longhaul
