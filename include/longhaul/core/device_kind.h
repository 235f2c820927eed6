// What the device tier and the compute lane are.
#pragma once

#include <cstdint>

namespace longhaul {

enum class DeviceKind : std::uint8_t {
  kHost,  // computes on the cores of the host, which its lanes share
  kCuda,
};
const char* name_of(DeviceKind kind);

}  // namespace longhaul
