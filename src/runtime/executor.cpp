#include "longhaul/runtime/executor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <mutex>
#include <thread>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/core/signal.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

// Lanes are more than cores: whoever spins longer keeps those from running that are waited for.
constexpr std::chrono::microseconds kSpin{1};
constexpr std::int32_t kAborted = INT32_MAX;

// A queue holds at most this many ops that have not ended: a device whose own queue is full blocks
// the thread that enqueues, and may block the others with it.
constexpr std::int32_t kRunAhead = 16;

// Ops of one lane that have ended in this pass; of a lane with a queue: that are enqueued.
struct alignas(64) Progress {
  std::atomic<std::int32_t> own{0};
  std::atomic<std::int32_t>* count = &own;
  std::atomic<std::int32_t> wanted{kAborted};  // the least count that a thread sleeps for
  Signal reached;

  void wait_for(std::int32_t value) {
    const auto is_reached = [&] { return count->load(std::memory_order_acquire) >= value; };
    while (!spin_until(kSpin, is_reached)) {
      const std::uint32_t seen = reached.value();
      std::int32_t least = wanted.load();
      while (value < least && !wanted.compare_exchange_weak(least, value)) {
      }
      if (count->load() >= value) return;
      reached.wait_while(seen);
    }
  }
  // Wakes only where a count that somebody sleeps for is reached. Who registers before `wanted` is
  // cleared finds the signal raised, looks and registers again.
  void set(std::int32_t value) {
    count->store(value);
    if (wanted.load() > value) return;
    wanted.store(kAborted);
    reached.raise();
  }
};

struct Wait {
  std::size_t lane;
  std::int32_t count;  // so many ops of that lane
};

struct Step {
  OpBody body;
  std::size_t op;
  std::vector<Wait> waits;
};

OpAddresses addresses_of(const PlacedSchedule& placed, const Op& op, Device& device) {
  const auto address = [&](const Operand& operand) -> std::byte* {
    if (!operand.exists()) return nullptr;
    std::byte* base = device.base(placed.schedule[operand.buffer].tier);
    return base == nullptr ? nullptr : base + placed.address(operand).count;
  };
  OpAddresses addresses;
  for (const Operand& operand : op.reads) addresses.reads.push_back(address(operand));
  for (const Operand& operand : op.writes) addresses.writes.push_back(address(operand));
  addresses.scratch = address(op.scratch);
  addresses.scratch_size = op.scratch.size;
  return addresses;
}

}  // namespace

OpTable::~OpTable() = default;

struct Executor::Team {
  const PlacedSchedule& placed;
  Device& device;
  std::vector<std::string> node_names;
  std::array<std::vector<Step>, kLaneCount> lanes;
  std::array<std::unique_ptr<LaneQueue>, kLaneCount> queues;  // null: the lane is a thread
  std::array<Progress, kLaneCount> progress;
  Timeline timeline;
  Clock::time_point start;

  Signal begun;
  Signal all_ended;
  std::atomic<int> working{0};
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> is_aborted{false};
  std::mutex error_mutex;
  std::string error;
  std::vector<std::thread> threads;

  Location place_of(const Operand& operand) const {
    return {placed.schedule[operand.buffer].tier, placed.address(operand)};
  }
  double now() const { return std::chrono::duration<double>(Clock::now() - start).count(); }

  void make_queues();
  void bind(const OpTable& table);
  OpBody bind_copy(const Op& op);
  void abort(std::size_t op, const char* what);
  template <class Function>
  void guard(const std::size_t& op, const Function& function);
  void wait(const Wait& wait, LaneQueue* queue);
  void run_on_thread(std::size_t lane, std::size_t& op);
  void run_on_queue(std::size_t lane, std::size_t& op);
  void finish_queue(std::size_t lane);
  void run_lane(std::size_t lane);
  void work(std::size_t lane);
};

