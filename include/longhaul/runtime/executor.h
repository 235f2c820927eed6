// Runs a placed schedule: a worker thread per lane, FIFO per lane, dependencies by id. The worker
// of a lane that has a queue (Device::make_queue) enqueues its ops there, a few ahead, and lets the
// queue wait for other lanes. After construction nothing is allocated and no lock is taken while
// ops succeed.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "longhaul/runtime/device.h"
#include "longhaul/schedule/placement.h"
#include "longhaul/schedule/timeline.h"

namespace longhaul {

// The operands of one op as addresses; null where an operand does not exist.
struct OpAddresses {
  std::vector<std::byte*> reads;
  std::vector<std::byte*> writes;
  std::byte* scratch = nullptr;
  Bytes scratch_size;
};

using OpBody = std::function<void()>;

// Turns ops into bodies, once, before the first pass. Copies are the executor's own.
class OpTable {
 public:
  virtual ~OpTable();
  // The returned body is called once per pass, always from the thread of the op's lane, and may
  // throw. On a lane with a queue it enqueues on device.stream(op.lane) and returns. Throws
  // InvalidArgument when the table has no body for `op`.
  virtual OpBody bind(const Op& op, const OpAddresses& addresses, Device& device) const = 0;
};

class Executor {
 public:
  // Binds every op and starts the workers. `placed` and `device` must outlive the executor.
  // Throws OutOfMemory when an arena of the device is smaller than the placement's peak.
  // `node_names` make errors readable.
  Executor(const PlacedSchedule& placed,
           Device& device,
           const OpTable& table,
           std::vector<std::string> node_names = {});
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // One pass; returns when every op has ended. The first exception of an op stops the pass: ops
  // not yet begun are dropped, and a DeviceError is thrown here that names the op, its block and
  // its lane, and quotes the exception. The executor stays usable, unless the device itself has
  // failed. One call at a time, of all executors of a device.
  const Timeline& run();

 private:
  struct Team;
  std::unique_ptr<Team> team_;
};

}  // namespace longhaul
