#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/elementwise/add.h"

namespace longhaul::kernels {
namespace {

template <class T>
struct AddBody {
  const T* a;
  const T* b;
  T* y;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float left[kCount], right[kCount], sum[kCount];
    load(a + i, left);
    load(b + i, right);
    for (int k = 0; k < kCount; ++k) sum[k] = left[k] + right[k];
    store(y + i, sum);
  }
};

template <class T>
void add_arrays(const Add& args, cudaStream_t stream) {
  const AddBody<T> body{
      static_cast<const T*>(args.a), static_cast<const T*>(args.b), static_cast<T*>(args.y)};
  launch_elements(stream, args.count, body, {args.a, args.b, args.y});
}

}  // namespace

void add_cuda(const Add& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  args.dtype == DType::kF32 ? add_arrays<float>(args, stream) : add_arrays<Bf16>(args, stream);
}

}  // namespace longhaul::kernels
