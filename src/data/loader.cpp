#include "longhaul/data/loader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/philox.h"

#include "hash.h"

namespace longhaul {
namespace {

// Keeps the shuffles apart from every other use of the run's seed.
constexpr std::uint64_t kShufflePurpose = 0x73687566'00000000U;  // "shuf"

std::uint64_t fingerprint_of(const Dataset& dataset, const LoaderRules& rules) {
  Hash hash;
  hash.add(dataset.fingerprint());
  hash.add(static_cast<std::uint64_t>(rules.packing.tokens));
  hash.add(static_cast<std::uint64_t>(rules.packing.max_segments));
  hash.add(static_cast<std::uint64_t>(rules.packing.padding));
  hash.add(static_cast<std::uint64_t>(rules.micro_batches_per_step));
  hash.add(rules.seed);
  return hash.value();
}

}  // namespace

Json to_json(const LoaderPosition& position) {
  return Json::make_object({{"epoch", position.epoch},
                            {"step", position.step},
                            {"fingerprint", std::bit_cast<std::int64_t>(position.fingerprint)}});
}

LoaderPosition parse_loader_position(const Json& json) {
  return {json.as_int("epoch"),
          json.as_int("step"),
          std::bit_cast<std::uint64_t>(json.as_int("fingerprint"))};
}

std::vector<std::int64_t> shuffled_order(std::int64_t count,
                                         std::uint64_t seed,
                                         std::int64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const Philox random(seed, kShufflePurpose + static_cast<std::uint64_t>(epoch));
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i - 1, i))]);
  }
  return order;
}

Loader::Loader(const Dataset& dataset, const LoaderRules& rules)
    : dataset_(&dataset), rules_(rules), lengths_(lengths_of(dataset)) {
  require(dataset.target_tokens() > 0, "loader: the dataset has no target token");
  require(rules.micro_batches_per_step >= 1,
          "loader: micro-batches per step: got ",
          rules.micro_batches_per_step,
          ", expected >= 1");
  fingerprint_ = fingerprint_of(dataset, rules);
  packing_ = pack_epoch(0);
}

StepBatch Loader::next_step() {
  StepBatch batch;
  batch.epoch = epoch_;
  batch.step = step_;
  const std::int64_t begin = step_ * rules_.micro_batches_per_step;
  const std::int64_t end = std::min(begin + rules_.micro_batches_per_step, packing_.size());
  for (std::int64_t i = begin; i < end; ++i) {
    batch.micro_batches.push_back(make_micro_batch(*dataset_, packing_[i], rules_.packing));
    batch.sequence_tokens += batch.micro_batches.back().sequence_tokens;
    batch.target_tokens += batch.micro_batches.back().target_tokens;
  }
  if (++step_ == steps_of(packing_)) {
    ++epoch_;
    step_ = 0;
    packing_ = pack_epoch(epoch_);
  }
  return batch;
}

LoaderPosition Loader::position() const {
  return {epoch_, step_, fingerprint_};
}

void Loader::restore(const LoaderPosition& position) {
  require(position.fingerprint == fingerprint_,
          "loader: the position belongs to other data, another seed or another batch size");
  require(position.epoch >= 0, "loader: epoch: got ", position.epoch, ", expected >= 0");
  Packing packing = pack_epoch(position.epoch);
  require(position.step >= 0 && position.step < steps_of(packing),
          "loader: step of epoch ",
          position.epoch,
          ": got ",
          position.step,
          ", expected 0 to ",
          steps_of(packing) - 1);
  packing_ = std::move(packing);
  epoch_ = position.epoch;
  step_ = position.step;
}

std::int64_t Loader::steps_in_epoch(std::int64_t epoch) const {
  return steps_of(epoch == epoch_ ? packing_ : pack_epoch(epoch));
}

std::int64_t Loader::steps_in_epochs(double epochs) const {
  require(epochs >= 0 && std::isfinite(epochs), "loader: epochs: got ", epochs, ", expected >= 0");
  const double whole = std::floor(epochs);
  std::int64_t steps = 0;
  for (std::int64_t epoch = 0; epoch < static_cast<std::int64_t>(whole); ++epoch) {
    steps += steps_in_epoch(epoch);
  }
  if (epochs > whole) {
    const auto last = static_cast<double>(steps_in_epoch(static_cast<std::int64_t>(whole)));
    steps += static_cast<std::int64_t>(std::ceil((epochs - whole) * last));
  }
  return steps;
}

Packing Loader::pack_epoch(std::int64_t epoch) const {
  return pack(shuffled_order(dataset_->size(), rules_.seed, epoch), lengths_, rules_.packing);
}

std::int64_t Loader::steps_of(const Packing& packing) const {
  return (packing.size() + rules_.micro_batches_per_step - 1) / rules_.micro_batches_per_step;
}

}  // namespace longhaul
