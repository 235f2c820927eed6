// The problem that a run gives the planner.
#pragma once

#include "longhaul/hardware/profile.h"
#include "longhaul/models/model.h"
#include "longhaul/planner/problem.h"
#include "longhaul/run/run_config.h"

namespace longhaul {

// Of a run on `machine`, which need not be this one. Its caps are the run's, and the machine's
// where the run has none; of the host's memory a tenth, at most 8 GB, is left to the system, of a
// GPU's 512 MiB to its context. Of disks the run says what may be taken: without limits.disk none.
Problem make_problem(const RunConfig& config,
                     ModelGraph graph,
                     const BatchShape& shape,
                     const HardwareProfile& machine);
// Before its data is known. Micro-batches that the run leaves open are chosen as for `plan: auto`.
Problem make_problem(const RunConfig& config, Model model, const HardwareProfile& machine);
// The same of a run that is only thought of: without limits.disk every disk of `machine` is used.
Problem make_problem_with_disks(RunConfig config, Model model, const HardwareProfile& machine);

// Of main memory, where the device is the processor with what is the device's, what is not the
// system's.
Bytes usable_memory(const HardwareProfile& machine);

// A model folder with or without weights, or its config.json. Throws IoError, FormatError.
Model load_model_shape(const std::string& path, Precision precision);

// The precision of a run that leaves it open: bf16 on a GPU.
Precision precision_of(const RunConfig& config, const HardwareProfile& machine);

}  // namespace longhaul
