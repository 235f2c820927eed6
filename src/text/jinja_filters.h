// The filters of Jinja, with `tojson` as transformers defines it. Those that make HTML, wrap words
// or draw random numbers are not there.
#pragma once

#include <span>
#include <string_view>

#include "jinja_call.h"

namespace longhaul::jinja {

struct FilterEntry {
  std::string_view name;
  Body body;
};

// Null where this interpreter has no such filter.
const FilterEntry* find_filter(std::string_view name);

std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> number_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> selection_filters();

}  // namespace longhaul::jinja
