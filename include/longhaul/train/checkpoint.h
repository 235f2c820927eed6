// A checkpoint: everything that the numbers of the next step depend on, in a form that does not
// depend on plan or precision of storage. fp32 masters and moments per parameter, the powers of
// beta, the loader's position.
#pragma once

#include <cstdint>
#include <filesystem>

#include "longhaul/data/loader.h"
#include "longhaul/io/file_ops.h"
#include "longhaul/models/model.h"
#include "longhaul/optim/adamw.h"
#include "longhaul/train/state_store.h"

namespace longhaul {

// Beside weights and moments.
struct Progression {
  std::int64_t step = 0;    // optimizer steps done
  BetaPowers powers;        // after them; skipped steps do not count
  LoaderPosition position;  // of the next step
};

// Writes `folder` atomically: complete or not at all. Takes one tensor of memory.
// Throws IoError; an existing folder is then as it was.
void save_checkpoint(const std::filesystem::path& folder,
                     const Model& model,
                     StateStore& states,
                     const Progression& progression,
                     FileOps& files = system_files());

// Restores every weight and moment to the bit. Throws IoError, FormatError when the checkpoint is
// of another model or was damaged.
Progression load_checkpoint(const std::filesystem::path& folder,
                            const Model& model,
                            StateStore& states);

}  // namespace longhaul
