// The emulated GPU as a test sees it: what it can count and how it can be made smaller.
#pragma once

#include <cstddef>
#include <cstdint>

#include "emulated_gpu/threads.h"

namespace longhaul::emulated_gpu {

// Runs every block of a launch on the calling thread.
void run_grid(const Launch& launch, const std::function<void()>& call);

// Runs `task` after what was enqueued on `stream` before, where device memory can be reached.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> task);

}  // namespace longhaul::emulated_gpu
