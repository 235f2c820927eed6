// The data of a run as its settings and its model make it: what training reads and what
// `longhaul data` shows are the same.
#pragma once

#include "longhaul/core/thread_pool.h"
#include "longhaul/data/encode.h"
#include "longhaul/data/load.h"
#include "longhaul/data/loader.h"
#include "longhaul/models/model.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

struct RunData {
  SampleEncoder encoder;
  LoadedData data;
  LoaderRules rules;
};

// The tokenizer and chat template of the run's model. Throws IoError or FormatError, also when the
// tokenizer has ids beyond the model's vocabulary.
SampleEncoder make_encoder(const RunConfig& config, const Model& model);

// Reads, encodes and splits the samples. `resolved` has passed resolve(). Throws ConfigError when
// max_length is more than the model takes, else as make_encoder() and load_data().
RunData load_run_data(const RunConfig& resolved, const Model& model, ThreadPool& pool);

// The model of config.model, without its weights. Throws IoError, FormatError.
Model load_model_graph(const RunConfig& resolved);

}  // namespace longhaul
