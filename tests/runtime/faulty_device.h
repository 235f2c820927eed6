// A device on which the copy to one chosen place fails.
#pragma once

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

 private:
  void check(const Location& to) const {
    if (to.tier == failing_tier && to.offset == failing_offset) throw DeviceError("injected");
  }

  Device& device_;
};

}  // namespace longhaul::test
