#include "longhaul/runtime/paced.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <sys/prctl.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

class PacedDevice final : public Device {
 public:
  std::byte* base(Tier /*tier*/) const override { return nullptr; }
  Bytes capacity(Tier /*tier*/) const override {
    return Bytes{std::numeric_limits<std::int64_t>::max()};
  }
  ThreadPool& pool(Lane /*lane*/) override { return pool_; }
  // A sleep ends when it should, not when the kernel finds it convenient.
  void prepare_thread() const override { (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }
  void copy(const Location& /*to*/, const Location& /*from*/, Bytes /*size*/) override { refuse(); }
  void read(std::span<std::byte> /*to*/, const Location& /*from*/) override { refuse(); }
  void write(const Location& /*to*/, std::span<const std::byte> /*from*/) override { refuse(); }

 private:
  static void refuse() { throw InvalidArgument("PacedDevice: has no memory"); }

  ThreadPool pool_{1};
};

// A disk that serves one turn after the other: whoever comes first takes the next one. A thread
// that wakes up late loses nothing, since turns follow each other by the clock.
class PacedDisk {
 public:
  void take(Clock::duration time) {
    for (bool is_first = true; time > Clock::duration::zero(); is_first = false) {
      const Clock::duration turn = std::min(time, kTurn);
      std::this_thread::sleep_until(end_of_turn(turn, is_first));
      time -= turn;
    }
  }

 private:
  static constexpr Clock::duration kTurn = std::chrono::milliseconds(5);

  Clock::time_point end_of_turn(Clock::duration turn, bool is_first) {
    const std::lock_guard lock(mutex_);
    if (is_first) taken_until_ = std::max(taken_until_, Clock::now());
    return taken_until_ += turn;
  }

  std::mutex mutex_;
  Clock::time_point taken_until_;
};

class PacedTable final : public OpTable {
 public:
  PacedTable(std::vector<Seconds> durations, double speedup, bool has_one_disk)
      : durations_(std::move(durations)),
        speedup_(speedup),
        disk_(has_one_disk ? std::make_shared<PacedDisk>() : nullptr) {}

  // The executor binds ops in their order.
  OpBody bind(const Op& op, const OpAddresses& /*addresses*/, Device& /*device*/) const override {
    require(next_ < durations_.size(), "PacedTable: has ", durations_.size(), " durations");
    const auto time = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(durations_[next_++].value / speedup_));
    if (disk_ && (op.lane == Lane::kDiskRead || op.lane == Lane::kDiskWrite)) {
      return [time, disk = disk_] { disk->take(time); };
    }
    return [time] { std::this_thread::sleep_until(Clock::now() + time); };
  }

 private:
  std::vector<Seconds> durations_;
  double speedup_;
  std::shared_ptr<PacedDisk> disk_;  // null: reads and writes do not meet
  mutable std::size_t next_ = 0;
};

}  // namespace

Paced make_paced(const PlacedSchedule& placed,
                 std::vector<Seconds> durations,
                 double speedup,
                 bool has_one_disk) {
  require(durations.size() == placed.schedule.ops().size(),
          "make_paced: got ",
          durations.size(),
          " durations for ",
          placed.schedule.ops().size(),
          " ops");
  Paced paced{.device = std::make_unique<PacedDevice>(),
              .table = std::make_unique<PacedTable>(std::move(durations), speedup, has_one_disk),
              .placed = placed};
  Schedule schedule;
  for (const Buffer& buffer : placed.schedule.buffers()) schedule.add_buffer(buffer);
  for (std::size_t i = 0; i < placed.schedule.ops().size(); ++i) {
    Op op = placed.schedule.ops()[i];
    if (op.kind == OpKind::kCopy) op.kind = OpKind::kForward;  // the executor copies by itself
    schedule.add(std::move(op), placed.schedule.after(make_id<OpId>(i)));
  }
  paced.placed.schedule = std::move(schedule);
  return paced;
}

}  // namespace longhaul
