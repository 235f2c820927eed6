#include "longhaul/runtime/cuda_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::HasSubstr;

std::string refusal_of(const CudaDeviceOptions& options) {
  try {
    make_cuda_device(options);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CudaDevice, NamesAGpuThatIsNotThere) {
  const int ordinal = cuda_device_count() + 3;
  EXPECT_THAT(refusal_of({.ordinal = ordinal}), HasSubstr(concat("GPU ", ordinal)));
}

TEST(CudaDevice, SaysWhyThereIsNoneAndWhatToDo) {
  if (cuda_device_count() > 0) {
    EXPECT_THAT(probe_cuda_device(0).in_words(), HasSubstr("sm_"));
    return;
  }
  try {
    probe_cuda_device(0);
    FAIL() << "accepted";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(), HasSubstr("device.kind: host"));
  }
}

class CudaDeviceMemory : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda_device_count() == 0) GTEST_SKIP() << "needs a GPU";
  }
};

TEST_F(CudaDeviceMemory, SaysWhatWasNeededAndWhatWasFree) {
  const Bytes size = 1_GiB * 1024 * 1024;
  try {
    make_cuda_device({.device_memory = size});
    FAIL() << "accepted";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(error.tier(), "device");
    EXPECT_EQ(error.requested(), size.count);
    EXPECT_GT(error.available(), 0);
    EXPECT_LT(error.available(), size.count);
  }
}

TEST_F(CudaDeviceMemory, SaysWhetherTheHostArenaIsLocked) {
  EXPECT_FALSE(make_cuda_device({.host_memory = 1_MiB, .may_lock_memory = false})->is_pinned());
  EXPECT_TRUE(make_cuda_device({.host_memory = 1_MiB})->is_pinned());
}

TEST_F(CudaDeviceMemory, IsGivenBack) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_NO_THROW(make_cuda_device({.device_memory = 2_GiB, .host_memory = 64_MiB}));
  }
}

}  // namespace
}  // namespace longhaul
