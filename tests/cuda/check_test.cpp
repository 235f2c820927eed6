#include "cuda/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "longhaul/core/error.h"

namespace longhaul {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(CudaCheck, AcceptsSuccess) {
  EXPECT_NO_THROW(LONGHAUL_CUDA_CHECK(cudaSuccess));
}

// cudaErrorInvalidValue needs neither a driver nor a device to be named.
TEST(CudaCheck, NamesPlaceExpressionAndStatus) {
  try {
    LONGHAUL_CUDA_CHECK(cudaErrorInvalidValue);
    FAIL() << "expected a DeviceError";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("check_test.cpp:"),
                      HasSubstr("cudaErrorInvalidValue: cudaErrorInvalidValue: invalid argument")));
  }
}

// Without a driver the failure to initialise comes back from every call, this one included.
TEST(CudaCheck, LeavesNoErrorBehind) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) GTEST_SKIP() << "needs a GPU";
  EXPECT_THROW(LONGHAUL_CUDA_CHECK(cudaMalloc(nullptr, 1)), DeviceError);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
}

}  // namespace
}  // namespace longhaul
