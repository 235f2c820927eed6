#include "runtime/conformance_device.h"

namespace longhaul::test {

std::vector<DeviceKind> host_kinds();

std::vector<DeviceKind> device_kinds() {
  return host_kinds();
}

}  // namespace longhaul::test
