#include "runtime/conformance_device.h"

namespace longhaul::test {

std::vector<DeviceKind> host_kinds() {
  return {};
}

}  // namespace longhaul::test
