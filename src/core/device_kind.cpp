#include "longhaul/core/device_kind.h"

namespace longhaul {

const char* name_of(DeviceKind kind) {
  return kind == DeviceKind::kHost ? "host" : "cuda";
}

}  // namespace longhaul