void Executor::Team::make_queues() {
  std::array<std::int32_t, kLaneCount> ops{};
  for (const Op& op : placed.schedule.ops()) ++ops[static_cast<std::size_t>(op.lane)];
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    queues[lane] = device.make_queue(static_cast<Lane>(lane), ops[lane]);
    if (auto* counter = device.counter(static_cast<Lane>(lane))) progress[lane].count = counter;
  }
}

OpBody Executor::Team::bind_copy(const Op& op) {
  const Location to = place_of(op.writes[0]);
  const Location from = place_of(op.reads[0]);
  const Bytes size = op.reads[0].size;
  LaneQueue* queue = queues[static_cast<std::size_t>(op.lane)].get();
  if (queue == nullptr) return [this, to, from, size] { device.copy(to, from, size); };
  require(to.tier != Tier::kDisk && from.tier != Tier::kDisk,
          describe(op, node_names),
          ": the disk is not within the reach of this lane");
  return [queue, to, from, size] { queue->copy(to, from, size); };
}

void Executor::Team::bind(const OpTable& table) {
  const Schedule& schedule = placed.schedule;
  using Counts = std::array<std::int32_t, kLaneCount>;
  std::vector<Counts> reached(schedule.ops().size());  // per op: what has ended when it ends
  std::array<Counts, kLaneCount> last{};               // of the op before, per lane
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const auto lane = static_cast<std::size_t>(op.lane);
    const bool is_queued = queues[lane] != nullptr;
    Step step{.op = i};
    Counts& now = reached[i] = last[lane];
    std::vector<Wait> direct;
    for (const OpId before : schedule.after(make_id<OpId>(i))) {
      const auto other = static_cast<std::size_t>(schedule[before].lane);
      const Counts& known = reached[before.index()];
      for (std::size_t k = 0; k < kLaneCount; ++k) now[k] = std::max(now[k], known[k]);
      if (!is_queued || !queues[other]) direct.push_back({other, known[other]});
    }
    // A queue also waits for the queues whose ops come before by way of host lanes: a device may
    // run queues one after the other, in an order that respects only the waits it is told of.
    for (std::size_t other = 0; is_queued && other < kLaneCount; ++other) {
      if (other == lane || !queues[other] || now[other] == last[lane][other]) continue;
      step.waits.push_back({other, now[other]});
    }
    step.waits.insert(step.waits.end(), direct.begin(), direct.end());
    step.body = op.kind == OpKind::kCopy ? bind_copy(op)
                                         : table.bind(op, addresses_of(placed, op, device), device);
    lanes[lane].push_back(std::move(step));
    now[lane] = static_cast<std::int32_t>(lanes[lane].size());
    last[lane] = now;
  }
  timeline.ops.resize(schedule.ops().size());
}

void Executor::Team::abort(std::size_t op, const char* what) {
  {
    const std::lock_guard lock(error_mutex);
    if (error.empty()) error = concat(describe(placed.schedule.ops()[op], node_names), ": ", what);
  }
  is_aborted.store(true, std::memory_order_relaxed);
  for (Progress& lane : progress) lane.set(kAborted);
}

// `op`: where the function has got to.
template <class Function>
void Executor::Team::guard(const std::size_t& op, const Function& function) {
  try {
    function();
  } catch (const std::exception& failure) {
    abort(op, failure.what());
  } catch (...) {
    abort(op, "an exception of unknown type");
  }
}

// Lets the lane of `queue`, or the calling thread where that is null, wait.
void Executor::Team::wait(const Wait& wait, LaneQueue* queue) {
  const LaneQueue* other = queues[wait.lane].get();
  Progress& there = progress[wait.lane];
  if (queue != nullptr && other == nullptr && queue->wait_for(*there.count, wait.count)) return;
  there.wait_for(wait.count);
  if (other == nullptr || is_aborted.load(std::memory_order_relaxed)) return;
  if (queue != nullptr) {
    queue->wait_for(*other, wait.count - 1);
  } else {
    other->synchronize(wait.count - 1);
  }
}

