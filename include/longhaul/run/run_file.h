// Run files: a RunConfig read from YAML with every error at once, and written with every default.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "longhaul/config/document.h"
#include "longhaul/config/schema.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// What the settings are for decides which keys there are: evaluation and generation have a model
// but neither output nor optimizer.
enum class Purpose : std::uint8_t { kTrain, kUseModel };

// The table of keys: type, range, default, meaning, and the answers to other programs' keys.
const Schema<RunConfig>& run_schema(Purpose purpose);

// Throws ConfigError with every error, before anything is loaded.
RunConfig parse_run_config(const Document& document, Purpose purpose = Purpose::kTrain);

// Every key with its value; parse_run_config reads it back as the same settings.
std::string to_yaml(const RunConfig& config, bool with_comments = false);

// A run may be resumed with other settings only where they change no number. The keys whose
// values differ and would: "optimizer.learning_rate was 2e-5, is 1e-4", one per key. Both
// configurations are resolved.
std::vector<std::string> changed_numbers(const RunConfig& before, const RunConfig& now);

}  // namespace longhaul
