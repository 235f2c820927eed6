// What the tests of all kernels share: arrays of a dtype, the bodies to try, and the two claims
// that every host body makes - the same bits for any number of threads and on any instruction set.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "longhaul/core/thread_pool.h"

#include "kernels/shared_memory.h"
#include "kernels/table.h"

namespace longhaul::test {

// Numbers of a dtype in memory that host and device read.
class Array {
 public:
  Array() = default;
  Array(DType dtype, const std::vector<float>& values);  // rounded to nearest even
  static Array filled(DType dtype, std::int64_t count, float value);

  void* data() { return bytes_.data(); }
  const void* data() const { return bytes_.data(); }
  float* floats() { return reinterpret_cast<float*>(bytes_.data()); }
  std::int64_t size() const { return count_; }
  DType dtype() const { return dtype_; }
  float operator[](std::int64_t i) const;
  std::vector<float> values() const;
  bool has_same_bits(const Array& other) const { return bytes_ == other.bytes_; }

 private:
  DType dtype_ = DType::kF32;
  std::int64_t count_ = 0;
  Shared<std::byte> bytes_;
};

// `count` standard normal numbers times `scale`, a function of `seed` alone.
std::vector<float> normal_values(std::int64_t count, std::uint64_t seed, float scale = 1.0F);

// "130_333_bf16": the name of a case in a parameterised test.
std::string case_name(std::initializer_list<std::int64_t> sizes, DType dtype);

struct Body {
  std::string name;
  const kernels::KernelTable* table;
};

// The reference is not among them.
std::vector<Body> available_host_bodies();
// The host bodies, and the CUDA bodies where there is a GPU.
std::vector<Body> available_bodies();

// Runs one kernel and waits for it.
template <class Arguments>
void call(kernels::Kernel<Arguments> kernel,
          const std::type_identity_t<Arguments>& args,
          const kernels::Launch& launch) {
  kernel(args, launch);
  if (has_gpu()) synchronize_gpu();
}

// Runs a kernel on fresh inputs in shared memory with the given bodies and returns what it wrote.
using KernelRun =
    std::function<std::vector<Array>(const kernels::KernelTable&, const kernels::Launch&)>;

std::vector<Array> run_with(const Body& body, int threads, const KernelRun& run);
std::vector<Array> run_reference(const KernelRun& run);

// Every host body, with 1, 2, 12 and 16 threads, writes the bits of the first with one thread.
void expect_same_bits_everywhere(const KernelRun& run);
// ... which are those of the reference; the CUDA bodies write them too.
void expect_reference_bits_everywhere(const KernelRun& run);
// Every body is within `tolerance(expected value)` of the reference, element by element.
void expect_close_to_reference(const KernelRun& run, const std::function<float(float)>& tolerance);

// One rounding to dtype, relative.
float unit_roundoff(DType dtype);

}  // namespace longhaul::test
