// Everything that is wrong with a configuration, collected and reported at once.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace longhaul {

// Where a value stands. Line 0: the source as a whole, or a source without lines ("--set").
struct Place {
  std::string source;
  int line = 0;  // counted from 1

  bool operator==(const Place&) const = default;
};

// "run.yaml:4", "--set".
std::string to_string(const Place& place);

// Errors in the order in which they are found; reported source by source, sorted by line.
class ConfigErrors {
 public:
  // One line `place: key: what`; `key` may be empty.
  void add(const Place& place, std::string_view key, std::string_view what);
  void add_all(const ConfigErrors& others);

  bool is_empty() const { return errors_.empty(); }
  // One error per line; at most 50, then how many more there are.
  std::string text() const;
  // Throws ConfigError with text() unless there is none.
  void throw_if_any() const;

 private:
  struct Item {
    Place place;
    std::string text;
  };
  std::vector<Item> errors_;
};

// The candidate that `name` was probably meant to be: at most a third of its letters added, left
// out, replaced or swapped with a neighbour; case, '-' and '_' do not count. Empty when none is
// near.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace longhaul
