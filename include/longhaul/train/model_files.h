// Weights between a model folder and the states of an engine, one tensor at a time.
#pragma once

#include <filesystem>
#include <functional>

#include "longhaul/formats/model_folder.h"
#include "longhaul/models/model.h"
#include "longhaul/train/state_store.h"

namespace longhaul {

// Told after each tensor: how many are done, and of how many.
using TensorProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// The model that the folder's config.json describes. Reads headers only: throws FormatError, before
// anything of the model's claimed size is allocated, that names file and tensor when a weight is
// missing or has another shape than the configuration says.
Model make_model(const ModelFolder& folder, DType dtype);

// Fills every weight. In bf16 runs the remainder is what the checkpoint has of it, or drawn where
// it has none (decision 008). Takes one tensor beside the states.
// Throws FormatError that names file and tensor as make_model does, and when a number is not
// finite.
void load_weights(const ModelFolder& folder,
                  const Model& model,
                  StateStore& states,
                  const TensorProgress& on_tensor = {});

// The model as `transformers` reads it: weights in the run's precision under the names and layouts
// of the checkpoint, config.json with its dtype, every companion file of `source`. Atomic: see
// write_model_folder; an existing folder is replaced.
void save_model(const std::filesystem::path& target,
                const ModelFolder& source,
                const Model& model,
                StateStore& states);

}  // namespace longhaul
