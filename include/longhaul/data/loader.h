// The training samples as an endless stream of optimizer steps, in the same order for the same
// seed, with a position that can be kept.
//
// An epoch shuffles the samples (Fisher-Yates, numbers from Philox keyed by seed and epoch), packs
// them and cuts the micro-batches into steps. Epochs do not mix, so the last step of an epoch may
// have fewer micro-batches; those that are absent contribute zero, and the step's loss is divided
// by the targets that it has.
#pragma once

#include <cstdint>
#include <vector>

#include "longhaul/core/json.h"
#include "longhaul/data/dataset.h"
#include "longhaul/data/packing.h"

namespace longhaul {

struct LoaderRules {
  PackingRules packing;
  std::int64_t micro_batches_per_step = 1;
  std::uint64_t seed = 42;
};

// Where the stream stands. `fingerprint` is of the data and the rules that it belongs to.
struct LoaderPosition {
  std::int64_t epoch = 0;  // from 0
  std::int64_t step = 0;   // of the epoch, the next to be given out; 0 <= step < steps of the epoch
  std::uint64_t fingerprint = 0;

  friend bool operator==(const LoaderPosition&, const LoaderPosition&) = default;
};

Json to_json(const LoaderPosition& position);
// Throws FormatError.
LoaderPosition parse_loader_position(const Json& json);

struct StepBatch {
  std::int64_t epoch = 0;                 // from 0
  std::int64_t step = 0;                  // of the epoch
  std::vector<MicroBatch> micro_batches;  // 1 ... micro_batches_per_step
  std::int64_t sequence_tokens = 0;
  std::int64_t target_tokens = 0;
};

// The order of an epoch's samples: a permutation of [0, count).
std::vector<std::int64_t> shuffled_order(std::int64_t count,
                                         std::uint64_t seed,
                                         std::int64_t epoch);

// Used from one thread at a time.
class Loader {
 public:
  // `dataset` must outlive the loader. Throws InvalidArgument when it has no target, a sample does
  // not fit, or a rule is out of range.
  Loader(const Dataset& dataset, const LoaderRules& rules);

  // The next step; after the last of an epoch comes the first of the next.
  StepBatch next_step();

  // The micro-batches of the epoch that the next step belongs to.
  const Packing& packing() const { return packing_; }

  LoaderPosition position() const;
  // Continues from there: what follows is what followed when the position was taken. Throws
  // InvalidArgument when the position belongs to other data or rules, or is out of range.
  void restore(const LoaderPosition& position);

  // Steps that an epoch has; costs its shuffle and packing unless it is the current one.
  std::int64_t steps_in_epoch(std::int64_t epoch) const;
  // Steps of the first `epochs` epochs; a fraction of the last is rounded up to whole steps.
  std::int64_t steps_in_epochs(double epochs) const;

 private:
  Packing pack_epoch(std::int64_t epoch) const;
  std::int64_t steps_of(const Packing& packing) const;

  const Dataset* dataset_;
  LoaderRules rules_;
  std::vector<std::int64_t> lengths_;
  std::uint64_t fingerprint_;
  std::int64_t epoch_ = 0;
  std::int64_t step_ = 0;
  Packing packing_;  // of epoch_
};

}  // namespace longhaul
