#include "html.h"

#include "longhaul/core/error.h"

#include "page_frame.h"

namespace longhaul {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string html_page(const std::string& title, const std::string& body) {
  return concat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
                escaped(title),
                "</title>\n<style>",
                kPageStyle,
                "</style>\n</head>\n<body>\n<main>\n<h1>",
                escaped(title),
                "</h1>\n",
                body,
                "</main>\n<div id=\"tip\" hidden></div>\n<script>",
                kPageScript,
                "</script>\n</body>\n</html>\n");
}

std::string section(const std::string& title, const std::string& content) {
  return concat("<section>\n<h2>", escaped(title), "</h2>\n", content, "</section>\n");
}

std::string details(const std::string& title, const std::string& content) {
  return concat("<details><summary>", escaped(title), "</summary>\n", content, "</details>\n");
}

std::string list(const std::vector<std::string>& lines) {
  std::string text = "<ul>\n";
  for (const std::string& line : lines) text += concat("<li>", escaped(line), "</li>\n");
  return text + "</ul>\n";
}

std::string preformatted(const std::string& text) {
  return concat("<pre>", escaped(text), "</pre>\n");
}

std::string table(const Table& content) {
  std::string text = "<div class=\"wide\"><table>\n<thead><tr>";
  for (const std::string& cell : content.head) text += concat("<th>", escaped(cell), "</th>");
  text += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : content.rows) {
    text += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const char* tag = i == 0 ? "th" : "td";
      text += concat("<", tag, ">", escaped(row[i]), "</", tag, ">");
    }
    text += "</tr>\n";
  }
  return text + "</tbody>\n</table></div>\n";
}

std::string legend(const std::vector<LegendItem>& items) {
  std::string text = "<div class=\"legend\">";
  for (const LegendItem& item : items) {
    text += concat("<span><i class=\"c", item.color, "\"></i>", escaped(item.name), "</span>");
  }
  return text + "</div>\n";
}

}  // namespace longhaul
