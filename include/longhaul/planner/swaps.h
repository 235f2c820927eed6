// LoHan's activation swapping (Liao et al. 2025, section IV) as a plan: an amount of bytes leaves
// the device between forward and backward, the rest is computed again. How much is a number that
// somebody gives (or lohan.h computes); which tensors make it up follows from it.
#pragma once

#include <cstdint>

#include "longhaul/config/document.h"
#include "longhaul/core/units.h"
#include "longhaul/graph/model_graph.h"
#include "longhaul/plan/plan.h"

namespace longhaul {

struct Swaps {
  Bytes bytes;              // of a step, all micro-batches
  Bytes in_ram{INT64_MAX};  // the most of them that stays on the host; the rest goes on to disk
};

// The inputs of blocks leave in any case; then the layers of lohan_work() by falling benefit, FLOPs
// per byte (equation 6), as wholes with the statistics that backward reads beside them, until the
// next one would exceed `swaps.bytes`. The host is filled in the same order.
void swap_activations(Plan& plan,
                      const ModelGraph& graph,
                      const BatchShape& shape,
                      const Swaps& swaps);

// Whether a document asks for a policy with an amount: it has the key `swap_bytes`.
bool is_swap_request(const Document& document);

// The plan of {policy: lohan | lohan_naive | lohan_serial, swap_bytes: SIZE, swap_in_ram: SIZE}.
// Throws ConfigError with every error of the document.
Plan make_plan(const Document& document, const ModelGraph& graph, const BatchShape& shape);

}  // namespace longhaul
