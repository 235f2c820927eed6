#include "longhaul/config/config_errors.h"

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstddef>
#include <numeric>
#include <tuple>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

constexpr std::size_t kMaxReported = 50;
// Longer names are no misspellings of ours, and the distance costs their product.
constexpr std::size_t kMaxNameLength = 64;

std::string normalized(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    letters += c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return letters;
}

// Optimal string alignment: Levenshtein's edits and the exchange of two neighbours.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  std::iota(rows[0].begin(), rows[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string to_string(const Place& place) {
  return place.line > 0 ? concat(place.source, ":", place.line) : place.source;
}

void ConfigErrors::add(const Place& place, std::string_view key, std::string_view what) {
  std::string text = concat(to_string(place), ": ", key, key.empty() ? "" : ": ", what);
  // One line per error, whatever a hostile key holds.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  errors_.push_back({place, std::move(text)});
}

void ConfigErrors::add_all(const ConfigErrors& others) {
  errors_.insert(errors_.end(), others.errors_.begin(), others.errors_.end());
}

std::string ConfigErrors::text() const {
  // Files before overrides; within a source by line, what has no line last.
  std::vector<Item> sorted = errors_;
  const auto rank = [](const Item& item) {
    const bool is_file = item.place.source.rfind("--", 0) != 0;
    return std::tuple(!is_file, item.place.source, item.place.line > 0 ? item.place.line : INT_MAX);
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Item& a, const Item& b) {
    return rank(a) < rank(b);
  });

  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMaxReported); ++i) {
    text += concat(i == 0 ? "" : "\n", sorted[i].text);
  }
  if (sorted.size() > kMaxReported) {
    text += concat("\n... and ", sorted.size() - kMaxReported, " more errors");
  }
  return text;
}

void ConfigErrors::throw_if_any() const {
  if (!is_empty()) throw ConfigError(text());
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  if (name.empty() || name.size() > kMaxNameLength) return {};
  const std::string wanted = normalized(name);
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kMaxNameLength) continue;
    const std::size_t distance = edit_distance(wanted, normalized(candidate));
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace longhaul
