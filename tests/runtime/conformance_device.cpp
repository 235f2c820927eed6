#include "runtime/conformance_device.h"

namespace longhaul::test {

DeviceKind host_kind();

std::vector<DeviceKind> device_kinds() {
  return {host_kind()};
}

}  // namespace longhaul::test
