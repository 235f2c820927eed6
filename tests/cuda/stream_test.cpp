#include "cuda/stream.h"

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cuda/event.h"

namespace longhaul {
namespace {

static_assert(std::is_nothrow_move_constructible_v<CudaStream>);
static_assert(!std::is_copy_constructible_v<CudaStream>);
static_assert(std::is_nothrow_move_constructible_v<CudaEvent>);
static_assert(!std::is_copy_constructible_v<CudaEvent>);

bool has_gpu() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

class CudaStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_gpu()) GTEST_SKIP() << "needs a GPU";
  }
};

struct FreeDevice {
  void operator()(void* pointer) const noexcept { cudaFree(pointer); }
};

std::unique_ptr<void, FreeDevice> device_bytes(std::size_t size) {
  void* raw = nullptr;
  LONGHAUL_CUDA_CHECK(cudaMalloc(&raw, size));
  return std::unique_ptr<void, FreeDevice>(raw);
}

// The fill is long against the copy's launch, so a copy that did not wait would read zeros.
TEST_F(CudaStreamTest, WaitsForAnEventOfAnotherStream) {
  constexpr std::size_t kSize = std::size_t{256} << 20;
  const auto buffer = device_bytes(kSize);
  CudaStream producer;
  CudaStream consumer;
  CudaEvent filled;
  LONGHAUL_CUDA_CHECK(cudaMemset(buffer.get(), 0, kSize));
  LONGHAUL_CUDA_CHECK(cudaDeviceSynchronize());

  LONGHAUL_CUDA_CHECK(cudaMemsetAsync(buffer.get(), 7, kSize, producer.get()));
  filled.record(producer.get());
  filled.block(consumer.get());
  std::vector<unsigned char> tail(16);
  const auto* end = static_cast<const unsigned char*>(buffer.get()) + kSize;
  LONGHAUL_CUDA_CHECK(cudaMemcpyAsync(
      tail.data(), end - tail.size(), tail.size(), cudaMemcpyDeviceToHost, consumer.get()));
  consumer.synchronize();

  EXPECT_EQ(tail, std::vector<unsigned char>(16, 7));
}

TEST_F(CudaStreamTest, KeepsItsHandleWhenMoved) {
  CudaStream first;
  cudaStream_t raw = first.get();
  const CudaStream second = std::move(first);
  EXPECT_EQ(second.get(), raw);
  EXPECT_NO_THROW(second.synchronize());
}

TEST_F(CudaStreamTest, MeasuresTimeBetweenEvents) {
  constexpr std::size_t kSize = std::size_t{256} << 20;
  const auto buffer = device_bytes(kSize);
  CudaStream stream;
  CudaEvent start(EventTiming::kOn);
  CudaEvent stop(EventTiming::kOn);

  start.record(stream.get());
  LONGHAUL_CUDA_CHECK(cudaMemsetAsync(buffer.get(), 0, kSize, stream.get()));
  stop.record(stream.get());
  stop.synchronize();

  // No device writes 256 MiB in a microsecond (268 TB/s); ten seconds is a hang.
  EXPECT_GT(stop.seconds_since(start), 1e-6);
  EXPECT_LT(stop.seconds_since(start), 10.0);
}

}  // namespace
}  // namespace longhaul
