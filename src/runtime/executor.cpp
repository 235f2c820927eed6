#include "longhaul/runtime/executor.h"

#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <mutex>
#include <thread>
#include <utility>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

// Dependencies that are nearly met are waited for without giving up the core.
constexpr int kSpins = 500;
constexpr std::int32_t kAborted = INT32_MAX;

// Ops of one lane that have ended in this pass.
struct alignas(64) Progress {
  std::atomic<std::int32_t> ended{0};

  void wait_for(std::int32_t count) const {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (ended.load(std::memory_order_acquire) >= count) return;
    }
    for (std::int32_t now = ended.load(std::memory_order_acquire); now < count;
         now = ended.load(std::memory_order_acquire)) {
      ended.wait(now, std::memory_order_acquire);
    }
  }
  void set(std::int32_t count) {
    ended.store(count, std::memory_order_release);
    ended.notify_all();
  }
};

struct Wait {
  std::size_t lane;
  std::int32_t ended;  // so many ops of that lane
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
  std::array<Progress, kLaneCount> progress;
  Timeline timeline;
  Clock::time_point start;

  std::atomic<std::uint32_t> generation{0};
  std::atomic<int> working{0};
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> is_aborted{false};
  std::mutex error_mutex;
  std::string error;
  std::vector<std::thread> threads;

  Location place_of(const Operand& operand) const {
    return {placed.schedule[operand.buffer].tier, placed.address(operand)};
  }
  void bind(const OpTable& table);
  void run_lane(std::size_t lane);
  void abort(std::size_t op, const char* what);
  void work(std::size_t lane);
};

void Executor::Team::bind(const OpTable& table) {
  const Schedule& schedule = placed.schedule;
  std::vector<Wait> position(schedule.ops().size());
  for (std::size_t i = 0; i < schedule.ops().size(); ++i) {
    const Op& op = schedule.ops()[i];
    const auto lane = static_cast<std::size_t>(op.lane);
    Step step{.op = i};
    for (const OpId before : schedule.after(make_id<OpId>(i))) {
      step.waits.push_back(position[before.index()]);
    }
    const OpAddresses addresses = addresses_of(placed, op, device);
    if (op.kind == OpKind::kCopy) {
      step.body = [this,
                   to = place_of(op.writes[0]),
                   from = place_of(op.reads[0]),
                   size = op.reads[0].size] { device.copy(to, from, size); };
    } else {
      step.body = table.bind(op, addresses, device);
    }
    lanes[lane].push_back(std::move(step));
    position[i] = {lane, static_cast<std::int32_t>(lanes[lane].size())};
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

void Executor::Team::run_lane(std::size_t lane) {
  std::int32_t ended = 0;
  for (const Step& step : lanes[lane]) {
    for (const Wait& wait : step.waits) progress[wait.lane].wait_for(wait.ended);
    if (is_aborted.load(std::memory_order_relaxed)) break;
    Interval& interval = timeline.ops[step.op];
    interval.start.value = std::chrono::duration<double>(Clock::now() - start).count();
    try {
      step.body();
    } catch (const std::exception& failure) {
      return abort(step.op, failure.what());
    } catch (...) {
      return abort(step.op, "an exception of unknown type");
    }
    interval.end.value = std::chrono::duration<double>(Clock::now() - start).count();
    progress[lane].set(++ended);
  }
  // An abort may have been overwritten by the count of an op that was still running.
  if (is_aborted.load(std::memory_order_relaxed)) progress[lane].set(kAborted);
}

void Executor::Team::work(std::size_t lane) {
  device.prepare_thread();
  for (std::uint32_t seen = 0;;) {
    generation.wait(seen, std::memory_order_acquire);
    seen = generation.load(std::memory_order_acquire);
    if (is_stopping.load(std::memory_order_relaxed)) return;
    run_lane(lane);
    if (working.fetch_sub(1, std::memory_order_acq_rel) == 1) working.notify_all();
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
  team_->bind(table);
  for (std::size_t lane = 0; lane < kLaneCount; ++lane) {
    if (team_->lanes[lane].empty()) continue;
    team_->threads.emplace_back([team = team_.get(), lane] { team->work(lane); });
  }
}

Executor::~Executor() {
  team_->is_stopping.store(true, std::memory_order_relaxed);
  team_->generation.fetch_add(1, std::memory_order_release);
  team_->generation.notify_all();
  for (std::thread& thread : team_->threads) thread.join();
}

const Timeline& Executor::run() {
  Team& team = *team_;
  for (Progress& lane : team.progress) lane.ended.store(0, std::memory_order_relaxed);
  team.is_aborted.store(false, std::memory_order_relaxed);
  team.error.clear();
  team.working.store(static_cast<int>(team.threads.size()), std::memory_order_relaxed);
  team.start = Clock::now();
  team.generation.fetch_add(1, std::memory_order_release);
  team.generation.notify_all();
  for (int working = team.working.load(std::memory_order_acquire); working != 0;
       working = team.working.load(std::memory_order_acquire)) {
    team.working.wait(working, std::memory_order_acquire);
  }
  if (team.is_aborted.load(std::memory_order_relaxed)) throw DeviceError(team.error);
  return team.timeline;
}

}  // namespace longhaul
