// Plans by fixed rules: the policies of the systems that longhaul is compared with, in its own
// engine. Tiers and times are the systems'; what they cannot do (exact clipping) is not added.
#pragma once

#include <string>
#include <vector>

#include "longhaul/plan/plan.h"

namespace longhaul {

// Everything stays on the device.
Plan resident_plan();
// The same, but only the input of a block is kept for its backward.
Plan recompute_plan();
// ZeRO-Offload (Ren et al. 2021): weights on the device, gradients leave as they are produced, the
// optimizer runs on the host after backward. Block inputs are kept, the rest is recomputed.
Plan zero_offload_plan();
// ZeRO-Infinity (Rajbhandari et al. 2021): states and weights on disk, block inputs in RAM, a
// serial optimizer stage after backward.
Plan zero_infinity_plan();
// LoHan (Liao et al. 2025): states and weights on disk, each block updated as its
// gradients arrive. `order` kSerial is its baseline without overlap: a stage of its own.
Plan lohan_plan(UpdateOrder order);

// By name: resident, recompute, zero_offload, zero_infinity, lohan, lohan_naive, lohan_serial.
// Throws ConfigError that lists them.
Plan make_plan(const std::string& policy);
std::vector<std::string> policy_names();

}  // namespace longhaul
