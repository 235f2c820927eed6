// Text made from a pattern: '%s' % x, '{}'.format(x), and HTML escapes.
#pragma once

#include <string>
#include <string_view>

#include "jinja_machine.h"
#include "jinja_value.h"

namespace longhaul::jinja {

// pattern % values, for the conversions s r d i u f F e E g G x X o c and %.
Value format_percent(Machine& machine, const Value& pattern, const Value& values);

// pattern.format(...), with attributes and indices in fields; conversions and format specifications
// are refused by name.
Value format_braces(Machine& machine, std::string_view pattern, const Arguments& arguments);

// & < > ' " as HTML writes them.
std::string escaped(std::string_view text);

}  // namespace longhaul::jinja
