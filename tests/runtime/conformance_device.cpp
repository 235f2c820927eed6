#include "runtime/conformance_device.h"

namespace longhaul::test {

std::vector<DeviceKind> device_kinds() {
  std::vector<DeviceKind> kinds = host_kinds();
  for (DeviceKind& kind : cuda_kinds()) kinds.push_back(std::move(kind));
  return kinds;
}

}  // namespace longhaul::test
