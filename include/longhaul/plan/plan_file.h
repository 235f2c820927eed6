// A plan as YAML: readable, editable, replayable.
#pragma once

#include <string>

#include "longhaul/config/document.h"
#include "longhaul/plan/plan.h"

namespace longhaul {

// Throws ConfigError with every error of the document at once: file, line, what was expected.
Plan parse_plan(const Document& document);
// Throws IoError too.
Plan load_plan(const std::string& file);

// Reads back as the same plan. With comments each key is preceded by its meaning.
std::string to_yaml(const Plan& plan, bool with_comments = false);

}  // namespace longhaul
