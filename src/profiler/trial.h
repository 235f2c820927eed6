// Schedules that are run again and again on a device of their own, for what their ops take.
#pragma once

#include <functional>
#include <memory>

#include "longhaul/core/device_kind.h"
#include "longhaul/run/load_watch.h"
#include "longhaul/run/training_half.h"
#include "longhaul/runtime/executor.h"

#include "samples.h"

namespace longhaul {

// What is measured, and how a person is told and may stop it.
struct Machine {
  DeviceKind kind = DeviceKind::kHost;
  int threads = 1;      // of the processor
  std::string name;     // of the device
  Bytes device_memory;  // that a trial may take
  Bytes host_memory;
  const CallContext& context;
};

// Throws Error when somebody has asked to stop.
void check_stop(const CallContext& context);

// Says where other programs have spoiled what was measured.
void warn_of_load(const OtherLoad& load, LogSink& log);

// Arenas of at least these sizes; `host_threads` for the host lane, 0: as the machine has.
std::unique_ptr<Device> make_trial_device(const Machine& machine,
                                          Bytes device_memory,
                                          Bytes host_memory,
                                          int host_threads = 0);

// Seconds since it was made.
class Stopwatch {
 public:
  Stopwatch();
  double seconds() const;

 private:
  double begin_;
};

// How often something is repeated: until the time is over, but within these numbers.
struct Effort {
  double seconds = 1.0;
  int least = 3;
  int most = 50;
};

// Runs a first pass that does not count, then the others; `each` sees the timeline of every one.
void run_passes(Executor& executor,
                const Effort& effort,
                const CallContext& context,
                const std::function<void(const Timeline&)>& each);

// From the start of the first of some ops to the end of the last, in a pass that has run.
Seconds span_of(const Timeline& timeline, std::size_t first, std::size_t end);

// For schedules that only copy.
class CopiesOnly final : public OpTable {
 public:
  OpBody bind(const Op& op, const OpAddresses& addresses, Device& device) const override;
};

// Fills the arena of a tier with numbers as weights have them: what is all zeros is moved and
// multiplied faster than what is not.
void fill_with_numbers(Device& device, Tier tier, DType dtype);

}  // namespace longhaul
