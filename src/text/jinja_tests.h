// What stands behind `is`: Jinja's tests.
#pragma once

#include <string_view>

#include "jinja_call.h"

namespace longhaul::jinja {

struct TestEntry {
  std::string_view name;
  bool (*body)(const Call& call);
};

// Null where this interpreter has no such test.
const TestEntry* find_test(std::string_view name);

}  // namespace longhaul::jinja
