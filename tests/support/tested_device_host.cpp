#include "support/tested_device.h"

namespace longhaul::test {

DeviceKind tested_device() {
  return DeviceKind::kHost;
}

}  // namespace longhaul::test
