#include "longhaul/runtime/device.h"

namespace longhaul {

LaneQueue::~LaneQueue() = default;

Device::~Device() = default;

// What follows describes a device that runs on host threads alone.

bool Device::is_pinned() const {
  return true;
}

std::unique_ptr<LaneQueue> Device::make_queue(Lane /*lane*/, std::int32_t /*ops*/) {
  return nullptr;
}

void* Device::stream(Lane /*lane*/) const {
  return nullptr;
}

std::atomic<std::int32_t>* Device::counter(Lane /*lane*/) {
  return nullptr;
}

}  // namespace longhaul
