#include <cstring>
#include <thread>

#include "runtime/conformance_device.h"
#include "runtime/queued_device.h"

namespace longhaul::test {
namespace {

HostDeviceOptions options_of(const DeviceShape& shape) {
  HostDeviceOptions options{.device_memory = shape.device_memory,
                            .host_memory = shape.host_memory,
                            .disk = shape.disk,
                            .disk_ops = shape.disk_ops};
  if (shape.disk.count > 0) options.disk_folders = {{shape.folder, shape.disk * 2}};
  return options;
}

// On the queue of the lane, or at once.
void act(const Device& device, Lane lane, const TaskQueue::Task& task) {
  if (auto* queue = static_cast<TaskQueue*>(device.stream(lane))) {
    queue->enqueue(task);
  } else {
    task();
  }
}

DeviceKind kind(std::string name, std::function<std::unique_ptr<Device>(const DeviceShape&)> make) {
  return {
      .name = std::move(name),
      .exists = [] { return true; },
      .make = std::move(make),
      .sleep =
          [](Device& device, Lane lane, std::chrono::microseconds time) {
            act(device, lane, [time] { std::this_thread::sleep_for(time); });
          },
      .fill =
          [](Device& device, Lane lane, std::byte* to, std::size_t size, unsigned char value) {
            act(device, lane, [to, size, value] { std::memset(to, value, size); });
          },
      .copy =
          [](Device& device, Lane lane, std::byte* to, const std::byte* from, std::size_t size) {
            act(device, lane, [to, from, size] { std::memcpy(to, from, size); });
          },
  };
}

}  // namespace

std::vector<DeviceKind> host_kinds() {
  return {
      kind("Host", [](const DeviceShape& s) { return make_host_device(options_of(s)); }),
      kind("Queues", [](const DeviceShape& s) { return make_queued_device(options_of(s), true); }),
      kind("QueuesWithoutCounters",
           [](const DeviceShape& s) { return make_queued_device(options_of(s), false); }),
  };
}

}  // namespace longhaul::test
