// A device on which the copy to one chosen place fails.
#pragma once

#include <memory>
#include <utility>

#include "longhaul/core/error.h"
#include "longhaul/runtime/device.h"

namespace longhaul::test {

class FaultyDevice final : public Device {
 public:
  explicit FaultyDevice(Device& device) : device_(device) {}

  Tier failing_tier = Tier::kDisk;
  Bytes failing_offset{-1};  // -1: no copy fails

  std::byte* base(Tier tier) const override { return device_.base(tier); }
  Bytes capacity(Tier tier) const override { return device_.capacity(tier); }
  ThreadPool& pool(Lane lane) override { return device_.pool(lane); }
  void prepare_thread() const override { device_.prepare_thread(); }
  void copy(const Location& to, const Location& from, Bytes size) override {
    check(to);
    device_.copy(to, from, size);
  }
  void read(std::span<std::byte> to, const Location& from) override { device_.read(to, from); }
  void write(const Location& to, std::span<const std::byte> from) override {
    device_.write(to, from);
  }
  std::unique_ptr<LaneQueue> make_queue(Lane lane, std::int32_t ops) override {
    std::unique_ptr<LaneQueue> queue = device_.make_queue(lane, ops);
    if (queue == nullptr) return nullptr;
    return std::make_unique<FaultyQueue>(*this, std::move(queue));
  }
  void* stream(Lane lane) const override { return device_.stream(lane); }
  std::atomic<std::int32_t>* counter(Lane lane) override { return device_.counter(lane); }

 private:
  class FaultyQueue final : public LaneQueue {
   public:
    FaultyQueue(const FaultyDevice& device, std::unique_ptr<LaneQueue> queue)
        : device_(device), queue_(std::move(queue)) {}

    void begin(std::chrono::steady_clock::time_point zero) override { queue_->begin(zero); }
    void begin_op(std::int32_t op) override { queue_->begin_op(op); }
    void end_op(std::int32_t op) override { queue_->end_op(op); }
    void copy(const Location& to, const Location& from, Bytes size) override {
      device_.check(to);
      queue_->copy(to, from, size);
    }
    bool wait_for(const std::atomic<std::int32_t>& counter, std::int32_t value) override {
      return queue_->wait_for(counter, value);
    }
    void wait_for(const LaneQueue& other, std::int32_t op) override {
      queue_->wait_for(*static_cast<const FaultyQueue&>(other).queue_, op);
    }
    void synchronize(std::int32_t op) const override { queue_->synchronize(op); }
    void drain() override { queue_->drain(); }
    Interval interval(std::int32_t op) const override { return queue_->interval(op); }

   private:
    const FaultyDevice& device_;
    std::unique_ptr<LaneQueue> queue_;
  };

  void check(const Location& to) const {
    if (to.tier == failing_tier && to.offset == failing_offset) throw DeviceError("injected");
  }

  Device& device_;
};

}  // namespace longhaul::test
