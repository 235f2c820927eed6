#include "runtime/conformance_device.h"

namespace longhaul::test {

std::vector<DeviceKind> cuda_kinds() {
  return {};
}

}  // namespace longhaul::test
