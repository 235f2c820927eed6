#include "longhaul/runtime/paced.h"

#include <chrono>
#include <limits>
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

class PacedTable final : public OpTable {
 public:
  PacedTable(std::vector<Seconds> durations, double speedup)
      : durations_(std::move(durations)), speedup_(speedup) {}

  // The executor binds ops in their order.
  OpBody bind(const Op& /*op*/,
              const OpAddresses& /*addresses*/,
              Device& /*device*/) const override {
    require(next_ < durations_.size(), "PacedTable: has ", durations_.size(), " durations");
    const auto time = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(durations_[next_++].value / speedup_));
    return [time] { std::this_thread::sleep_until(Clock::now() + time); };
  }

 private:
  std::vector<Seconds> durations_;
  double speedup_;
  mutable std::size_t next_ = 0;
};

}  // namespace

Paced make_paced(const PlacedSchedule& placed, std::vector<Seconds> durations, double speedup) {
  require(durations.size() == placed.schedule.ops().size(),
          "make_paced: got ",
          durations.size(),
          " durations for ",
          placed.schedule.ops().size(),
          " ops");
  Paced paced{.device = std::make_unique<PacedDevice>(),
              .table = std::make_unique<PacedTable>(std::move(durations), speedup),
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
