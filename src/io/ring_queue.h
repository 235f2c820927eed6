// Transfers at once through an io_uring of their own.
#pragma once

#include <memory>

#include "longhaul/io/disk_ops.h"

namespace longhaul {

// As DiskOps::open_ring.
int open_ring_queue(int depth, std::unique_ptr<TransferQueue>& queue);

}  // namespace longhaul
