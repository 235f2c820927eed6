// Bytes of temporaries that the body of an op needs, by formula. The bodies take their temporaries
// from exactly this range and fail when it is too small, so the formulas are tested against them.
#pragma once

#include <cstdint>

#include "longhaul/core/device_kind.h"
#include "longhaul/core/units.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/schedule/schedule.h"

namespace longhaul {

// Temporaries of one library product of a tile, per thread. LibTorch 2.11 (oneDNN 3.x) asked for
// at most 0.4 MiB at K = 2,048 and grows with the rows of the tile it copies.
inline constexpr Bytes kProductScratch = 1_MiB;

// What runs the ops of the compute lane, as far as their temporaries depend on it.
struct ComputeLane {
  ComputeLane(int threads)  // NOLINT(google-explicit-constructor): of a host device
      : workers(threads) {}
  ComputeLane(DeviceKind kind, int threads) : device(kind), workers(threads) {}

  DeviceKind device = DeviceKind::kHost;
  int workers = 1;  // each has temporaries of its own on a host device
};

// Of an op of `kind` on `node`.
Bytes scratch_bytes(const ModelGraph& graph,
                    const Node& node,
                    OpKind kind,
                    const BatchShape& shape,
                    const ComputeLane& compute);

}  // namespace longhaul