void Executor::Team::run_on_thread(std::size_t lane, std::size_t& op) {
  std::int32_t ended = 0;
  for (const Step& step : lanes[lane]) {
    op = step.op;
    for (const Wait& before : step.waits) wait(before, nullptr);
    if (is_aborted.load(std::memory_order_relaxed)) return;
    Interval& interval = timeline.ops[op];
    interval.start.value = now();
    step.body();
    interval.end.value = now();
    progress[lane].set(++ended);
  }
}

void Executor::Team::run_on_queue(std::size_t lane, std::size_t& op) {
  LaneQueue& queue = *queues[lane];
  queue.begin(start);
  std::int32_t enqueued = 0;
  for (const Step& step : lanes[lane]) {
    op = step.op;
    if (enqueued >= kRunAhead) queue.synchronize(enqueued - kRunAhead);
    for (const Wait& before : step.waits) wait(before, &queue);
    if (is_aborted.load(std::memory_order_relaxed)) return;
    queue.begin_op(enqueued);
    step.body();
    queue.end_op(enqueued);
    progress[lane].set(++enqueued);
  }
}

void Executor::Team::finish_queue(std::size_t lane) {
  queues[lane]->drain();
  if (is_aborted.load(std::memory_order_relaxed)) return;
  const std::vector<Step>& steps = lanes[lane];
  for (std::size_t i = 0; i < steps.size(); ++i) {
    timeline.ops[steps[i].op] = queues[lane]->interval(static_cast<std::int32_t>(i));
  }
}

void Executor::Team::run_lane(std::size_t lane) {
  std::size_t op = lanes[lane].front().op;
  if (queues[lane] == nullptr) {
    guard(op, [&] { run_on_thread(lane, op); });
  } else {
    guard(op, [&] { run_on_queue(lane, op); });
    guard(op, [&] { finish_queue(lane); });
  }
  // An abort may have been overwritten by the count of an op that was still running.
  if (is_aborted.load(std::memory_order_relaxed)) progress[lane].set(kAborted);
}

void Executor::Team::work(std::size_t lane) {
  device.prepare_thread();
  for (std::uint32_t seen = 0;; ++seen) {
    begun.wait_while(seen);
    if (is_stopping.load(std::memory_order_relaxed)) return;
    run_lane(lane);
    if (working.fetch_sub(1, std::memory_order_acq_rel) == 1) all_ended.raise();
  }
}

Executor::Executor(const PlacedSchedule& placed,
                   Device& device,
                   const OpTable& table,
                   std::vector<std::string> node_names)
    : team_(new Team{.placed = placed, .device = device, .node_names = std::move(node_names)}) {
  for (const Tier tier : {Tier::kDevice, Tier::kHost, Tier::kDisk}) {
    const Bytes need = placed.peak[static_cast<std::size_t>(tier)];
    if (need > device.capacity(tier)) {
      throw OutOfMemory(name_of(tier), need.count, device.capacity(tier).count);
    }
  }
  team_->make_queues();
  team_->bind(table);
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    if (team_->lanes[lane].empty()) continue;
    team_->threads.emplace_back([team = team_.get(), lane] { team->work(lane); });
  }
}

Executor::~Executor() {
  team_->is_stopping.store(true, std::memory_order_relaxed);
  team_->begun.raise();
  for (std::thread& thread : team_->threads) thread.join();
}

const Timeline& Executor::run() {
  Team& team = *team_;
  for (const Progress& lane : team.progress) lane.count->store(0, std::memory_order_relaxed);
  team.is_aborted.store(false, std::memory_order_relaxed);
  team.error.clear();
  team.working.store(static_cast<int>(team.threads.size()), std::memory_order_relaxed);
  team.start = Clock::now();
  const std::uint32_t seen = team.all_ended.value();
  team.begun.raise();
  if (!team.threads.empty()) team.all_ended.wait_while(seen);
  if (team.is_aborted.load(std::memory_order_relaxed)) throw DeviceError(team.error);
  return team.timeline;
}

}  // namespace longhaul
