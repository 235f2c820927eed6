#include "kernels/kernel_test.h"

#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "longhaul/core/philox.h"

#include "kernels/element.h"

namespace longhaul::test {
namespace {

using kernels::InstructionSet;
using kernels::KernelTable;
using kernels::Launch;

ThreadPool& pool_of(int threads) {
  static std::map<int, std::unique_ptr<ThreadPool>> pools;
  std::unique_ptr<ThreadPool>& pool = pools[threads];
  if (!pool) pool = std::make_unique<ThreadPool>(threads);
  return *pool;
}

void expect_same_bits(const std::vector<Array>& actual,
                      const std::vector<Array>& expected,
                      const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t k = 0; k < actual.size(); ++k) {
    if (actual[k].has_same_bits(expected[k])) continue;
    ASSERT_EQ(actual[k].size(), expected[k].size());
    for (std::int64_t i = 0; i < actual[k].size(); ++i) {
      const float a = actual[k][i];
      const float e = expected[k][i];
      if (std::isnan(a) && std::isnan(e)) continue;  // payloads are not part of any claim
      ASSERT_TRUE(std::memcmp(&a, &e, sizeof(a)) == 0)
          << what << ": output " << k << ", element " << i << ": got " << a << ", expected " << e;
    }
  }
}

void expect_bits_everywhere(const std::vector<Array>& expected, const KernelRun& run) {
  for (const Body& body : available_host_bodies()) {
    for (const int threads : {1, 2, 12, 16}) {
      expect_same_bits(run_with(body, threads, run),
                       expected,
                       body.name + " with " + std::to_string(threads) + " threads");
    }
  }
}

}  // namespace

Array::Array(DType dtype, const std::vector<float>& values)
    : dtype_(dtype),
      count_(static_cast<std::int64_t>(values.size())),
      bytes_(values.size() * static_cast<std::size_t>(size_of(dtype))) {
  for (std::int64_t i = 0; i < count_; ++i) {
    kernels::store_element(bytes_.data(), i, dtype, values[static_cast<std::size_t>(i)]);
  }
}

Array Array::filled(DType dtype, std::int64_t count, float value) {
  return Array(dtype, std::vector<float>(static_cast<std::size_t>(count), value));
}

float Array::operator[](std::int64_t i) const {
  return kernels::load_element(bytes_.data(), i, dtype_);
}

std::vector<float> Array::values() const {
  std::vector<float> all;
  for (std::int64_t i = 0; i < count_; ++i) all.push_back((*this)[i]);
  return all;
}

// Kept, because making them costs more than the kernels that read them.
std::vector<float> normal_values(std::int64_t count, std::uint64_t seed, float scale) {
  static std::map<std::uint64_t, std::vector<float>> kept;
  std::vector<float>& of_seed = kept[seed];
  const Philox philox(seed, 0);
  for (std::size_t i = of_seed.size(); i < static_cast<std::size_t>(count); ++i) {
    of_seed.push_back(philox.normal(i));
  }
  std::vector<float> values(of_seed.begin(), of_seed.begin() + count);
  for (float& value : values) value *= scale;
  return values;
}

std::string case_name(std::initializer_list<std::int64_t> sizes, DType dtype) {
  std::string name;
  for (const std::int64_t size : sizes) name += std::to_string(size) + "_";
  return name + std::string(name_of(dtype));
}

std::vector<Body> available_host_bodies() {
  std::vector<Body> bodies;
  const auto add = [&](const char* name, InstructionSet set) {
    if (kernels::is_available(set)) bodies.push_back({name, &kernels::host_kernels(set)});
  };
  add("portable", InstructionSet::kPortable);
  add("avx2", InstructionSet::kAvx2);
  add("avx512", InstructionSet::kAvx512);
  return bodies;
}

std::vector<Body> available_bodies() {
  std::vector<Body> bodies = available_host_bodies();
  if (has_gpu()) bodies.push_back({"cuda", &kernels::cuda_kernels()});
  return bodies;
}

std::vector<Array> run_with(const Body& body, int threads, const KernelRun& run) {
  return run(*body.table, Launch{&pool_of(threads), nullptr});
}

std::vector<Array> run_reference(const KernelRun& run) {
  return run_with({"reference", &kernels::reference_kernels()}, 1, run);
}

void expect_same_bits_everywhere(const KernelRun& run) {
  expect_bits_everywhere(run_with(available_host_bodies().front(), 1, run), run);
}

void expect_reference_bits_everywhere(const KernelRun& run) {
  const std::vector<Array> expected = run_reference(run);
  expect_bits_everywhere(expected, run);
  if (has_gpu()) expect_same_bits(run_with(available_bodies().back(), 1, run), expected, "cuda");
}

void expect_close_to_reference(const KernelRun& run, const std::function<float(float)>& tolerance) {
  const std::vector<Array> expected = run_reference(run);
  for (const Body& body : available_bodies()) {
    const std::vector<Array> actual = run_with(body, 1, run);
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t k = 0; k < actual.size(); ++k) {
      for (std::int64_t i = 0; i < actual[k].size(); ++i) {
        ASSERT_NEAR(actual[k][i], expected[k][i], tolerance(expected[k][i]))
            << body.name << ": output " << k << ", element " << i;
      }
    }
  }
}

float unit_roundoff(DType dtype) {
  return dtype == DType::kF32 ? 0x1p-24F : 0x1p-8F;
}

}  // namespace longhaul::test
