// LoHan's planner (Liao et al. 2025, "LoHan", section IV; the paper is also known as "Ratel"): how
// many bytes of activations to swap out of the GPU, by the paper's own model of a step. A step is
// a forward and a backward stage that do not overlap; each takes as long as what it uses most.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/core/ids.h"
#include "longhaul/core/units.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/hardware/profile.h"

namespace longhaul {

// What its first iteration measures. The paper has one THP_G for both stages.
struct LohanProfile {
  FlopsPerSecond forward;     // THP_G of the forward stage and of recomputation
  FlopsPerSecond backward;    // THP_G of the backward stage
  BytesPerSecond link;        // BW_G, per direction
  BytesPerSecond disk_read;   // BW_S2M
  BytesPerSecond disk_write;  // BW_M2S
  Bytes host_free;            // MEM_avail: what swapped activations may take of the host
};

// From the profile of a machine, by its rates for large amounts.
LohanProfile lohan_profile(const HardwareProfile& machine, Bytes host_free);
// That of the paper's server with 12 drives: one rate of 145 TFLOP/s, a link of 21 GB/s and disks
// that read and write at 21 GB/s. Fitted to the amounts that the paper says its planner chose.
LohanProfile lohan_published_profile();

// The result of a layer, which is kept or computed again.
struct SwapLayer {
  TensorId tensor;  // none where the model is not a graph
  Bytes bytes;
  Flops flops;
};

struct LohanWork {
  double parameters = 0.0;  // P
  Flops forward;            // FLOP_f; the backward takes twice as many
  Flops again;              // FLOP_r when only the inputs of blocks are kept
  Bytes block_inputs;       // A_interBlock, always swapped
  std::vector<SwapLayer> layers;
};

// Of a graph: layers are the activations that backward needs and that a block can compute again.
LohanWork lohan_work(const ModelGraph& graph, const BatchShape& shape);

enum class SwapCase : std::uint8_t {
  kFloor,     // the step grows from the start: a lane of bytes binds, only block inputs leave
  kInterior,  // falls, then grows
  kAll,       // always falls: the GPU binds, everything leaves
};

struct SwapDecision {
  Bytes swapped;     // A_G2M, block inputs with it
  Bytes on_disk;     // alpha A_G2M: what the host has no room for
  Flops recomputed;  // FLOP_r
  Seconds forward;   // T_f
  Seconds backward;  // T_b
  SwapCase which = SwapCase::kFloor;
  std::vector<TensorId> tensors;  // swapped besides block inputs, by falling benefit
};

// Equations 1 to 5: T_f and T_b when `swapped` bytes leave the GPU and `recomputed` FLOPs are run
// again.
SwapDecision lohan_step(const LohanWork& work,
                        const LohanProfile& profile,
                        Bytes swapped,
                        Flops recomputed);

// Algorithm 1: layers by falling benefit (FLOPs saved per byte, equation 6), as long as the step
// gets shorter; never less than the inputs of blocks.
SwapDecision choose_swap(const LohanWork& work, const LohanProfile& profile);

}  // namespace longhaul
