#include <cstring>
#include <thread>

#include "runtime/conformance_device.h"

namespace longhaul::test {

DeviceKind host_kind() {
  return {
      .name = "Host",
      .exists = [] { return true; },
      .make =
          [](const DeviceShape& shape) {
            HostDeviceOptions options{.device_memory = shape.device_memory,
                                      .host_memory = shape.host_memory,
                                      .disk = shape.disk,
                                      .disk_ops = shape.disk_ops};
            if (shape.disk.count > 0) options.disk_folders = {{shape.folder, shape.disk * 2}};
            return make_host_device(options);
          },
      .sleep =
          [](Device&, Lane, std::chrono::microseconds time) { std::this_thread::sleep_for(time); },
      .fill =
          [](Device&, Lane, std::byte* to, std::size_t size, unsigned char value) {
            std::memset(to, value, size);
          },
      .copy =
          [](Device&, Lane, std::byte* to, const std::byte* from, std::size_t size) {
            std::memcpy(to, from, size);
          },
  };
}

}  // namespace longhaul::test
