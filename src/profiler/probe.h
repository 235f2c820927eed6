// Decoders of any size, for what ops take.
#pragma once

#include <cstdint>

#include "longhaul/models/model.h"
#include "longhaul/optim/state_format.h"

namespace longhaul {

struct Probe {
  int width;
  int heads;
  int kv_heads;
  int mlp;
  int vocabulary;
  std::int64_t tokens;
};

Model make_probe(const Probe& probe, Precision precision, int layers = 1);

// One sequence.
inline BatchShape shape_of(const Probe& probe) {
  return {.tokens = probe.tokens, .max_segments = 1, .positions = probe.tokens};
}

}  // namespace longhaul
