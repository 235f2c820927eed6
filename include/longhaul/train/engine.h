// A model on a device: its states, and the passes that run on them. Every pass is lowered, placed
// and bound once; running one allocates nothing.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "longhaul/core/device_kind.h"
#include "longhaul/models/model.h"
#include "longhaul/optim/step.h"
#include "longhaul/plan/lower.h"
#include "longhaul/runtime/executor.h"
#include "longhaul/train/state_store.h"

namespace longhaul {

// One micro-batch as the graph's inputs; see BatchInputs for shapes. Spans shorter than the shape
// are refused.
struct BatchView {
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> sorted_order;
  std::span<const std::int32_t> positions;
  std::span<const std::int32_t> positions_order;
  std::span<const std::int32_t> targets;
  std::span<const std::int32_t> segment_offsets;
};

struct PassRequest {
  Pass pass = Pass::kTrain;
  BatchShape shape;
};

struct EngineOptions {
  StateFormat format;
  Plan plan;
  std::vector<PassRequest> passes;             // all with the same shape.positions
  DeviceKind device = DeviceKind::kHost;       // for a GPU: the first one
  int threads = 1;                             // of the lanes that run on the processor
  Caps caps;                                   // on a GPU at most what is free there
  std::vector<DiskFolder> disk;                // for what the plan puts on disk
  std::array<LaneSpeed, kLaneCount> speeds{};  // of an emulated device
  // Changes a lowered pass before it is placed. For tests that prove that a wrong schedule is seen.
  std::function<void(LoweredPass&)> tamper;
};

// Bytes of a tier: all, and the part of it that lives across steps (states, inputs, results).
struct TierUse {
  Bytes whole;
  Bytes across_steps;
};

class Engine {
 public:
  // Lowers and places every pass, then takes exactly the memory they need. States are zero.
  // Throws DoesNotFit when a cap is too small, before anything is allocated.
  Engine(Model model, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Model& model() const;
  // Pending updates are run first.
  StateStore& states();
  // Runs the updates that the last step left to the next one; nothing otherwise.
  void drain();

  // One optimizer step on exactly shape.micro_batches micro-batches.
  StepResults train(std::span<const BatchView> batches, const StepScalars& scalars);
  // Sum of the losses of as many micro-batches.
  double evaluate(std::span<const BatchView> batches);
  // Fills the caches with segment 0 of `batch` and returns the logits after its last token.
  // The prefill pass with the fewest tokens that holds the batch's ids is taken. [vocabulary]
  std::vector<float> prefill(const BatchView& batch);
  // Appends `token` at `position` and returns the logits that follow it. [vocabulary]
  std::vector<float> decode(std::int32_t token, std::int32_t position);

  // Of the pass run last, and what it ran.
  const Timeline& last_timeline() const;
  const PlacedSchedule& last_schedule() const;
  // By the index of the request.
  const PlacedSchedule& schedule(std::size_t pass) const;
  TierUse use_of(Tier tier) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace longhaul
