#include "jinja_filters.h"

#include <algorithm>

namespace longhaul::jinja {

const FilterEntry* find_filter(std::string_view name) {
  for (const auto& filters :
       {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    const auto found = std::find_if(filters.begin(), filters.end(), [&](const FilterEntry& entry) {
      return entry.name == name;
    });
    if (found != filters.end()) return &*found;
  }
  return nullptr;
}

}  // namespace longhaul::jinja
