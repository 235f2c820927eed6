#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include <sys/prctl.h>

#include "longhaul/core/error.h"
#include "longhaul/runtime/arena.h"
#include "longhaul/runtime/device.h"

namespace longhaul {
namespace {

using Clock = std::chrono::steady_clock;

// A link of a set speed: a copy takes at least as long as the link would. Where the system wakes
// the thread too late, a copy that follows at once makes up for it, as on a link that does not wait
// for threads. Belongs to one thread.
class Pace {
 public:
  explicit Pace(const LaneSpeed& speed) : speed_(speed) {}

  void begin() {
    begin_ = Clock::now();
    if (begin_ - ended_ > std::chrono::microseconds(100)) late_ = {};
  }
  void end(Bytes size) {
    const double seconds =
        speed_.latency.value +
        (speed_.rate.rate > 0.0 ? static_cast<double>(size.count) / speed_.rate.rate : 0.0);
    if (seconds == 0.0) return;
    const auto time =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    const Clock::time_point due = begin_ + time - late_;
    late_ = {};
    if (Clock::now() - begin_ >= time) return;           // the copy itself is slower than the link
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // else every copy sleeps 50 us too long
    std::this_thread::sleep_until(due);
    ended_ = Clock::now();
    late_ = ended_ - due;
  }

 private:
  LaneSpeed speed_;
  Clock::time_point begin_;
  Clock::time_point ended_;  // the copy before
  Clock::duration late_{};   // how long after its time the copy before ended
};

class HostDevice final : public Device {
 public:
  explicit HostDevice(const HostDeviceOptions& options)
      : device_("device", options.device_memory),
        host_("host", options.host_memory),
        prepare_thread_(options.prepare_thread),
        compute_pool_(options.threads, options.prepare_thread),
        host_pool_(options.host_threads, options.prepare_thread) {
    for (const LaneSpeed& speed : options.speeds) paces_.emplace_back(speed);
    if (options.disk.count == 0) return;
    disk_.emplace(DiskStoreOptions{.folders = options.disk_folders,
                                   .size = options.disk,
                                   .verifies = options.verifies_disk,
                                   .disk = options.disk_ops});
    // Faster where the memlock limit allows it, and not needed.
    disk_->register_memory({host_.base(), static_cast<std::size_t>(host_.size().count)});
  }

  std::byte* base(Tier tier) const override {
    return tier == Tier::kDisk ? nullptr : arena(tier).base();
  }
  Bytes capacity(Tier tier) const override {
    if (tier == Tier::kDisk) return disk_ ? disk_->size() : Bytes{};
    return arena(tier).size();
  }
  ThreadPool& pool(Lane lane) override { return lane == Lane::kHost ? host_pool_ : compute_pool_; }
  void prepare_thread() const override {
    if (prepare_thread_) prepare_thread_();
  }

  void copy(const Location& to, const Location& from, Bytes size) override {
    require(from.tier != Tier::kDisk || to.tier != Tier::kDisk,
            "HostDevice: no copies from disk to disk");
    Pace& pace = paces_[static_cast<std::size_t>(lane_between(from.tier, to.tier))];
    pace.begin();
    if (from.tier == Tier::kDisk) {
      read({address(to), static_cast<std::size_t>(size.count)}, from);
    } else {
      write(to, {address(from), static_cast<std::size_t>(size.count)});
    }
    pace.end(size);
  }
  void read(std::span<std::byte> to, const Location& from) override {
    if (from.tier == Tier::kDisk) {
      disk().read(from.offset, to);
    } else {
      std::memcpy(to.data(), address(from), to.size());
    }
  }
  void write(const Location& to, std::span<const std::byte> from) override {
    if (to.tier == Tier::kDisk) {
      disk().write(to.offset, from);
    } else {
      std::memcpy(address(to), from.data(), from.size());
    }
  }

 private:
  const Arena& arena(Tier tier) const { return tier == Tier::kDevice ? device_ : host_; }
  std::byte* address(const Location& place) const {
    return arena(place.tier).base() + place.offset.count;
  }
  DiskStore& disk() {
    require(disk_.has_value(), "HostDevice: was made without a disk");
    return *disk_;
  }

  Arena device_;
  Arena host_;
  std::optional<DiskStore> disk_;  // registers the host arena: goes first
  std::function<void()> prepare_thread_;
  std::vector<Pace> paces_;
  ThreadPool compute_pool_;
  ThreadPool host_pool_;
};

}  // namespace

std::unique_ptr<Device> make_host_device(const HostDeviceOptions& options) {
  return std::make_unique<HostDevice>(options);
}

}  // namespace longhaul
