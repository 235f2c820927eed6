// What every page must be: tags that close in order, and nothing that a browser would load.
#pragma once

#include <string>
#include <vector>

namespace longhaul::test {

// The first thing that is wrong; empty when nothing is.
inline std::string what_is_wrong(const std::string& page) {
  for (const char* loads : {"http:", "https:", " src=", " href=", "url(", "@import", "fetch("}) {
    if (page.find(loads) != std::string::npos) return std::string("loads something: ") + loads;
  }
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at)) {
    const std::size_t end = page.find('>', at);
    const std::string tag = page.substr(at + 1, end - at - 1);
    at = end;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name == "!DOCTYPE" || name == "meta" || tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      if (open.empty() || "/" + open.back() != tag) return "closes out of order: " + tag;
      open.pop_back();
      continue;
    }
    open.push_back(name);
    if (name == "script") at = page.find("</script>", at);
  }
  return open.empty() ? "" : "is not closed: " + open.back();
}

}  // namespace longhaul::test
