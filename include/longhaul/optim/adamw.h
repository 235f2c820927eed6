// AdamW with decoupled weight decay, Loshchilov & Hutter 2019, algorithm 2: settings of a run, and
// the scalars of one step.
#pragma once

namespace longhaul {

struct AdamWConfig {
  double learning_rate = 2e-5;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;  // decoupled; on matrices only unless the run says otherwise
};

// beta^t by repeated fp64 products; part of a checkpoint, so that a resumed run has the same bits.
struct BetaPowers {
  double beta1 = 1.0;
  double beta2 = 1.0;
};

BetaPowers advance(BetaPowers powers, const AdamWConfig& config);

}  // namespace longhaul
