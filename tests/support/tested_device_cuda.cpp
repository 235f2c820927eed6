#include <gtest/gtest.h>

#include "longhaul/runtime/cuda_device.h"

#include "support/tested_device.h"

namespace longhaul::test {
namespace {

class NeedsGpu : public testing::Environment {
 public:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  }
};

testing::Environment* const kNeedsGpu = testing::AddGlobalTestEnvironment(new NeedsGpu);

}  // namespace

DeviceKind tested_device() {
  return DeviceKind::kCuda;
}

}  // namespace longhaul::test
