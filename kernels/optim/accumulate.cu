#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/optim/accumulate.h"
#include "kernels/optim/gradient_norm.h"

namespace longhaul::kernels {
namespace {

template <class T>
struct AccumulateBody {
  float* accumulator;
  const T* gradient;
  bool is_first;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float sum[kCount], g[kCount];
    load(gradient + i, g);
    if (is_first) {
      store(accumulator + i, g);
      return;
    }
    load(accumulator + i, sum);
    for (int k = 0; k < kCount; ++k) sum[k] += g[k];
    store(accumulator + i, sum);
  }
};

template <class T>
struct FinishBody {
  const float* accumulator;
  const T* gradient;
  const float* tied;
  T* transport;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float sum[kCount], term[kCount];
    load(accumulator + i, sum);
    if (gradient != nullptr) {
      load(gradient + i, term);
      for (int k = 0; k < kCount; ++k) sum[k] += term[k];
    }
    if (tied != nullptr) {
      load(tied + i, term);
      for (int k = 0; k < kCount; ++k) sum[k] += term[k];
    }
    store(transport + i, sum);
  }
};

template <class T>
void accumulate_arrays(const Accumulate& args, cudaStream_t stream) {
  const AccumulateBody<T> body{
      args.accumulator, static_cast<const T*>(args.gradient), args.is_first};
  launch_elements(stream, args.count, body, {args.accumulator, args.gradient});
}

template <class T>
void finish(const FinishAccumulation& args, cudaStream_t stream) {
  const FinishBody<T> body{args.accumulator,
                           static_cast<const T*>(args.gradient),
                           args.tied,
                           static_cast<T*>(args.transport)};
  launch_elements(
      stream, args.count, body, {args.accumulator, args.gradient, args.tied, args.transport});
}

}  // namespace

void accumulate_cuda(const Accumulate& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? accumulate_arrays<float>(args, stream)
                            : accumulate_arrays<Bf16>(args, stream);
}

// Two launches: the sums of a chunk are made by 16 threads, the rounding wants all of them.
void finish_accumulation_cuda(const FinishAccumulation& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? finish<float>(args, stream) : finish<Bf16>(args, stream);
  if (args.sums == nullptr) return;
  sum_of_squares_cuda({.x = args.transport,
                       .sums = args.sums,
                       .nonfinite = args.nonfinite,
                       .count = args.count,
                       .dtype = args.dtype},
                      launch);
}

}  // namespace longhaul::kernels
