#include "kernels/device/element.cuh"
#include "kernels/device/elements.cuh"
#include "kernels/transfer/cast.h"

namespace longhaul::kernels {
namespace {

template <class From, class To>
struct CastBody {
  const From* x;
  To* y;

  template <int kCount>
  __device__ void run(std::int64_t i) const {
    float values[kCount];
    load(x + i, values);
    store(y + i, values);
  }
};

template <class From, class To>
void convert(const Cast& args, cudaStream_t stream) {
  const CastBody<From, To> body{static_cast<const From*>(args.x), static_cast<To*>(args.y)};
  launch_elements(stream, args.count, body, {args.x, args.y});
}

template <class From>
void convert_from(const Cast& args, cudaStream_t stream) {
  switch (args.to) {
    case DType::kBF16: return convert<From, Bf16>(args, stream);
    case DType::kF16: return convert<From, __half>(args, stream);
    default: return convert<From, float>(args, stream);
  }
}

}  // namespace

void cast_cuda(const Cast& args, const Launch& launch) {
  check(args);
  if (args.count == 0) return;
  auto* stream = static_cast<cudaStream_t>(launch.stream);
  switch (args.from) {
    case DType::kBF16: return convert_from<Bf16>(args, stream);
    case DType::kF16: return convert_from<__half>(args, stream);
    default: return convert_from<float>(args, stream);
  }
}

}  // namespace longhaul::kernels
