// A run file to begin with: settings that work for a model and its data as they are.
#pragma once

#include <string>
#include <vector>

#include "longhaul/data/load.h"
#include "longhaul/run/environment.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

struct Proposal {
  RunConfig config;
  std::vector<FileReport> files;  // what the data was recognised as
};

// Reads the model's configuration and all of the data. Departs from the defaults where they would
// not work: max_length no longer than the model takes, the chatml template for chats where the
// model has none, bad samples skipped where there are any, nothing held out of very few samples, a
// step small enough for 20 of them in an epoch. Throws as load_run_data().
Proposal propose_run(const std::string& model,
                     const std::vector<std::string>& data,
                     const std::string& output,
                     const Environment& environment);

}  // namespace longhaul
