#include <cstring>

#include "longhaul/core/error.h"
#include "longhaul/runtime/arena.h"
#include "longhaul/runtime/device.h"

namespace longhaul {
namespace {

class HostDevice final : public Device {
 public:
  explicit HostDevice(const HostDeviceOptions& options)
      : device_("device", options.device_memory),
        host_("host", options.host_memory),
        prepare_thread_(options.prepare_thread),
        pool_(options.threads, options.prepare_thread) {}

  std::byte* base(Tier tier) const override { return arena(tier).base(); }
  Bytes capacity(Tier tier) const override { return arena(tier).size(); }
  ThreadPool& compute_pool() override { return pool_; }

  void prepare_thread() const override {
    if (prepare_thread_) prepare_thread_();
  }

  void copy(std::byte* to, const std::byte* from, Bytes size) override {
    std::memcpy(to, from, static_cast<std::size_t>(size.count));
  }

 private:
  const Arena& arena(Tier tier) const {
    require(tier != Tier::kDisk, "HostDevice: the disk tier has no arena");
    return tier == Tier::kDevice ? device_ : host_;
  }

  Arena device_;
  Arena host_;
  std::function<void()> prepare_thread_;
  ThreadPool pool_;
};

}  // namespace

Device::~Device() = default;

std::unique_ptr<Device> make_host_device(const HostDeviceOptions& options) {
  return std::make_unique<HostDevice>(options);
}

}  // namespace longhaul
